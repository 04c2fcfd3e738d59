//! The terminal page: the file, the commands, additional configuration of some programs, and client compatibility.
use crate::web::pages::credentials::view::Snippet;
use crate::web::pages::layout::Viewer;
use askama::Template;

/// `GET /config`.
#[derive(Debug, Template)]
#[template(path = "terminal.html")]
pub struct TerminalPage {
    /// The signed-in user.
    pub viewer: Viewer,
    /// All profiles of the user, to choose from.
    pub choices: Vec<ProfileChoice>,
    /// The URL of the file as plain text, with the selected profile.
    pub text_href: String,
    /// The block for `~/.aws/config`.
    pub file: String,
    /// The examples that contain the name of a profile; none if the user has no role.
    pub example: Option<Example>,
    /// The `[default]` section.
    pub default_section: String,
    /// The environment variables, one snippet for each shell.
    pub variables: Vec<Snippet>,
    /// Whether this is a test installation without TLS.
    pub plain_http: bool,
}

/// An entry of the choice of profiles.
#[derive(Debug)]
pub struct ProfileChoice {
    /// The name of the profile.
    pub name: String,
    /// Whether the page shows only this profile.
    pub selected: bool,
}

/// The examples that contain the name of a profile.
#[derive(Debug)]
pub struct Example {
    /// The first profile of the block.
    pub profile: String,
    /// A profile with `role_arn` and this one as `source_profile`.
    pub chained: String,
    /// A profile with `credential_process`.
    pub process: String,
}

#[cfg(test)]
mod samples {
    use super::{Example, ProfileChoice, TerminalPage};
    use crate::web::pages::credentials::view::{Snippet, mask};
    use crate::web::pages::layout::Viewer;
    use crate::web::pages::layout::samples::HOSTILE;

    impl TerminalPage {
        pub fn samples() -> Vec<Self> {
            let snippet = |text: &str| Snippet {
                id: "bash",
                title: "bash, zsh",
                hint: "",
                parts: mask(text, &[]),
            };
            let example = |profile: &str| Example {
                profile: profile.into(),
                chained: format!("[profile NAME]\nsource_profile = {profile}\n"),
                process: format!("[profile {profile}-process]\n"),
            };
            let choice = |name: &str, selected| ProfileChoice {
                name: name.into(),
                selected,
            };
            let friendly = Self {
                viewer: Viewer::sample(),
                choices: vec![
                    choice("payments-dev-Developer", false),
                    choice("payments-dev-ReadOnly", true),
                ],
                text_href: "/config?profile=payments-dev-ReadOnly&format=text".into(),
                file: "[sso-session rolecall]\nsso_start_url = https://sso.example.com/start\n"
                    .into(),
                example: Some(example("payments-dev-ReadOnly")),
                default_section: "[default]\nservices = rolecall\n".into(),
                variables: vec![snippet(
                    "export AWS_ENDPOINT_URL_SSO='https://sso.example.com'",
                )],
                plain_http: false,
            };
            let nothing = Self {
                viewer: Viewer::sample(),
                choices: Vec::new(),
                text_href: "/config?format=text".into(),
                file: "[sso-session rolecall]\n".into(),
                example: None,
                default_section: "[default]\n".into(),
                variables: Vec::new(),
                plain_http: true,
            };
            let hostile = Self {
                viewer: Viewer::hostile(),
                choices: vec![choice(HOSTILE, true), choice(HOSTILE, false)],
                text_href: HOSTILE.into(),
                file: HOSTILE.into(),
                example: Some(example(HOSTILE)),
                default_section: HOSTILE.into(),
                variables: vec![snippet(HOSTILE)],
                plain_http: false,
            };
            vec![friendly, nothing, hostile]
        }
    }
}
