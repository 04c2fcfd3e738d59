//! "Use it in your terminal": a file, a few variables, a command, and what to know of each program.
use super::{Snippet, Viewer};
use askama::Template;

/// `GET /config`.
#[derive(Debug, Template)]
#[template(path = "set_up.html")]
pub struct SetUpPage {
    /// Who looks.
    pub viewer: Viewer,
    /// A profile to show the commands with; none when the person has no role.
    pub first_profile: Option<String>,
    /// `~/.aws/config`
    pub file: String,
    /// The environment, one for each kind of terminal.
    pub variables: Vec<Snippet>,
    /// Whether this is an installation for trying, without TLS.
    pub plain_http: bool,
}

#[cfg(test)]
mod samples {
    use super::SetUpPage;
    use crate::web::view::samples::HOSTILE;
    use crate::web::view::{Snippet, Viewer, mask};

    impl SetUpPage {
        pub fn samples() -> Vec<Self> {
            let snippet = |text: &str| Snippet {
                id: "bash",
                title: "bash, zsh",
                hint: "",
                parts: mask(text, &[]),
            };
            let friendly = Self {
                viewer: Viewer::sample(),
                first_profile: Some("payments-dev-Developer".into()),
                file: "[sso-session rolecall]\nsso_start_url = https://sso.example.com/start\n"
                    .into(),
                variables: vec![snippet(
                    "export AWS_ENDPOINT_URL_SSO='https://sso.example.com'",
                )],
                plain_http: false,
            };
            let nothing = Self {
                viewer: Viewer::sample(),
                first_profile: None,
                file: "[sso-session rolecall]\n".into(),
                variables: Vec::new(),
                plain_http: true,
            };
            let hostile = Self {
                viewer: Viewer::hostile(),
                first_profile: Some(HOSTILE.into()),
                file: HOSTILE.into(),
                variables: vec![snippet(HOSTILE)],
                plain_http: false,
            };
            vec![friendly, nothing, hostile]
        }
    }
}
