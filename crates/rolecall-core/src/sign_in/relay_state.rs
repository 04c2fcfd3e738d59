//! `RelayState` of SAML messages (SAML Bindings 3.5.3): for messages that answer a request of the gateway, the `state` of the
//! sign-in or sign-out.

use crate::base::secret::{State, TOKEN_CHARACTERS};

/// Returns the `state` that the gateway sent as `RelayState`. None for any other text, which the provider chose: the
/// message is unsolicited.
pub(super) fn state(relay_state: Option<&str>) -> Option<State> {
    let text = relay_state?;
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_state = text.len() == TOKEN_CHARACTERS && text.bytes().all(is_base64url);
    is_state.then(|| State::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relay_state_is_a_state_only_in_its_form() {
        let is_state = |text: &str| state(Some(text)).is_some();
        let own = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-";
        assert!(is_state(own) && state(None).is_none());
        for other in ["", "/console", &own[1..], &format!("{own}A")] {
            assert!(!is_state(other), "{other}");
        }
        assert!(!is_state(&own.replace('-', "/")));
    }
}
