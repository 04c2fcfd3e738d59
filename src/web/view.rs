//! What people see: one askama template with its view model for each page. View models are plain text, flags and small structs;
//! whoever fills them has decided everything. Every value is escaped by askama, every form that changes something carries the session's CSRF token.
pub mod consent;
pub mod console;
pub mod credentials;
pub mod error;
pub mod hand_over;
pub mod login;
pub mod portal;
pub mod sessions;
pub mod set_up;
pub mod sign_in;

#[cfg(test)]
mod tests;

pub use consent::{AnsweredPage, ConsentPage, DeviceCodePage, DevicePart};
pub use console::{ConsolePage, RegionChoice};
pub use credentials::{CredentialsPage, Part, Snippet, mask};
pub use error::{ErrorPage, NoAccessPage};
pub use hand_over::{HandOverField, HandOverPage};
pub use login::{LoginCodePage, LoginPage};
pub use portal::{AccountSection, Lock, PortalPage, RoleRow};
pub use sessions::{ClientRow, SessionRow, SessionsPage};
pub use set_up::SetUpPage;
pub use sign_in::{ProviderChoice, SignInPage, SignedOutClients, SignedOutPage};

use std::fmt;

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
mod samples {
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
