//! Whom an ID token is for: `aud` and `azp` (OpenID Connect Core 3.1.3.7, 3 to 5).

use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::Value;

use super::jws::malformed;
use super::settings::OidcSettings;
use crate::idp::explanation::shown;

/// An entry of `extra_audiences` that stands for all of them, in a token that `azp` says was made for us.
const ANY_AUDIENCE: &str = "*";

/// `aud`, one text or several.
#[derive(Debug)]
pub struct Audiences<'a>(Vec<&'a str>);

impl<'a> Audiences<'a> {
    /// No audience at all.
    pub const NONE: Self = Self(Vec::new());

    /// Reads the claim.
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
            .ok_or_else(|| malformed("aud is neither a string nor a list of strings"))
    }

    /// One of the audiences is us, and the others are configured. `azp`, where there is one, is us; where there are
    /// several audiences there must be one.
    ///
    /// # Errors
    /// [`RejectReason::Audience`], with what came, what was expected and the setting.
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
                "aud also names {unknown:?}: add them to extra_audiences, or \"*\" for any where azp is this client"
            ));
        }
        if azp.is_none() && self.0.len() > 1 {
            return reject("aud names several audiences, and there is no azp".to_owned());
        }
        Ok(())
    }
}
