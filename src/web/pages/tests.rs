//! Checks of all pages with all samples: no inline code, escaping, CSRF tokens, and the structure that screen readers need.
use super::auto_post::view::AutoPostPage;
use super::consent::view::{ConsentPage, ConsentResultPage};
use super::console::view::ConsolePage;
use super::credentials::view::CredentialsPage;
use super::decode::view::DecodePage;
use super::device::view::DeviceCodePage;
use super::error::ErrorPage;
use super::portal::no_access::NoAccessPage;
use super::portal::view::PortalPage;
use super::sessions::view::SessionsPage;
use super::sign_in::view::SignInPage;
use super::sign_out::view::SignedOutPage;
use super::terminal::view::TerminalPage;
use crate::web::signin::view::{LoginCodePage, LoginPage};
use askama::Template;

/// All sample pages, with a name for assertion messages.
pub fn pages() -> Vec<(String, String)> {
    fn render<T: Template>(kind: &str, samples: Vec<T>) -> Vec<(String, String)> {
        let name = |n| format!("{kind}-{n}");
        samples
            .iter()
            .enumerate()
            .map(|(n, page)| (name(n), page.render().expect("a sample renders")))
            .collect()
    }
    [
        render("sign_in", SignInPage::samples()),
        render("signed_out", SignedOutPage::samples()),
        render("portal", PortalPage::samples()),
        render("credentials", CredentialsPage::samples()),
        render("consent", ConsentPage::samples()),
        render("decode", DecodePage::samples()),
        render("device", DeviceCodePage::samples()),
        render("answered", ConsentResultPage::samples()),
        render("console", ConsolePage::samples()),
        render("login", LoginPage::samples()),
        render("login_code", LoginCodePage::samples()),
        render("sessions", SessionsPage::samples()),
        render("terminal", TerminalPage::samples()),
        render("error", ErrorPage::samples()),
        render("auto_post", AutoPostPage::samples()),
        render("no_access", NoAccessPage::samples()),
    ]
    .concat()
}

/// The tags of a page: the text between `<` and the next `>`. No attribute of the templates contains a `>`.
fn tags(html: &str) -> Vec<&str> {
    html.split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag))
        .collect()
}

#[test]
fn pages_have_no_inline_code_and_no_external_resources() {
    for (name, html) in pages() {
        for tag in tags(&html) {
            let (element, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            assert_ne!(element, "style", "{name}: inline style");
            assert_ne!(element, "base", "{name}: <{tag}>");
            let names: String = attributes.split('"').step_by(2).collect();
            for attribute in names.split_whitespace() {
                assert!(
                    !attribute.starts_with("on") && !attribute.starts_with("style"),
                    "{name}: <{tag}>"
                );
            }
            for loads in ["script", "link", "img", "use"] {
                let own = ["src=\"/assets/", "href=\"/assets/", "href=\"#"]
                    .iter()
                    .any(|own| attributes.contains(own));
                assert!(element != loads || own, "{name}: <{tag}>");
            }
        }
        assert_eq!(html.matches("<script ").count(), 1, "{name}: one script");
        assert_eq!(html.matches("<script").count(), 1, "{name}: one script");
        assert!(html.contains("></script>"), "{name}: the script is empty");
    }
}

#[test]
fn markup_in_values_is_escaped() {
    let hostile: Vec<_> = pages()
        .into_iter()
        .filter(|(_, html)| html.contains("7*7"))
        .collect();
    assert!(
        hostile.len() >= 9,
        "only {} pages have a sample with markup",
        hostile.len()
    );
    for (name, html) in hostile {
        for alive in ["<img", "<script>", ">'", "onerror=\""] {
            assert!(!html.contains(alive), "{name} contains {alive}");
        }
        assert!(
            html.contains("&#60;img src=x onerror=alert(1)&#62;"),
            "{name}: the escaped text is missing"
        );
    }
}

#[test]
fn every_post_form_has_a_csrf_token() {
    let mut seen = 0;
    for (name, html) in pages() {
        for form in html.split("<form").skip(1) {
            let (tag, rest) = form.split_once('>').expect("the tag ends");
            let body = rest.split_once("</form>").expect("the form ends").0;
            if tag.contains("data-send") {
                assert!(
                    !body.contains("csrf"),
                    "{name}: a form to another site contains the token"
                );
            } else if tag.contains("method=\"post\"") {
                assert_eq!(
                    body.matches("name=\"csrf\"").count(),
                    1,
                    "{name}: <form{tag}>"
                );
                assert!(
                    body.contains("<input type=\"hidden\" name=\"csrf\" value=\""),
                    "{name}: <form{tag}>"
                );
                seen += 1;
            } else {
                assert!(
                    tag.contains("method=\"get\""),
                    "{name}: <form{tag}> has no method"
                );
                assert!(
                    !body.contains("csrf"),
                    "{name}: the token would appear in a URL"
                );
            }
        }
    }
    assert!(seen > 100, "only {seen} forms");
}

#[test]
fn every_page_has_landmarks_title_and_unique_ids() {
    for (name, html) in pages() {
        assert!(
            html.starts_with("<!doctype html>\n<html lang=\"en\">"),
            "{name}"
        );
        let title = html
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"))
            .map(|(title, _)| title.trim());
        assert!(
            title.is_some_and(|title| title.len() > "Rolecall".len()),
            "{name}: {title:?}"
        );
        for (landmark, times) in [
            ("<h1", 1),
            ("<main id=\"main\"", 1),
            ("<header class=\"top\"", 1),
            ("href=\"#main\"", 1),
        ] {
            assert_eq!(html.matches(landmark).count(), times, "{name}: {landmark}");
        }
        let mut ids: Vec<&str> = html
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}: an ID is repeated");
        for label in html
            .split("<label for=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert!(ids.contains(&label), "{name}: no element for label {label}");
        }
    }
}

#[test]
fn locked_role_has_no_form() {
    let html = PortalPage::samples().remove(0).render().expect("renders");
    let locked = html
        .split("<li")
        .find(|item| item.contains("BreakGlass"))
        .expect("the role is listed");
    assert!(
        locked.contains("Opens on 1 January 2031.")
            && !locked
                .split("</ul>")
                .next()
                .expect("an item")
                .contains("<form"),
        "{locked}"
    );
}

#[test]
fn secrets_are_masked_and_in_no_attribute() {
    let html = CredentialsPage::samples()
        .remove(0)
        .render()
        .expect("renders");
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    assert_eq!(
        html.matches(secret).count(),
        html.matches(&format!("<span class=\"secret\">{secret}</span>"))
            .count()
    );
    assert!(tags(&html).iter().all(|tag| !tag.contains(secret)));
}

#[test]
fn portal_page_size_per_role_is_bounded() {
    let (few, many) = (PortalPage::of_size(10), PortalPage::of_size(110));
    let bytes = |page: PortalPage<'_>| page.render().expect("renders").len();
    let each = (bytes(many) - bytes(few)) / 500;
    assert!(each <= 700, "{each} bytes per role");
}
