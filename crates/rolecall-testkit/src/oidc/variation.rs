//! What a sound provider says in a way of its own: other types, more members, other media types, an endpoint that is down.
//!
//! A [`super::Fault`] is a lie, with a verdict; a variation is what vendors really send, and what becomes of it is the
//! test's to say.

use serde_json::{Map, Value};

use super::response::{ResponseDraft, ResponseKind};

/// A member with this value is left out.
pub const ABSENT: &str = "__absent__";

/// Another body than the honest one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawResponse {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// `Content-Type`
    pub content_type: String,
    /// `WWW-Authenticate`
    pub challenge: Option<String>,
}

/// How the provider's answers differ from its usual ones. Members are put in place of those of the same name.
#[derive(Clone, Default)]
pub struct Variation {
    /// Of the ID token.
    pub claims: Map<String, Value>,
    /// Of the header of the ID token.
    pub header: Map<String, Value>,
    /// Of the token answer.
    pub token: Map<String, Value>,
    /// Of the discovery document.
    pub discovery: Map<String, Value>,
    /// Of the parameters that the browser carries back.
    pub callback: Map<String, Value>,
    /// Changes the key set.
    pub jwks: Option<fn(&mut Map<String, Value>)>,
    /// What the key set is called.
    pub jwks_content_type: Option<String>,
    /// What userinfo answers instead.
    pub userinfo: Option<RawResponse>,
    /// What the token endpoint answers instead.
    pub token_endpoint: Option<RawResponse>,
}

impl Variation {
    /// Changes an answer of the kind it is about.
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
