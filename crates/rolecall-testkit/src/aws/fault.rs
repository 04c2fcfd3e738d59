//! How this AWS misbehaves on demand: one variant per thing a gateway must survive.
//!
//! Counted faults strike that many requests and are gone; the others strike until they are cleared.

use std::sync::Mutex;
use std::time::Duration;

use crate::lock;

use super::error::{AwsError, ErrorCode};
use super::trust::Action;

/// Something that goes wrong at AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// STS answers `Throttling`, for so many requests.
    Throttle {
        /// How many requests it strikes.
        times: u32,
    },
    /// STS answers 503 without XML, as a load balancer does.
    ServerError {
        /// How many requests it strikes.
        times: u32,
    },
    /// STS closes the connection without an answer.
    DropConnection {
        /// How many requests it strikes.
        times: u32,
    },
    /// Every answer of STS takes this much longer.
    SlowBy(Duration),
    /// STS is not active in this Region for the account: `RegionDisabledException`.
    RegionDisabled,
    /// Issuing is refused as if the trust policy said no.
    AccessDenied,
    /// The identity token is said to be expired: `ExpiredTokenException`.
    ExpiredToken,
    /// AWS cannot reach the issuer: `IDPCommunicationError`.
    IdpCommunicationError {
        /// How many requests it strikes.
        times: u32,
    },
    /// The issuer is said to have rejected the claim: `IDPRejectedClaim`.
    IdpRejectedClaim,
    /// Policies and tags are said to be too large together.
    PackedPolicyTooLarge,
    /// The session policy is said to be malformed: `MalformedPolicyDocument`.
    MalformedPolicy,
    /// `getSigninToken` answers 400 "Invalid credentials parameter".
    SigninBadRequest,
    /// `getSigninToken` answers 400 whenever a `SessionDuration` is sent, as was seen for odd values.
    SigninRejectsDuration,
    /// `getSigninToken` answers 200 with a page instead of JSON.
    SigninHtml,
    /// `getSigninToken` answers 503.
    SigninServerError {
        /// How many requests it strikes.
        times: u32,
    },
    /// Every answer of `getSigninToken` takes this much longer.
    SigninSlow(Duration),
}

/// Where a fault strikes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    /// Every request to STS.
    Sts,
    /// Requests that issue credentials.
    Issuing,
    /// `getSigninToken`.
    Signin,
}

/// What the request struck by it experiences.
pub(super) enum Effect {
    Wait(Duration),
    Drop,
    Fail(AwsError),
    Unavailable,
    BadCredentials,
    RejectDuration,
    Html,
}

impl Fault {
    fn surface(&self) -> Surface {
        match self {
            Fault::Throttle { .. }
            | Fault::ServerError { .. }
            | Fault::DropConnection { .. }
            | Fault::SlowBy(_) => Surface::Sts,
            Fault::RegionDisabled
            | Fault::AccessDenied
            | Fault::ExpiredToken
            | Fault::IdpCommunicationError { .. }
            | Fault::IdpRejectedClaim
            | Fault::PackedPolicyTooLarge
            | Fault::MalformedPolicy => Surface::Issuing,
            Fault::SigninBadRequest
            | Fault::SigninRejectsDuration
            | Fault::SigninHtml
            | Fault::SigninServerError { .. }
            | Fault::SigninSlow(_) => Surface::Signin,
        }
    }

    fn effect(&self) -> Effect {
        let fail = |code, message: &str| Effect::Fail(AwsError::new(code, message));
        match self {
            Fault::Throttle { .. } => fail(ErrorCode::Throttling, "Rate exceeded"),
            Fault::ServerError { .. } | Fault::SigninServerError { .. } => Effect::Unavailable,
            Fault::DropConnection { .. } => Effect::Drop,
            Fault::SlowBy(time) | Fault::SigninSlow(time) => Effect::Wait(*time),
            Fault::RegionDisabled => fail(
                ErrorCode::RegionDisabled,
                "STS is not activated in this region for account. Your account administrator can activate STS in this region using the IAM Console.",
            ),
            Fault::AccessDenied => {
                Effect::Fail(AwsError::access_denied(Action::AssumeRoleWithWebIdentity))
            }
            Fault::ExpiredToken => fail(ErrorCode::ExpiredTokenException, "Token expired"),
            Fault::IdpCommunicationError { .. } => Effect::Fail(AwsError::idp_unreachable()),
            Fault::IdpRejectedClaim => fail(
                ErrorCode::IdpRejectedClaim,
                "The identity provider reported that authentication failed",
            ),
            Fault::PackedPolicyTooLarge => Effect::Fail(AwsError::packed_too_large(134)),
            Fault::MalformedPolicy => fail(
                ErrorCode::MalformedPolicyDocument,
                "This policy contains invalid Json",
            ),
            Fault::SigninBadRequest => Effect::BadCredentials,
            Fault::SigninRejectsDuration => Effect::RejectDuration,
            Fault::SigninHtml => Effect::Html,
        }
    }

    /// One strike less; whether anything is left of it.
    fn consume(&mut self) -> bool {
        match self {
            Fault::Throttle { times }
            | Fault::ServerError { times }
            | Fault::DropConnection { times }
            | Fault::IdpCommunicationError { times }
            | Fault::SigninServerError { times } => {
                *times = times.saturating_sub(1);
                *times > 0
            }
            Fault::SlowBy(_)
            | Fault::RegionDisabled
            | Fault::AccessDenied
            | Fault::ExpiredToken
            | Fault::IdpRejectedClaim
            | Fault::PackedPolicyTooLarge
            | Fault::MalformedPolicy
            | Fault::SigninBadRequest
            | Fault::SigninRejectsDuration
            | Fault::SigninHtml
            | Fault::SigninSlow(_) => true,
        }
    }
}

/// The faults in force.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub fn add(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    /// What a request on these surfaces meets: every delay, then the first thing that ends it.
    pub fn effects_on(&self, surfaces: &[Surface]) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut ended = false;
        lock(&self.0).retain_mut(|fault| {
            let delay = matches!(fault, Fault::SlowBy(_) | Fault::SigninSlow(_));
            if !surfaces.contains(&fault.surface()) || (ended && !delay) {
                return true;
            }
            if delay {
                effects.insert(0, fault.effect());
            } else {
                ended = true;
                effects.push(fault.effect());
            }
            fault.consume()
        });
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_faults_end_and_one_request_meets_one() {
        let faults = Faults::default();
        faults.add(Fault::Throttle { times: 1 });
        faults.add(Fault::DropConnection { times: 1 });
        faults.add(Fault::SlowBy(Duration::from_millis(1)));
        assert!(faults.effects_on(&[Surface::Signin]).is_empty());
        assert!(matches!(
            faults.effects_on(&[Surface::Sts])[..],
            [Effect::Wait(_), Effect::Fail(_)]
        ));
        assert!(matches!(
            faults.effects_on(&[Surface::Sts, Surface::Issuing])[..],
            [Effect::Wait(_), Effect::Drop]
        ));
        assert!(matches!(
            faults.effects_on(&[Surface::Sts])[..],
            [Effect::Wait(_)]
        ));
        faults.clear();
        assert!(faults.effects_on(&[Surface::Sts]).is_empty());
    }
}
