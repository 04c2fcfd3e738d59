//! The sign-in page. It is shown without a session and contains no user data.
use askama::Template;

/// `GET /sign-in`: the choice of an identity provider, by its button or by e-mail address.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// The providers, in the order of the configuration.
    pub providers: Vec<ProviderChoice>,
    /// Whether a provider has `domains`, so that an e-mail address can select it.
    pub email_field: bool,
    /// The previous input; empty at first.
    pub email: String,
    /// Why the previous input was rejected, such as "No identity provider is configured for example.org."
    pub email_error: Option<String>,
    /// The path to return to after signing in; empty for the portal.
    pub return_to: String,
    /// A notice, such as "Redirecting to Okta …".
    pub notice: Option<String>,
}

/// A button of the sign-in page.
#[derive(Debug, Clone)]
pub struct ProviderChoice {
    /// The title of the provider.
    pub title: String,
    /// `/sign-in/{provider}` with `return_to`, percent-encoded.
    pub href: String,
}

#[cfg(test)]
mod samples {
    use super::{ProviderChoice, SignInPage};
    use crate::web::pages::layout::samples::HOSTILE;

    fn choice(title: &str, href: &str) -> ProviderChoice {
        ProviderChoice {
            title: title.into(),
            href: href.into(),
        }
    }

    impl SignInPage {
        pub fn samples() -> Vec<Self> {
            let providers = vec![
                choice("Google Workspace", "/sign-in/google?return_to=%2F"),
                choice("Okta", "/sign-in/okta?return_to=%2F"),
                choice("Corporate directory (AD FS)", "/sign-in/adfs?return_to=%2F"),
            ];
            let plain = Self {
                providers: providers.clone(),
                email_field: false,
                email: String::new(),
                email_error: None,
                return_to: String::new(),
                notice: None,
            };
            let failed = Self {
                providers,
                email_field: true,
                email: "alice@example.org".into(),
                email_error: Some("No identity provider is configured for example.org. Check the address, or choose one below.".into()),
                return_to: "/console?account=111122223333&permission_set=Developer".into(),
                notice: Some("Your session has ended. Sign in again to continue.".into()),
            };
            let hostile = Self {
                providers: vec![choice(HOSTILE, HOSTILE)],
                email_field: true,
                email: HOSTILE.into(),
                email_error: Some(HOSTILE.into()),
                return_to: HOSTILE.into(),
                notice: Some(HOSTILE.into()),
            };
            vec![plain, failed, hostile]
        }
    }
}
