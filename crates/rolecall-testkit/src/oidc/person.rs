//! Who signs in at the provider, and which relying parties may ask.

use serde_json::{Map, Value};

/// A person the provider knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// `sub`: stable and opaque.
    pub subject: String,
    /// What is typed into the sign-in form.
    pub username: String,
    /// `email`.
    pub email: String,
    /// `email_verified`.
    pub email_verified: bool,
    /// `name`.
    pub name: String,
    /// `groups`.
    pub groups: Vec<String>,
    /// `amr` (RFC 8176): how the person proves who they are here.
    pub amr: Vec<String>,
    /// `acr`.
    pub acr: Option<String>,
    /// `hd`: Google's hosted domain.
    pub hosted_domain: Option<String>,
    /// Any other claims; they win over those above.
    pub claims: Map<String, Value>,
}

impl Person {
    /// A person without groups who signs in with a password, at `example.com`.
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

    /// In these groups.
    pub fn groups<const N: usize>(mut self, groups: [&str; N]) -> Self {
        self.groups = groups.map(str::to_owned).to_vec();
        self
    }

    /// Proved by these methods.
    pub fn amr<const N: usize>(mut self, amr: [&str; N]) -> Self {
        self.amr = amr.map(str::to_owned).to_vec();
        self
    }

    /// With one more claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// The people of the demo: `alice` (two groups, two factors), `bob` (one group, one factor), `carol` (no group).
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
    /// `client_secret_basic` or `client_secret_post`; without a secret, none.
    #[default]
    Secret,
    /// `client_secret_basic` alone.
    SecretBasic,
    /// `client_secret_post` alone.
    SecretPost,
    /// `private_key_jwt` under a key of this JWK set, with this audience or the issuer.
    PrivateKeyJwt {
        /// The client's public keys.
        jwks: Value,
        /// Whether `aud` must be the issuer; otherwise it must be the token endpoint.
        for_issuer: bool,
    },
}

/// A relying party.
#[derive(Clone)]
pub struct OidcClient {
    /// `client_id`.
    pub id: String,
    /// `client_secret`; without one, the client is public.
    pub secret: Option<String>,
    /// Compared character by character.
    pub redirect_uris: Vec<String>,
    /// How it authenticates.
    pub method: ClientMethod,
    /// Where a sign-out may lead.
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

    /// That authenticates in this way alone.
    pub fn by(mut self, method: ClientMethod) -> Self {
        self.method = method;
        self
    }

    /// With a place to land after signing out.
    pub fn with_post_logout_redirect_uri(mut self, uri: &str) -> Self {
        self.post_logout_redirect_uris.push(uri.to_owned());
        self
    }
}
