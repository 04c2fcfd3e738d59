//! How browsers sign in to the AWS console.

/// How a browser opens the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsoleMethod {
    /// Rolecall exchanges credentials of the role for a link at AWS's federation endpoint.
    #[default]
    Federation,
    /// The browser posts the SAML response to AWS's sign-in endpoint. Rolecall neither calls STS nor receives
    /// credentials.
    SamlPost,
}

impl ConsoleMethod {
    /// All methods, for parsing.
    pub const ALL: [Self; 2] = [Self::Federation, Self::SamlPost];

    /// The value in `access.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Federation => "federation",
            Self::SamlPost => "saml-post",
        }
    }
}
