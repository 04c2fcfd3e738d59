//! The page after signing out. Nobody is signed in here, so nothing here is personal.
use askama::Template;

/// Shown after signing out. The session here has ended before this page is rendered.
#[derive(Debug, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// The provider at which the person may still be signed in; none when the provider's own logout was done too.
    pub still_signed_in_at: Option<String>,
    /// The person's command lines and other clients.
    pub clients: SignedOutClients,
}

/// What a sign-out says of the person's clients, which it does not end.
#[derive(Debug, Clone)]
pub enum SignedOutClients {
    /// Nothing: there are none, or this browser may not know.
    Unknown,
    /// So many are still signed in; the form is `POST /sign-out/clients`.
    Remaining {
        /// At least one.
        count: usize,
        /// The form's token.
        csrf: String,
    },
    /// They have just ended, too.
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
