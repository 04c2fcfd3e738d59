//! Credentials on a page: the same three values written for each kind of terminal, with the secret ones covered until asked for.
//! The page is the only place they are in: `Debug` shows none of them, and nothing here is kept.
use crate::web::pages::layout::{Moment, Viewer};
use askama::Template;
use std::fmt;

/// The answer of `POST /credentials` to a browser.
#[derive(Debug, Template)]
#[template(path = "credentials.html")]
pub struct CredentialsPage {
    /// Who looks.
    pub viewer: Viewer,
    /// Twelve digits.
    pub account_id: String,
    /// The configured name.
    pub account_name: String,
    /// The permission set's name.
    pub permission_set: String,
    /// The variant's name; empty for none.
    pub variant: String,
    /// When they stop working.
    pub expires_at: Moment,
    /// The time until then in words, such as `59 min`.
    pub left: String,
    /// What sets that limit, such as `limit of assignment payments-developers`; empty when it is the permission set's own.
    pub reason: String,
    /// One for each way to use them; the first is open.
    pub snippets: Vec<Snippet>,
}

/// The credentials, written for one kind of terminal, file or program.
#[derive(Debug, Clone)]
pub struct Snippet {
    /// Such as `bash`: unique on the page, for the reader's choice to be remembered.
    pub id: &'static str,
    /// What the tab says, such as `bash, zsh`.
    pub title: &'static str,
    /// What to do with it, such as `Paste into the terminal.`
    pub hint: &'static str,
    /// The text in order, from [`mask`].
    pub parts: Vec<Part>,
}

/// A piece of a snippet.
#[derive(Clone)]
pub struct Part {
    /// The text, line breaks included.
    pub text: String,
    /// Whether it is covered until the reader asks.
    pub secret: bool,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.secret {
            "[covered]"
        } else {
            self.text.as_str()
        };
        f.debug_tuple("Part").field(&text).finish()
    }
}

/// Cuts `text` where one of `secrets` occurs, so that the page can cover those pieces. Empty secrets are ignored; the pieces together
/// are the text, whatever it is.
#[must_use]
pub fn mask(text: &str, secrets: &[&str]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        // At the same place the longer secret wins, so that no tail of it stays open.
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
    use super::{CredentialsPage, Snippet, mask};
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{Moment, Viewer};

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
            let friendly = Self {
                viewer: Viewer::sample(),
                account_id: "111122223333".into(),
                account_name: "payments-prod".into(),
                permission_set: "Developer".into(),
                variant: "readonly".into(),
                expires_at: Moment::sample("2030-03-04T12:18:00Z", "4 Mar 2030, 12:18 UTC"),
                left: "59 min".into(),
                reason: "limit of assignment payments-developers".into(),
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
            let hostile = Self {
                viewer: Viewer::hostile(),
                account_id: HOSTILE.into(),
                account_name: HOSTILE.into(),
                permission_set: HOSTILE.into(),
                variant: HOSTILE.into(),
                expires_at: Moment::sample(HOSTILE, HOSTILE),
                left: HOSTILE.into(),
                reason: HOSTILE.into(),
                snippets: vec![Snippet {
                    id: "bash",
                    title: "bash",
                    hint: "Paste.",
                    parts: mask(&format!("a {HOSTILE} b {HOSTILE}"), &[HOSTILE]),
                }],
            };
            vec![friendly, hostile]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    fn covered(text: &str, secrets: &[&str]) -> String {
        let parts = mask(text, secrets);
        assert_eq!(
            parts
                .iter()
                .map(|part| part.text.as_str())
                .collect::<String>(),
            text,
            "the pieces are the text"
        );
        parts
            .iter()
            .map(|part| if part.secret { "*" } else { part.text.as_str() })
            .collect()
    }

    #[test]
    fn every_secret_is_covered_wherever_it_stands() {
        assert_eq!(
            covered("a=one\nb=two\nc=one", &["one", "two"]),
            "a=*\nb=*\nc=*"
        );
        assert_eq!(covered("oneone", &["one"]), "**");
        assert_eq!(
            covered("x secretlonger y", &["secret", "secretlonger"]),
            "x * y"
        );
        assert_eq!(covered("nothing", &["", "absent"]), "nothing");
        assert_eq!(covered("", &["a"]), "");
        assert_eq!(covered("é ü é", &["ü"]), "é * é");
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", mask("key=hunter2", &["hunter2"]));
        assert!(
            shown.contains("key=") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
