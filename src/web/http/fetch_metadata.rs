//! What a browser says of why it sends a request (Fetch Metadata, `Sec-Fetch-Dest`, `Sec-Purpose`). Any web page can make a
//! browser ask for our addresses, as an image or in a frame; only what the person's own window goes to may begin or end
//! something. Programs and old browsers send neither header.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;

use crate::web::errors::explanation::Fault;
use crate::web::errors::page::PageError;

/// Where a browser puts the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Into a window: the person goes there. Or no browser asks that says so.
    Window,
    /// Into a frame of a page.
    Frame,
    /// Into something else of a page: an image, a script, a prefetch.
    Resource,
}

impl Destination {
    /// The destination of a request.
    pub fn of(request: &HttpRequest) -> Self {
        let is = |name: &str, allowed: &[&str]| {
            let said =
                |value: &HeaderValue| value.to_str().is_ok_and(|said| allowed.contains(&said));
            request.headers().get_all(name).all(said)
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

/// Refuses what is not a navigation, before anything is looked up or counted.
///
/// # Errors
/// `not_a_navigation`
pub fn require_navigation(request: &HttpRequest) -> Result<(), PageError> {
    match Destination::of(request) {
        Destination::Window => Ok(()),
        Destination::Frame | Destination::Resource => Err(not_a_navigation()),
    }
}

/// Whether a script of another origin sent a window here, without anybody having clicked (`Sec-Fetch-Site: cross-site` or
/// `same-site` without `Sec-Fetch-User`). It can do so over and over again.
pub fn is_scripted(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let said = |name, value: &str| {
        let mut values = headers.get_all(name);
        values.any(|said| said.as_bytes() == value.as_bytes())
    };
    let elsewhere = said("sec-fetch-site", "cross-site") || said("sec-fetch-site", "same-site");
    elsewhere && !said("sec-fetch-user", "?1")
}

/// The answer to a request that another page embeds.
pub fn not_a_navigation() -> PageError {
    PageError::new(
        StatusCode::FORBIDDEN,
        Fault::Caller,
        "not_a_navigation",
        "Open this page directly",
        "This address works only when a browser window opens it, not as a part of another page.",
    )
    .hint("Open the portal and sign in from there.")
    .action("Go to the portal", "/")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_window_that_a_script_of_another_site_sent_is_told_from_a_click() {
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
    fn only_a_window_is_a_navigation() {
        let of = |headers: &[(&'static str, &'static str)]| {
            let request = headers
                .iter()
                .fold(TestRequest::default(), |request, header| {
                    request.append_header(*header)
                });
            Destination::of(&request.to_http_request())
        };
        let dest = |value| of(&[("sec-fetch-dest", value)]);
        assert_eq!(of(&[]), Destination::Window);
        assert_eq!(dest("document"), Destination::Window);
        for frame in ["iframe", "frame"] {
            assert_eq!(dest(frame), Destination::Frame);
        }
        for other in [
            "image", "empty", "script", "style", "embed", "object", "", "Document",
        ] {
            assert_eq!(dest(other), Destination::Resource, "{other}");
        }
        let prefetch = [("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")];
        assert_eq!(of(&prefetch), Destination::Resource);
        let twice = [("sec-fetch-dest", "document"), ("sec-fetch-dest", "image")];
        assert_eq!(of(&twice), Destination::Resource);
    }
}
