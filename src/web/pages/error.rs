//! Pages for when something does not work: what happened, what to do next, and a reference under which the logs tell the rest.
//! The status code is the handler's; no secret may be put into any of these texts.
use super::layout::Link;
use askama::Template;

/// Anything that went wrong, for a person with or without a session.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// A few words, such as `AWS refused the request`.
    pub title: String,
    /// What happened, in a sentence or two.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// For the administrator, folded away: an error code, a configuration key, a command.
    pub detail: Option<String>,
    /// The request's reference id.
    pub reference: String,
    /// The way on, such as signing in again, beside the way back to the portal.
    pub action: Option<Link>,
    /// Whether `/` of the address that was asked for is the portal.
    pub has_home: bool,
}

#[cfg(test)]
mod samples {
    use super::ErrorPage;
    use crate::web::pages::layout::Link;
    use crate::web::pages::layout::samples::HOSTILE;

    impl ErrorPage {
        pub fn samples() -> Vec<Self> {
            let error = |title: &str,
                         message: &str,
                         hint: &str,
                         detail: Option<&str>,
                         action: Option<Link>| Self {
                title: title.into(),
                message: message.into(),
                hint: Some(hint.into()),
                detail: detail.map(Into::into),
                reference: "7Q4M-K2ZD-9XHT".into(),
                action,
                has_home: true,
            };
            let again = || Some(Link::sample("/sign-in", "Sign in again"));
            vec![
                error(
                    "This sign-in has expired",
                    "It was begun more than ten minutes ago, or in another browser.",
                    "Start again; it only takes a moment.",
                    None,
                    again(),
                ),
                error(
                    "Okta cannot be reached",
                    "We tried three times in five seconds. Nobody can sign in through it just now.",
                    "Try again in a minute. People who are signed in already are not affected.",
                    None,
                    Some(Link::sample("/sign-in/okta", "Try again")),
                ),
                error(
                    "AWS refused the request",
                    "The account payments-prod (111122223333) does not trust this gateway yet.",
                    "Ask whoever runs the account to add the gateway as an identity provider. The command is in the details below.",
                    Some(
                        "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://sso.example.com\nrun: rolecalld aws cloudformation --config F --account 111122223333",
                    ),
                    None,
                ),
                Self {
                    title: "Not found".into(),
                    message: "There is nothing here.".into(),
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
                        Some(Link::sample(HOSTILE, HOSTILE)),
                    )
                },
            ]
        }
    }
}
