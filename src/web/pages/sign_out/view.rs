//! The page after a sign-out. It is shown without a session and contains no user data.
use askama::Template;

/// The page after a sign-out. The session has ended before this page is rendered.
#[derive(Debug, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// The provider at which the user may still be signed in; none if the provider completed its own logout.
    pub still_signed_in_at: Option<String>,
    /// The client sessions of the user.
    pub clients: SignedOutClients,
}

/// The client sessions after a sign-out, which does not end them.
#[derive(Debug, Clone)]
pub enum SignedOutClients {
    /// There are none, or this browser has no valid ticket.
    Unknown,
    /// Client sessions remain; the form is `POST /sign-out/clients`.
    Remaining {
        /// The number of client sessions, at least one.
        count: usize,
        /// The CSRF token of the form.
        csrf: String,
    },
    /// The client sessions were ended.
    Ended,
}

#[cfg(test)]
mod samples {
    use super::{SignedOutClients, SignedOutPage};
    use crate::web::pages::layout::samples::HOSTILE;

    impl SignedOutPage {
        pub fn samples() -> Vec<Self> {
            let remaining = |count| SignedOutClients::Remaining {
                count,
                csrf: HOSTILE.into(),
            };
            [
                (None, SignedOutClients::Unknown),
                (Some("Google Workspace"), remaining(1)),
                (Some(HOSTILE), remaining(100)),
                (None, SignedOutClients::Ended),
            ]
            .into_iter()
            .map(|(provider, clients)| Self {
                still_signed_in_at: provider.map(Into::into),
                clients,
            })
            .collect()
        }
    }
}
