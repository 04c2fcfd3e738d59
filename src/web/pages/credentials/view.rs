//! The credentials page: the three values in the format of each shell, with the secrets masked until the user shows them. `Debug`
//! prints no secrets.
use crate::web::pages::layout::{DisplayTime, Viewer};
use askama::Template;
use std::fmt;

/// The response of `POST /credentials` to a browser.
#[derive(Debug, Template)]
#[template(path = "credentials.html")]
pub struct CredentialsPage {
    /// The signed-in user.
    pub viewer: Viewer,
    /// The 12-digit account ID.
    pub account_id: String,
    /// The configured account name.
    pub account_name: String,
    /// The name of the permission set.
    pub permission_set: String,
    /// The name of the variant; empty for none.
    pub variant: String,
    /// When the credentials expire.
    pub expires_at: DisplayTime,
    /// The remaining time, such as `59 min`.
    pub left: String,
    /// The requested duration, and what limits it: `1 h, limited by assignment payments-developers`.
    pub reason: String,
    /// Whose the credentials are according to AWS; none if the user did not ask.
    pub identity: Option<CallerView>,
    /// One for each format; the first one is selected.
    pub snippets: Vec<Snippet>,
}

/// The answer of AWS to whose the credentials are. Empty texts are unknown.
#[derive(Debug, Default)]
pub struct CallerView {
    /// The 12-digit account ID.
    pub account: String,
    /// The ARN of the role session.
    pub arn: String,
    /// The unique ID of the role and the session name.
    pub user_id: String,
    /// Why it is unknown; empty if AWS confirmed it.
    pub problem: String,
}

/// The credentials in one format.
#[derive(Debug, Clone)]
pub struct Snippet {
    /// The ID, such as `bash`. It is unique on the page, and the script stores the last selection.
    pub id: &'static str,
    /// The title of the tab, such as `bash, zsh`.
    pub title: &'static str,
    /// How to use it, such as `Paste into the terminal.`
    pub hint: &'static str,
    /// The parts of the text, from [`mask`].
    pub parts: Vec<Part>,
}

/// A part of a snippet.
#[derive(Clone)]
pub struct Part {
    /// The text, including line breaks.
    pub text: String,
    /// Whether it is masked until the user shows it.
    pub secret: bool,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.secret {
            "[masked]"
        } else {
            self.text.as_str()
        };
        f.debug_tuple("Part").field(&text).finish()
    }
}

/// Splits `text` at each occurrence of one of `secrets`, so that the page can mask these parts. Empty secrets are ignored. The
/// concatenated parts always equal `text`.
#[must_use]
pub fn mask(text: &str, secrets: &[&str]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        // At the same position the longer secret takes precedence, so that none of it remains visible.
        let first = secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .filter_map(|secret| Some((rest.find(secret)?, secret.len())))
            .min_by_key(|&(at, length)| (at, usize::MAX - length));
        let (at, length) = first.unwrap_or((rest.len(), 0));
        for (piece, secret) in [(&rest[..at], false), (&rest[at..at + length], true)] {
            if !piece.is_empty() {
                parts.push(Part {
                    text: piece.to_owned(),
                    secret,
                });
            }
        }
        rest = &rest[at + length..];
    }
    parts
}

#[cfg(test)]
mod samples {
    use super::{CallerView, CredentialsPage, Snippet, mask};
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{DisplayTime, Viewer};

    const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "IQoJb3JpZ2luX2VjEOv//////////wEaCXVzLWVhc3QtMSJHMEUCIQDRolecallExampleTokenAiBmIgTcYXZ5Y2VwdGlvbmFsbHlMb25nVG9rZW5Gb3JUaGVTYW1wbGUqkgIIdBAAGgwxMTExMjIyMjMzMzMiDG1hZGUtdXAtdmFsdWU/example+example==";

    fn snippet(id: &'static str, title: &'static str, hint: &'static str, text: &str) -> Snippet {
        Snippet {
            id,
            title,
            hint,
            parts: mask(
                &text.replace("{key}", KEY).replace("{token}", TOKEN),
                &[KEY, TOKEN],
            ),
        }
    }

    impl CredentialsPage {
        pub fn samples() -> Vec<Self> {
            let friendly = |identity| Self {
                viewer: Viewer::sample(),
                account_id: "111122223333".into(),
                account_name: "payments-prod".into(),
                permission_set: "Developer".into(),
                variant: "readonly".into(),
                expires_at: DisplayTime::sample("2030-03-04T12:18:00Z", "4 Mar 2030, 12:18 UTC"),
                left: "59 min".into(),
                reason: "1 h, limited by assignment payments-developers".into(),
                identity,
                snippets: vec![
                    snippet(
                        "bash",
                        "bash, zsh",
                        "Paste into the terminal.",
                        "export AWS_ACCESS_KEY_ID='ASIAIOSFODNN7EXAMPLE'\nexport AWS_SECRET_ACCESS_KEY='{key}'\nexport AWS_SESSION_TOKEN='{token}'\n",
                    ),
                    snippet(
                        "fish",
                        "fish",
                        "Paste into the terminal.",
                        "set -gx AWS_ACCESS_KEY_ID 'ASIAIOSFODNN7EXAMPLE'\nset -gx AWS_SECRET_ACCESS_KEY '{key}'\n",
                    ),
                    snippet(
                        "powershell",
                        "PowerShell",
                        "Paste into the terminal.",
                        "$Env:AWS_ACCESS_KEY_ID = 'ASIAIOSFODNN7EXAMPLE'\n$Env:AWS_SECRET_ACCESS_KEY = '{key}'\n",
                    ),
                    snippet(
                        "cmd",
                        "cmd",
                        "Paste into the command prompt.",
                        "set \"AWS_ACCESS_KEY_ID=ASIAIOSFODNN7EXAMPLE\"\n",
                    ),
                    snippet(
                        "dotenv",
                        "dotenv",
                        "Save as .env.",
                        "AWS_ACCESS_KEY_ID=\"ASIAIOSFODNN7EXAMPLE\"\n",
                    ),
                    snippet(
                        "ini",
                        "Credentials file",
                        "Add to ~/.aws/credentials.",
                        "[payments-prod-Developer]\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = {key}\n",
                    ),
                    snippet(
                        "json",
                        "JSON",
                        "The format of credential_process.",
                        "{\n  \"Version\": 1,\n  \"SecretAccessKey\": \"{key}\"\n}\n",
                    ),
                ],
            };
            let confirmed = CallerView {
                account: "111122223333".into(),
                arn: "arn:aws:sts::111122223333:assumed-role/Developer/alice@example.com".into(),
                user_id: "AROAIOSFODNN7EXAMPLE12:alice@example.com".into(),
                problem: String::new(),
            };
            let unconfirmed = CallerView {
                problem: "AWS did not confirm the identity of these credentials (sts_unavailable). They may work nevertheless.".into(),
                ..CallerView::default()
            };
            let hostile = Self {
                viewer: Viewer::hostile(),
                account_id: HOSTILE.into(),
                account_name: HOSTILE.into(),
                permission_set: HOSTILE.into(),
                variant: HOSTILE.into(),
                expires_at: DisplayTime::sample(HOSTILE, HOSTILE),
                left: HOSTILE.into(),
                reason: HOSTILE.into(),
                identity: Some(CallerView {
                    account: HOSTILE.into(),
                    arn: HOSTILE.into(),
                    user_id: HOSTILE.into(),
                    problem: HOSTILE.into(),
                }),
                snippets: vec![Snippet {
                    id: "bash",
                    title: "bash",
                    hint: "Paste.",
                    parts: mask(&format!("a {HOSTILE} b {HOSTILE}"), &[HOSTILE]),
                }],
            };
            vec![
                friendly(None),
                friendly(Some(confirmed)),
                friendly(Some(unconfirmed)),
                hostile,
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    fn masked(text: &str, secrets: &[&str]) -> String {
        let parts = mask(text, secrets);
        assert_eq!(
            parts
                .iter()
                .map(|part| part.text.as_str())
                .collect::<String>(),
            text,
            "the parts equal the text"
        );
        parts
            .iter()
            .map(|part| if part.secret { "*" } else { part.text.as_str() })
            .collect()
    }

    #[test]
    fn every_occurrence_of_a_secret_is_masked() {
        assert_eq!(
            masked("a=one\nb=two\nc=one", &["one", "two"]),
            "a=*\nb=*\nc=*"
        );
        assert_eq!(masked("oneone", &["one"]), "**");
        assert_eq!(
            masked("x secretlonger y", &["secret", "secretlonger"]),
            "x * y"
        );
        assert_eq!(masked("nothing", &["", "absent"]), "nothing");
        assert_eq!(masked("", &["a"]), "");
        assert_eq!(masked("é ü é", &["ü"]), "é * é");
    }

    #[test]
    fn debug_output_contains_no_secret() {
        let shown = format!("{:?}", mask("key=hunter2", &["hunter2"]));
        assert!(
            shown.contains("key=") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
