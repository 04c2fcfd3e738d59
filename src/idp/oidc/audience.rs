//! The audience of an ID token: `aud` and `azp` (OpenID Connect Core 3.1.3.7, 3 to 5).

use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::Value;

use super::jws::malformed;
use super::settings::OidcSettings;
use crate::idp::explanation::shown;

/// An entry of `extra_audiences` that allows any further audience in a token whose `azp` is this client.
const ANY_AUDIENCE: &str = "*";

/// `aud`, a string or a list of strings.
#[derive(Debug)]
pub struct Audiences<'a>(Vec<&'a str>);

impl<'a> Audiences<'a> {
    /// The value for a token without `aud`.
    pub const NONE: Self = Self(Vec::new());

    /// Parses the claim.
    ///
    /// # Errors
    /// [`RejectReason::Malformed`].
    pub fn read(claim: &'a Value) -> Result<Self, ProviderError> {
        let texts: Option<Vec<&str>> = match claim.as_array() {
            Some(list) => list.iter().map(Value::as_str).collect(),
            None => claim.as_str().map(|one| vec![one]),
        };
        texts
            .map(Self)
            .ok_or_else(|| malformed("aud is neither a string nor an array of strings"))
    }

    /// Checks that one of the audiences is this client, and that the others are configured. `azp`, if present, must be
    /// this client; with several audiences it is required.
    ///
    /// # Errors
    /// [`RejectReason::Audience`], with the values and the setting to change.
    pub fn check(&self, azp: Option<&str>, settings: &OidcSettings) -> Result<(), ProviderError> {
        let us = settings.client_id.as_str();
        let reject = |detail: String| Err(ProviderError::rejected(RejectReason::Audience, detail));
        if !self.0.contains(&us) {
            let named: Vec<String> = self.0.iter().map(|name| shown(name)).collect();
            return reject(format!("aud is {named:?}, our client_id is {us:?}"));
        }
        if let Some(azp) = azp.filter(|azp| *azp != us) {
            return reject(format!("azp is {:?}, our client_id is {us:?}", shown(azp)));
        }
        let listed = |name: &str| settings.extra_audiences.iter().any(|one| one == name);
        let any = azp.is_some() && listed(ANY_AUDIENCE);
        let unknown: Vec<String> = self
            .0
            .iter()
            .filter(|name| **name != us && !any && !listed(name))
            .map(|name| shown(name))
            .collect();
        if !unknown.is_empty() {
            return reject(format!(
                "aud also contains {unknown:?}: add them to extra_audiences, or \"*\" to allow any audience if azp is this client"
            ));
        }
        if azp.is_none() && self.0.len() > 1 {
            return reject("aud contains several audiences, but azp is missing".to_owned());
        }
        Ok(())
    }
}
