//! Every page with every sample: nothing inline that the content security policy would stop, nothing unescaped, every form guarded,
//! and the outline a screen reader needs.
use super::auto_post::view::AutoPostPage;
use super::consent::view::{AnsweredPage, ConsentPage};
use super::console::view::ConsolePage;
use super::credentials::view::CredentialsPage;
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

/// Every page of every kind, with a name for messages.
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
        render("device", DeviceCodePage::samples()),
        render("answered", AnsweredPage::samples()),
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

/// The tags of a page: the text between `<` and the next `>`. Enough of a parser for our own markup, in which no attribute holds a `>`.
fn tags(html: &str) -> Vec<&str> {
    html.split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag))
        .collect()
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
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
fn hostile_text_stays_text() {
    let hostile: Vec<_> = pages()
        .into_iter()
        .filter(|(_, html)| html.contains("7*7"))
        .collect();
    assert!(
        hostile.len() >= 9,
        "each kind of page has a hostile sample: {}",
        hostile.len()
    );
    for (name, html) in hostile {
        for alive in ["<img", "<script>", ">'", "onerror=\""] {
            assert!(!html.contains(alive), "{name} contains {alive}");
        }
        assert!(
            html.contains("&#60;img src=x onerror=alert(1)&#62;"),
            "{name}: the text is shown as it is"
        );
    }
}

#[test]
fn every_form_that_changes_something_carries_the_token() {
    let mut seen = 0;
    for (name, html) in pages() {
        for form in html.split("<form").skip(1) {
            let (tag, rest) = form.split_once('>').expect("the tag ends");
            let body = rest.split_once("</form>").expect("the form ends").0;
            if tag.contains("data-send") {
                assert!(!body.contains("csrf"), "{name}: no token for others");
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
                    "{name}: <form{tag}> says its method"
                );
                assert!(!body.contains("csrf"), "{name}: no token in a URL");
            }
        }
    }
    assert!(seen > 100, "the samples have forms");
}

#[test]
fn every_page_has_the_outline_a_screen_reader_needs() {
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
        assert_eq!(ids.len(), all, "{name}: ids are unique");
        for label in html
            .split("<label for=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert!(ids.contains(&label), "{name}: a label for nothing: {label}");
        }
    }
}

#[test]
fn a_locked_role_offers_no_form() {
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
fn secrets_are_covered_and_no_url_carries_one() {
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
fn a_role_costs_little() {
    let (few, many) = (PortalPage::of_size(10), PortalPage::of_size(110));
    let bytes = |page: PortalPage<'_>| page.render().expect("renders").len();
    let each = (bytes(many) - bytes(few)) / 500;
    assert!(
        each <= 700,
        "{each} bytes for a role, its account's share included"
    );
}
