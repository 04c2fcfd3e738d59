//! Fetch Metadata (`Sec-Fetch-Dest`, `Sec-Fetch-Site`, `Sec-Purpose`). Any web page can make a browser request a URL of the
//! gateway, as an image or in a frame. Only a top-level navigation may start or end a sign-in. Programs and old browsers do
//! not send these headers.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;

use crate::web::errors::error_text::Fault;
use crate::web::errors::page::PageError;

/// The destination of a response in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchDestination {
    /// A top-level navigation, or a client that sends no Fetch Metadata.
    Window,
    /// A frame of a page.
    Frame,
    /// Another resource of a page: an image, a script, a prefetch.
    Resource,
}

impl FetchDestination {
    /// The destination of a request.
    pub fn of(request: &HttpRequest) -> Self {
        let is = |name: &str, allowed: &[&str]| {
            let matches =
                |value: &HeaderValue| value.to_str().is_ok_and(|value| allowed.contains(&value));
            request.headers().get_all(name).all(matches)
        };
        if request.headers().contains_key("sec-purpose") {
            return Self::Resource;
        }
        if is("sec-fetch-dest", &["document"]) {
            Self::Window
        } else if is("sec-fetch-dest", &["document", "iframe", "frame"]) {
            Self::Frame
        } else {
            Self::Resource
        }
    }
}

/// Rejects a request that is not a top-level navigation, before anything is looked up or counted.
///
/// # Errors
/// `not_a_navigation`
pub fn require_navigation(request: &HttpRequest) -> Result<(), PageError> {
    match FetchDestination::of(request) {
        FetchDestination::Window => Ok(()),
        FetchDestination::Frame | FetchDestination::Resource => Err(not_a_navigation()),
    }
}

/// Whether a script of another origin navigated here without a click of the user (`Sec-Fetch-Site: cross-site` or
/// `same-site` without `Sec-Fetch-User`). A script can do so repeatedly.
pub fn is_scripted(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let has = |name, value: &str| {
        let mut values = headers.get_all(name);
        values.any(|sent| sent.as_bytes() == value.as_bytes())
    };
    let cross_origin = has("sec-fetch-site", "cross-site") || has("sec-fetch-site", "same-site");
    cross_origin && !has("sec-fetch-user", "?1")
}

/// Whether a page of the gateway led here (`Sec-Fetch-Site: same-origin`). It is not if the browser does not say so.
pub fn is_same_origin(request: &HttpRequest) -> bool {
    let mut values = request.headers().get_all("sec-fetch-site").peekable();
    values.peek().is_some() && values.all(|sent| sent.as_bytes() == b"same-origin")
}

/// The error for a request that another page embeds.
pub fn not_a_navigation() -> PageError {
    PageError::new(
        StatusCode::FORBIDDEN,
        Fault::Caller,
        "not_a_navigation",
        "Open this page directly",
        "This address works only when it is opened in a browser window, not when another page embeds it.",
    )
    .hint("Open the portal and sign in from there.")
    .action("Go to the portal", "/")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn scripted_navigation_differs_from_click() {
        let scripted = |headers: &[(&'static str, &'static str)]| {
            let request = headers
                .iter()
                .fold(TestRequest::default(), |request, header| {
                    request.append_header(*header)
                });
            is_scripted(&request.to_http_request())
        };
        let site = |value| ("sec-fetch-site", value);
        assert!(scripted(&[site("cross-site")]));
        assert!(scripted(&[site("cross-site"), ("sec-fetch-user", "?0")]));
        assert!(!scripted(&[site("cross-site"), ("sec-fetch-user", "?1")]));
        assert!(scripted(&[site("same-site")]));
        for other in ["none", "same-origin"] {
            assert!(!scripted(&[site(other)]), "{other}");
        }
        assert!(!scripted(&[]), "programs and old browsers");
    }

    #[test]
    fn navigation_of_unknown_origin_is_not_from_an_own_page() {
        let from_own_page = |sites: &[&'static str]| {
            let request = sites.iter().fold(TestRequest::default(), |request, site| {
                request.append_header(("sec-fetch-site", *site))
            });
            is_same_origin(&request.to_http_request())
        };
        assert!(from_own_page(&["same-origin"]));
        for other in [
            &[][..],
            &["none"],
            &["same-site"],
            &["cross-site"],
            &["same-origin", "cross-site"],
        ] {
            assert!(!from_own_page(other), "{other:?}");
        }
    }

    #[test]
    fn only_document_destination_is_a_navigation() {
        let of = |headers: &[(&'static str, &'static str)]| {
            let request = headers
                .iter()
                .fold(TestRequest::default(), |request, header| {
                    request.append_header(*header)
                });
            FetchDestination::of(&request.to_http_request())
        };
        let dest = |value| of(&[("sec-fetch-dest", value)]);
        assert_eq!(of(&[]), FetchDestination::Window);
        assert_eq!(dest("document"), FetchDestination::Window);
        for frame in ["iframe", "frame"] {
            assert_eq!(dest(frame), FetchDestination::Frame);
        }
        for other in [
            "image",
            "empty",
            "script",
            "style",
            "embed",
            "object",
            "",
            "DocumentSource",
        ] {
            assert_eq!(dest(other), FetchDestination::Resource, "{other}");
        }
        let prefetch = [("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")];
        assert_eq!(of(&prefetch), FetchDestination::Resource);
        let twice = [("sec-fetch-dest", "document"), ("sec-fetch-dest", "image")];
        assert_eq!(of(&twice), FetchDestination::Resource);
    }
}
