//! Users and clients of the provider.

use serde_json::{Map, Value};

/// A user of a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// `sub`.
    pub subject: String,
    /// Username in the sign-in form.
    pub username: String,
    /// `email`.
    pub email: String,
    /// `email_verified`.
    pub email_verified: bool,
    /// `name`.
    pub name: String,
    /// `groups`.
    pub groups: Vec<String>,
    /// `amr` (RFC 8176): authentication methods of the user.
    pub amr: Vec<String>,
    /// `acr`.
    pub acr: Option<String>,
    /// `hd`: Google's hosted domain.
    pub hosted_domain: Option<String>,
    /// Other claims, which override the fields above.
    pub claims: Map<String, Value>,
}

impl Person {
    /// A user without groups, with a password as the only factor and an address at `example.com`.
    pub fn new(username: &str) -> Self {
        let mut name = username.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self {
            subject: format!("00u-{username}"),
            username: username.to_owned(),
            email: format!("{username}@example.com"),
            email_verified: true,
            name,
            groups: Vec::new(),
            amr: vec!["pwd".to_owned()],
            acr: None,
            hosted_domain: None,
            claims: Map::new(),
        }
    }

    /// Sets the groups.
    pub fn groups<const N: usize>(mut self, groups: [&str; N]) -> Self {
        self.groups = groups.map(str::to_owned).to_vec();
        self
    }

    /// Sets the authentication methods.
    pub fn amr<const N: usize>(mut self, amr: [&str; N]) -> Self {
        self.amr = amr.map(str::to_owned).to_vec();
        self
    }

    /// Adds a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// The sample users: `alice` (two groups, two factors), `bob` (one group, one factor) and `carol` (no groups).
    pub fn samples() -> Vec<Self> {
        let two_factors = ["pwd", "otp", "mfa"];
        vec![
            Self::new("alice")
                .groups(["platform", "payments-dev"])
                .amr(two_factors),
            Self::new("bob").groups(["payments-dev"]),
            Self::new("carol"),
        ]
    }
}

/// How a relying party authenticates at the token endpoint (OpenID Connect Core 9).
#[derive(Clone, Debug, Default)]
pub enum ClientMethod {
    /// `client_secret_basic` or `client_secret_post`; `none` without a secret.
    #[default]
    Secret,
    /// Only `client_secret_basic`.
    SecretBasic,
    /// Only `client_secret_post`.
    SecretPost,
    /// `private_key_jwt`.
    PrivateKeyJwt {
        /// JWK set of the client.
        jwks: Value,
        /// Whether `aud` must be the issuer. Otherwise it must be the token endpoint.
        for_issuer: bool,
    },
}

/// A client (relying party).
#[derive(Clone)]
pub struct OidcClient {
    /// `client_id`.
    pub id: String,
    /// `client_secret`; `None` for a public client.
    pub secret: Option<String>,
    /// Registered redirect URIs.
    pub redirect_uris: Vec<String>,
    /// How the client authenticates at the token endpoint.
    pub method: ClientMethod,
    /// Registered post-logout redirect URIs.
    pub post_logout_redirect_uris: Vec<String>,
}

impl OidcClient {
    /// A confidential client with one redirect URI.
    pub fn new(id: &str, secret: &str, redirect_uri: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: Some(secret.to_owned()),
            redirect_uris: vec![redirect_uri.to_owned()],
            method: ClientMethod::default(),
            post_logout_redirect_uris: Vec::new(),
        }
    }

    /// Sets the authentication method.
    pub fn by(mut self, method: ClientMethod) -> Self {
        self.method = method;
        self
    }

    /// Adds a post-logout redirect URI.
    pub fn with_post_logout_redirect_uri(mut self, uri: &str) -> Self {
        self.post_logout_redirect_uris.push(uri.to_owned());
        self
    }
}
