//! View models common to all pages: the signed-in user in the header, points in time and links.

use std::fmt;

use super::format;
use crate::web::http::csrf;
use crate::web::http::extract::SignedIn;

/// The signed-in user, shown in the header of every page.
#[derive(Clone)]
pub struct Viewer {
    /// The name from the provider, or else the e-mail address or subject.
    pub name: String,
    /// The e-mail address; empty if the provider sent none.
    pub email: String,
    /// The title of the identity provider.
    pub provider: String,
    /// The CSRF token of the session, for every form.
    pub csrf: String,
    /// The latest end of the session.
    pub ends_at: DisplayTime,
    /// The remaining time, such as `6 h 12 min`.
    pub left: String,
}

/// Omits the CSRF token.
impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl SignedIn {
    /// The user, for the header of a page.
    pub fn viewer(&self) -> Viewer {
        let gateway = &self.scope.site.gateway;
        let identity = &self.session.identity;
        let provider = gateway.sign_ins().provider(&identity.provider);
        let mut mask = [0; 32];
        gateway.fill(&mut mask);
        Viewer {
            name: identity.display_name().to_owned(),
            email: identity
                .email
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            provider: provider.map_or_else(
                || identity.provider.to_string(),
                |provider| provider.title().to_owned(),
            ),
            csrf: csrf::token(&self.session.form_key, mask),
            ends_at: format::moment(self.session.ends_at),
            left: format::span(self.session.ends_at - gateway.now()),
        }
    }
}

/// A point in time in two formats.
#[derive(Debug, Clone)]
pub struct DisplayTime {
    /// RFC 3339, such as `2026-03-04T05:06:07Z`; the script shows it in the local time zone.
    pub iso: String,
    /// Text for browsers without JavaScript, such as `4 Mar 2026, 05:06 UTC`.
    pub text: String,
}

/// A link with its text.
#[derive(Debug, Clone)]
pub struct PageLink {
    /// A percent-encoded path of the gateway.
    pub href: String,
    /// The text of the link.
    pub text: String,
}

#[cfg(test)]
pub mod samples {
    use super::{DisplayTime, PageLink, Viewer};

    /// Text that would be executed as markup if it were not escaped.
    pub const HOSTILE: &str = r#""><img src=x onerror=alert(1)>'<script>alert(1)</script>{{7*7}}"#;

    impl Viewer {
        /// A typical user.
        pub fn sample() -> Self {
            Self {
                name: "Alice Example".into(),
                email: "alice@example.com".into(),
                provider: "Okta".into(),
                csrf: "b2JpbGl0eS1pcy1ub3QtYS1zZWNyZXQtaGVyZS4uLi4".into(),
                ends_at: DisplayTime::sample("2030-03-04T17:30:00Z", "4 Mar 2030, 17:30 UTC"),
                left: "6 h 12 min".into(),
            }
        }

        /// A user with markup in every field.
        pub fn hostile() -> Self {
            Self {
                name: HOSTILE.into(),
                email: HOSTILE.into(),
                provider: HOSTILE.into(),
                csrf: HOSTILE.into(),
                ends_at: DisplayTime::sample(HOSTILE, HOSTILE),
                left: HOSTILE.into(),
            }
        }
    }

    impl DisplayTime {
        pub fn sample(iso: &str, text: &str) -> Self {
            Self {
                iso: iso.into(),
                text: text.into(),
            }
        }
    }

    impl PageLink {
        pub fn sample(href: &str, text: &str) -> Self {
            Self {
                href: href.into(),
                text: text.into(),
            }
        }
    }
}
