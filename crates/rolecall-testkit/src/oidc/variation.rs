//! What a sound provider says in a way of its own: other types, more members, other media types, an endpoint that is down.
//!
//! A [`super::Fault`] is a lie, with a verdict; a variation is what vendors really send, and what becomes of it is the
//! test's to say.

use serde_json::{Map, Value};

use super::answer::{Answer, Place};

/// A member with this value is left out.
pub const ABSENT: &str = "__absent__";

/// Another body than the honest one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
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
    pub userinfo: Option<Raw>,
    /// What the token endpoint answers instead.
    pub token_endpoint: Option<Raw>,
}

impl Variation {
    /// Changes an answer of the kind it is about.
    pub(super) fn apply(&self, answer: &mut Answer) {
        let none = Map::new();
        let members = match answer.place {
            Place::Discovery => &self.discovery,
            Place::Callback => &self.callback,
            Place::IdToken => &self.claims,
            Place::Token => &self.token,
            Place::Jwks | Place::Userinfo => &none,
        };
        put(&mut answer.body, members);
        match answer.place {
            Place::Jwks => {
                if let Some(change) = self.jwks {
                    change(&mut answer.body);
                }
                answer.content_type.clone_from(&self.jwks_content_type);
            }
            Place::IdToken => put(&mut answer.header, &self.header),
            Place::Userinfo => answer.raw.clone_from(&self.userinfo),
            Place::Token => answer.raw.clone_from(&self.token_endpoint),
            Place::Discovery | Place::Callback => {}
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
