//! The error page: what happened, what to do next, and the reference ID of the log entry. The texts must not contain secrets.
use super::layout::PageLink;
use askama::Template;

/// The page of an error, with or without a session.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The title, such as `AWS rejected the request`.
    pub title: String,
    /// What happened, in one or two sentences.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Details for the administrator, collapsed: an error code, a configuration key, a command.
    pub detail: Option<String>,
    /// The reference ID of the request.
    pub reference: String,
    /// The main button, such as signing in again, in addition to the link to the portal.
    pub action: Option<PageLink>,
    /// Whether `/` of the requested host is the portal.
    pub has_home: bool,
}

#[cfg(test)]
mod samples {
    use super::ErrorPage;
    use crate::web::pages::layout::PageLink;
    use crate::web::pages::layout::samples::HOSTILE;

    impl ErrorPage {
        pub fn samples() -> Vec<Self> {
            let error = |title: &str,
                         message: &str,
                         hint: &str,
                         detail: Option<&str>,
                         action: Option<PageLink>| Self {
                title: title.into(),
                message: message.into(),
                hint: Some(hint.into()),
                detail: detail.map(Into::into),
                reference: "7Q4M-K2ZD-9XHT".into(),
                action,
                has_home: true,
            };
            let again = || Some(PageLink::sample("/sign-in", "Sign in again"));
            vec![
                error(
                    "Sign-in expired",
                    "This sign-in has expired, or it was already completed.",
                    "Sign in again.",
                    None,
                    again(),
                ),
                error(
                    "Identity provider unavailable",
                    "Rolecall could not reach the identity provider. No one can sign in with this provider at the moment.",
                    "Try again in a minute. Existing sessions continue to work.",
                    None,
                    Some(PageLink::sample("/sign-in/okta", "Try again")),
                ),
                error(
                    "AWS rejected the request",
                    "The account payments-prod (111122223333) does not trust this gateway yet.",
                    "Ask the account owner to add the gateway as an identity provider. The command is in the details below.",
                    Some(
                        "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://sso.example.com\nrun: rolecalld aws cloudformation --config F --account 111122223333",
                    ),
                    None,
                ),
                Self {
                    title: "Page not found".into(),
                    message: "The address may be incorrect, or the page may have moved.".into(),
                    hint: None,
                    detail: None,
                    reference: "7Q4M-K2ZD-9XHT".into(),
                    action: None,
                    has_home: false,
                },
                Self {
                    reference: HOSTILE.into(),
                    ..error(
                        HOSTILE,
                        HOSTILE,
                        HOSTILE,
                        Some(HOSTILE),
                        Some(PageLink::sample(HOSTILE, HOSTILE)),
                    )
                },
            ]
        }
    }
}
