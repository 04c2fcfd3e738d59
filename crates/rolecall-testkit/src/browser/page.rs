//! A loaded page.

use anyhow::{Context, Result};
use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap};
use scraper::{ElementRef, Html, Selector};
use url::Url;

/// A loaded page.
#[derive(Clone, Debug)]
pub struct Page {
    url: Url,
    status: Option<StatusCode>,
    headers: HeaderMap,
    body: String,
}

impl Page {
    pub(super) fn new(url: Url, status: StatusCode, headers: HeaderMap, body: String) -> Self {
        Self {
            url,
            status: Some(status),
            headers,
            body,
        }
    }

    /// A page without content, for a URL that was not requested.
    pub(super) fn blank(url: Url) -> Self {
        Self {
            url,
            status: None,
            headers: HeaderMap::new(),
            body: String::new(),
        }
    }

    /// URL after all redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Status code; `None` if the page was not requested because its host is not on this machine.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// The value of a response header, if it occurs exactly once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers(name);
        let first = lines.next();
        first.filter(|_| lines.next().is_none())
    }

    /// All values of a response header.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
    }

    /// The body as text.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.body)
            .with_context(|| format!("{} is not JSON: {}", self.url, self.body))
    }

    /// The visible text, with white space collapsed.
    pub fn text(&self) -> String {
        visible(Html::parse_document(&self.body).root_element())
    }

    /// The text of all elements that match a CSS selector.
    pub fn select(&self, selector: &str) -> Result<Vec<String>> {
        let selector = css(selector)?;
        Ok(Html::parse_document(&self.body)
            .select(&selector)
            .map(visible)
            .collect())
    }

    /// The values of an attribute of all elements that match a CSS selector and have it.
    pub fn attributes(&self, selector: &str, name: &str) -> Result<Vec<String>> {
        let selector = css(selector)?;
        let document = Html::parse_document(&self.body);
        Ok(document
            .select(&selector)
            .filter_map(|element| element.attr(name))
            .map(str::to_owned)
            .collect())
    }

    /// The target of the first link with this text.
    pub(super) fn link(&self, text: &str) -> Result<Url> {
        let document = Html::parse_document(&self.body);
        let selector = css("a[href]")?;
        let named =
            |link: &ElementRef<'_>| visible(*link) == text || link.attr("aria-label") == Some(text);
        let link = document.select(&selector).find(named);
        let link =
            link.with_context(|| format!("no link `{text}` on {}:\n{}", self.url, self.text()))?;
        Ok(self.url.join(link.attr("href").unwrap_or_default())?)
    }

    /// The target of a redirect, which keeps the fragment.
    pub(super) fn redirect(&self) -> Result<Option<Url>> {
        if !self.status.is_some_and(|status| status.is_redirection()) {
            return Ok(None);
        }
        let Some(location) = self.headers.get(header::LOCATION) else {
            return Ok(None);
        };
        let mut url = self.url.join(location.to_str()?)?;
        if url.fragment().is_none() {
            url.set_fragment(self.url.fragment());
        }
        Ok(Some(url))
    }

    /// The effective referrer policy: the last valid one of the header or a `meta` element.
    pub(super) fn referrer_policy(&self) -> String {
        let meta = self
            .attributes("meta[name=referrer]", "content")
            .unwrap_or_default();
        let header = self
            .headers("referrer-policy")
            .flat_map(|line| line.split(','));
        let policies = header
            .map(|policy| policy.trim().to_ascii_lowercase())
            .chain(meta);
        policies
            .filter(|policy| !policy.is_empty())
            .last()
            .unwrap_or_default()
    }
}

/// A CSS selector.
pub(super) fn css(selector: &str) -> Result<Selector> {
    Selector::parse(selector)
        .map_err(|error| anyhow::anyhow!("`{selector}` is not a CSS selector: {error}"))
}

/// The visible text in `element`.
pub(super) fn visible(element: ElementRef<'_>) -> String {
    let mut text = String::new();
    collect(element, &mut text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn collect(element: ElementRef<'_>, into: &mut String) {
    let name = element.value().name();
    if ["script", "style", "template", "head"].contains(&name) || element.attr("hidden").is_some() {
        return;
    }
    for child in element.children() {
        if let Some(text) = child.value().as_text() {
            into.push_str(text);
        } else if let Some(child) = ElementRef::wrap(child) {
            let inline = [
                "a", "abbr", "b", "bdi", "code", "em", "i", "kbd", "mark", "small", "span",
                "strong", "time",
            ];
            let is_block = !inline.contains(&child.value().name());
            if is_block {
                into.push(' ');
            }
            collect(child, into);
            if is_block {
                into.push(' ');
            }
        }
    }
}
