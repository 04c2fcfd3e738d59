//! Cross-site requests that a malicious page can cause.

use anyhow::Result;
use reqwest::Method;
use url::Url;

use super::{Browser, Navigation, Page};

impl Browser {
    /// Follows a link from a page at `from` to `url`.
    pub async fn follow_cross_site_link(&mut self, from: &str, url: &str) -> Result<Page> {
        let from = Page::blank(Url::parse(from)?);
        self.navigate(Navigation {
            method: Method::GET,
            url: Url::parse(url)?,
            body: None,
            from: Some(from),
            by_form: false,
            by_script: false,
        })
        .await
    }

    /// Submits a form with these fields from a page at `from` to `url`.
    pub async fn submit_cross_site_form(
        &mut self,
        from: &str,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<Page> {
        let from = Page::blank(Url::parse(from)?);
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.navigate(Navigation {
            method: Method::POST,
            url: Url::parse(url)?,
            body: Some(body),
            from: Some(from),
            by_form: true,
            by_script: false,
        })
        .await
    }
}
