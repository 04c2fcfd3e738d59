//! What every page has: the signed-in person in its header, points in time, links.

use std::fmt;

use super::format;
use crate::web::http::csrf;
use crate::web::http::extract::SignedIn;

/// The signed-in person, as the header of every page shows them.
#[derive(Clone)]
pub struct Viewer {
    /// The name the provider gave, or the e-mail address or subject when it gave none.
    pub name: String,
    /// The e-mail address; empty when the provider gave none.
    pub email: String,
    /// The title of the provider that vouched for the person.
    pub provider: String,
    /// The session's CSRF token, for every form.
    pub csrf: String,
    /// When the session ends at the latest.
    pub ends_at: Moment,
    /// The time until then in words, such as `6 h 12 min`.
    pub left: String,
}

/// Without the token, whose only place is the page.
impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl SignedIn {
    /// The person, for the header of a page.
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

/// A point in time, for programs and for people.
#[derive(Debug, Clone)]
pub struct Moment {
    /// RFC 3339, such as `2026-03-04T05:06:07Z`; the script shows it in the reader's own time zone.
    pub iso: String,
    /// For people without the script, such as `4 Mar 2026, 05:06 UTC`.
    pub text: String,
}

/// A link with its words.
#[derive(Debug, Clone)]
pub struct Link {
    /// A path on our own origin, with everything in it already percent-encoded.
    pub href: String,
    /// What the link says.
    pub text: String,
}

#[cfg(test)]
pub mod samples {
    use super::{Link, Moment, Viewer};

    /// Text that would run as markup wherever escaping is forgotten.
    pub const HOSTILE: &str = r#""><img src=x onerror=alert(1)>'<script>alert(1)</script>{{7*7}}"#;

    impl Viewer {
        /// A person as any company has them.
        pub fn sample() -> Self {
            Self {
                name: "Alice Example".into(),
                email: "alice@example.com".into(),
                provider: "Okta".into(),
                csrf: "b2JpbGl0eS1pcy1ub3QtYS1zZWNyZXQtaGVyZS4uLi4".into(),
                ends_at: Moment::sample("2030-03-04T17:30:00Z", "4 Mar 2030, 17:30 UTC"),
                left: "6 h 12 min".into(),
            }
        }

        /// A person whose provider lets them choose any name.
        pub fn hostile() -> Self {
            Self {
                name: HOSTILE.into(),
                email: HOSTILE.into(),
                provider: HOSTILE.into(),
                csrf: HOSTILE.into(),
                ends_at: Moment::sample(HOSTILE, HOSTILE),
                left: HOSTILE.into(),
            }
        }
    }

    impl Moment {
        pub fn sample(iso: &str, text: &str) -> Self {
            Self {
                iso: iso.into(),
                text: text.into(),
            }
        }
    }

    impl Link {
        pub fn sample(href: &str, text: &str) -> Self {
            Self {
                href: href.into(),
                text: text.into(),
            }
        }
    }
}
