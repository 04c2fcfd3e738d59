//! Variations of the responses of correct providers: other types, more members, other content types, unavailable endpoints.
//!
//! A [`super::Fault`] is an error with an expected outcome. A variation is what products send; the test defines the outcome.

use serde_json::{Map, Value};

use super::response::{ResponseDraft, ResponseKind};

/// Value that removes a member.
pub const ABSENT: &str = "__absent__";

/// A response that replaces that of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawResponse {
    /// Status code of the response.
    pub status: u16,
    /// Body of the response.
    pub body: String,
    /// `Content-Type`.
    pub content_type: String,
    /// `WWW-Authenticate`.
    pub challenge: Option<String>,
}

/// How responses differ from the default. Members replace those of the same name.
#[derive(Clone, Default)]
pub struct Variation {
    /// Claims of the ID token.
    pub claims: Map<String, Value>,
    /// Header parameters of the ID token.
    pub header: Map<String, Value>,
    /// Members of the token response.
    pub token: Map<String, Value>,
    /// Members of the discovery document.
    pub discovery: Map<String, Value>,
    /// Parameters of the redirect to the client.
    pub callback: Map<String, Value>,
    /// Changes the JWK set.
    pub jwks: Option<fn(&mut Map<String, Value>)>,
    /// Content type of the JWK set.
    pub jwks_content_type: Option<String>,
    /// Response of the UserInfo endpoint.
    pub userinfo: Option<RawResponse>,
    /// Response of the token endpoint.
    pub token_endpoint: Option<RawResponse>,
}

impl Variation {
    /// Applies the variation to a response.
    pub(super) fn apply(&self, response: &mut ResponseDraft) {
        let none = Map::new();
        let members = match response.kind {
            ResponseKind::Discovery => &self.discovery,
            ResponseKind::Callback => &self.callback,
            ResponseKind::IdToken => &self.claims,
            ResponseKind::Token => &self.token,
            ResponseKind::Jwks | ResponseKind::Userinfo => &none,
        };
        put(&mut response.body, members);
        match response.kind {
            ResponseKind::Jwks => {
                if let Some(change) = self.jwks {
                    change(&mut response.body);
                }
                response.content_type.clone_from(&self.jwks_content_type);
            }
            ResponseKind::IdToken => put(&mut response.header, &self.header),
            ResponseKind::Userinfo => response.raw.clone_from(&self.userinfo),
            ResponseKind::Token => response.raw.clone_from(&self.token_endpoint),
            ResponseKind::Discovery | ResponseKind::Callback => {}
        }
    }
}

fn put(into: &mut Map<String, Value>, members: &Map<String, Value>) {
    for (name, value) in members {
        if value.as_str() == Some(ABSENT) {
            into.remove(name);
        } else {
            into.insert(name.clone(), value.clone());
        }
    }
}
