//! Step-up: what is requested of a provider if a role requires a second factor or a recent sign-in, and what its
//! response states if it does not confirm a second factor.

use rolecall_core::base::text::one_line;
use rolecall_core::identity::Identity;
use rolecall_core::sign_in::AuthnRequirements;

/// Length of a description of what a response states, in characters. It is part of the session.
const STATED_CHARS_MAX: usize = 300;

/// `step_up` of a provider: what is requested where a role requires a second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUpRule {
    /// `acr_values` (OIDC Core 3.1.2.1), or the classes of `RequestedAuthnContext` (SAML Core 3.3.2.2.1).
    pub acr: Vec<String>,
    /// Whether the person must also authenticate again, even if the provider has a session.
    pub reauthenticate: bool,
}

impl Default for StepUpRule {
    fn default() -> Self {
        Self::new(Vec::new(), None)
    }
}

impl StepUpRule {
    /// Requests these contexts. Without any, only a new authentication can be requested.
    pub fn new(acr: Vec<String>, reauthenticate: Option<bool>) -> Self {
        Self {
            reauthenticate: reauthenticate.unwrap_or(acr.is_empty()),
            acr,
        }
    }

    /// The contexts to request. A silent sign-in requests them only if the provider's session can be sufficient.
    pub fn contexts(&self, requirements: &AuthnRequirements) -> &[String] {
        let cannot_be_silent = requirements.silent && self.reauthenticate;
        match requirements.second_factor && !cannot_be_silent {
            true => &self.acr,
            false => &[],
        }
    }

    /// Whether the provider must authenticate the person again: `prompt=login` with `max_age`, or `ForceAuthn`.
    pub fn reauthenticates(&self, requirements: &AuthnRequirements) -> bool {
        let again = requirements.fresh || (requirements.second_factor && self.reauthenticate);
        again && !requirements.silent
    }
}

/// Records in the identity what the response states, if it confirms no second factor. `response` names the document, and
/// `stated` the claims or attributes in it that could.
pub fn record_unconfirmed(identity: &mut Identity, response: &str, stated: &[(&str, Vec<String>)]) {
    if identity.mfa {
        return;
    }
    let parts: Vec<String> = stated
        .iter()
        .map(|(name, values)| match values.as_slice() {
            [] => format!("no {name}"),
            values => format!("{name} {}", quoted(values)),
        })
        .collect();
    let text = format!("{response} has {}", parts.join(" and "));
    identity.unconfirmed_mfa = Some(one_line(&text, STATED_CHARS_MAX));
}

fn quoted(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(fresh: bool, second_factor: bool) -> AuthnRequirements {
        AuthnRequirements {
            fresh,
            second_factor,
            ..AuthnRequirements::default()
        }
    }

    #[test]
    fn silent_sign_in_keeps_a_second_factor_that_needs_no_page() {
        let acr = || vec!["urn:mfa".to_owned()];
        let silent = AuthnRequirements {
            silent: true,
            ..requested(false, true)
        };
        for (rule, contexts) in [
            (StepUpRule::default(), 0),
            (StepUpRule::new(acr(), None), 1),
            (StepUpRule::new(acr(), Some(true)), 0),
        ] {
            assert_eq!(rule.contexts(&silent).len(), contexts, "{rule:?}");
            assert!(!rule.reauthenticates(&silent), "{rule:?}");
        }
    }

    #[test]
    fn request_matches_what_is_missing() {
        let acr = || vec!["urn:mfa".to_owned()];
        for (rule, fresh, second_factor, contexts, again) in [
            (StepUpRule::default(), false, false, 0, false),
            (StepUpRule::default(), true, false, 0, true),
            // Nothing else can be requested.
            (StepUpRule::default(), false, true, 0, true),
            (StepUpRule::new(acr(), None), false, true, 1, false),
            (StepUpRule::new(acr(), None), true, true, 1, true),
            (StepUpRule::new(acr(), None), true, false, 0, true),
            (StepUpRule::new(acr(), Some(true)), false, true, 1, true),
        ] {
            let requirements = requested(fresh, second_factor);
            assert_eq!(
                rule.contexts(&requirements).len(),
                contexts,
                "{rule:?} {requirements:?}"
            );
            assert_eq!(
                rule.reauthenticates(&requirements),
                again,
                "{rule:?} {requirements:?}"
            );
        }
    }
}
