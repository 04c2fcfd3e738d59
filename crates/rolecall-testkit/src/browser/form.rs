//! Form submission (HTML 4.10.21).

use anyhow::{Context, Result, bail};
use reqwest::Method;
use scraper::{ElementRef, Html};
use url::Url;
use url::form_urlencoded::Serializer;

use super::page::{Page, css, visible};
use super::policy;

/// A form submission.
pub(super) struct Submission {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<String>,
}

impl Page {
    /// The form that the page submits by script (SAML Bindings 3.5.4), if its policy allows inline scripts.
    pub(super) fn automatic(&self) -> Option<Submission> {
        let by_body = self.attributes("body[onload*='submit()']", "onload");
        let by_script = self.scripts("forms[0].submit()");
        let sends_itself = by_body.is_ok_and(|found| !found.is_empty()) || by_script;
        (sends_itself && policy::allows_inline_script(self))
            .then(|| self.submission("form", &[], None).ok())?
    }

    /// Whether a script in the page contains the text.
    fn scripts(&self, text: &str) -> bool {
        let document = Html::parse_document(self.body());
        css("script").is_ok_and(|scripts| {
            let mut found = document.select(&scripts);
            found.any(|script| script.text().any(|code| code.contains(text)))
        })
    }

    /// Fills in a form and presses `button`, or its first button.
    pub(super) fn submission(
        &self,
        form: &str,
        fields: &[(&str, &str)],
        button: Option<&str>,
    ) -> Result<Submission> {
        let document = Html::parse_document(self.body());
        let (form, button) = match button {
            Some(text) => {
                let pressed = button_of(&document, self, text)?;
                (
                    form_of_button(&document, pressed)
                        .with_context(|| format!("the button `{text}` is not in a form"))?,
                    Some(pressed),
                )
            }
            None => {
                let form = form_of(&document, self, form)?;
                (
                    form,
                    form.select(&css("button, input[type=submit]")?)
                        .find(|button| is_submit(*button)),
                )
            }
        };
        let entries =
            entries(form, button, fields).with_context(|| format!("a form on {}", self.url()))?;
        let own = |name: &str| {
            button
                .and_then(|button| button.attr(&format!("form{name}")))
                .or(form.attr(name))
        };
        let mut url = self.url().join(own("action").unwrap_or_default())?;
        url.set_fragment(None);
        let encoded = Serializer::new(String::new())
            .extend_pairs(&entries)
            .finish();
        Ok(
            match own("method").is_some_and(|method| method.eq_ignore_ascii_case("post")) {
                true => Submission {
                    method: Method::POST,
                    url,
                    body: Some(encoded),
                },
                false => {
                    url.set_query(Some(&encoded));
                    Submission {
                        method: Method::GET,
                        url,
                        body: None,
                    }
                }
            },
        )
    }
}

fn form_of<'a>(document: &'a Html, page: &Page, selector: &str) -> Result<ElementRef<'a>> {
    let by_action = document.select(&css("form")?).find(|form| {
        let action = page.url().join(form.attr("action").unwrap_or_default());
        selector.starts_with('/') && action.is_ok_and(|url| url.path().ends_with(selector))
    });
    let form = by_action.or_else(|| document.select(&css(selector).ok()?).next());
    form.with_context(|| format!("no form `{selector}` on {}:\n{}", page.url(), page.text()))
}

fn button_of<'a>(document: &'a Html, page: &Page, text: &str) -> Result<ElementRef<'a>> {
    let named = |button: &ElementRef<'_>| {
        let names = [
            Some(visible(*button)),
            button.attr("aria-label").map(str::to_owned),
            button.attr("value").map(str::to_owned),
        ];
        is_submit(*button) && names.iter().flatten().any(|name| name == text)
    };
    let button = document
        .select(&css("button, input[type=submit]")?)
        .find(named);
    button.with_context(|| format!("no button `{text}` on {}:\n{}", page.url(), page.text()))
}

/// The form of a button: the one in its attribute `form`, or its ancestor.
fn form_of_button<'a>(document: &'a Html, button: ElementRef<'a>) -> Option<ElementRef<'a>> {
    let named = button.attr("form");
    let is_form = |element: &ElementRef<'_>| element.value().name() == "form";
    match named {
        Some(id) => document
            .select(&css("form[id]").ok()?)
            .find(|form| form.attr("id") == Some(id)),
        None => button
            .ancestors()
            .filter_map(ElementRef::wrap)
            .find(is_form),
    }
}

fn is_submit(button: ElementRef<'_>) -> bool {
    button.attr("disabled").is_none()
        && button
            .attr("type")
            .is_none_or(|kind| kind.eq_ignore_ascii_case("submit"))
}

/// The entry list in document order: values of the page, replaced by those of `fields`, and the button.
fn entries(
    form: ElementRef<'_>,
    button: Option<ElementRef<'_>>,
    fields: &[(&str, &str)],
) -> Result<Vec<(String, String)>> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut filled: Vec<&str> = Vec::new();
    for control in form.select(&css("input[name], select[name], textarea[name]")?) {
        let name = control.attr("name").unwrap_or_default();
        let kind = control.attr("type").unwrap_or("text").to_ascii_lowercase();
        if control.attr("disabled").is_some()
            || ["submit", "button", "reset", "image", "file"].contains(&kind.as_str())
        {
            continue;
        }
        let given = fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| *value);
        filled.extend(given.map(|_| name));
        let value = match (control.value().name(), kind.as_str()) {
            ("input", "checkbox" | "radio") => {
                let own = control.attr("value").unwrap_or("on");
                let checked = given.map_or(control.attr("checked").is_some(), |given| given == own);
                checked.then(|| own.to_owned())
            }
            ("select", _) => Some(match given {
                Some(given) => given.to_owned(),
                None => selected(control)?,
            }),
            ("textarea", _) => Some(given.map_or_else(|| control.text().collect(), str::to_owned)),
            (_, _) => Some(
                given
                    .or(control.attr("value"))
                    .unwrap_or_default()
                    .to_owned(),
            ),
        };
        entries.extend(value.map(|value| (name.to_owned(), value)));
    }
    if let Some((missing, _)) = fields.iter().find(|(field, _)| !filled.contains(field)) {
        bail!("the form has no field `{missing}`");
    }
    if let Some((button, name)) = button.and_then(|button| Some((button, button.attr("name")?))) {
        entries.push((
            name.to_owned(),
            button.attr("value").unwrap_or_default().to_owned(),
        ));
    }
    Ok(entries)
}

fn selected(control: ElementRef<'_>) -> Result<String> {
    let chosen = control.select(&css("option[selected]")?).next();
    let option = chosen.or(control.select(&css("option")?).next());
    Ok(option
        .map(|option| {
            option
                .attr("value")
                .map_or_else(|| visible(option), str::to_owned)
        })
        .unwrap_or_default())
}
