//! Faults that the AWS emulator can be made to have.
//!
//! A fault with a count affects that number of requests. Any other affects all requests until it is cleared.

use std::sync::Mutex;
use std::time::Duration;

use crate::lock;

use super::action::Action;
use super::error::{AwsError, ErrorCode};

/// A fault of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// STS returns `Throttling`.
    Throttle {
        /// Number of requests affected.
        times: u32,
    },
    /// STS returns 503 without XML, as a load balancer does.
    ServerError {
        /// Number of requests affected.
        times: u32,
    },
    /// STS closes the connection without a response.
    DropConnection {
        /// Number of requests affected.
        times: u32,
    },
    /// STS delays every response by this duration.
    SlowBy(Duration),
    /// STS returns `RegionDisabledException`.
    RegionDisabled,
    /// Operations that issue credentials return `AccessDenied`.
    AccessDenied,
    /// Operations that issue credentials return `ExpiredTokenException`.
    ExpiredToken,
    /// Operations that issue credentials return `IDPCommunicationError`.
    IdpCommunicationError {
        /// Number of requests affected.
        times: u32,
    },
    /// Operations that issue credentials return `IDPRejectedClaim`.
    IdpRejectedClaim,
    /// Operations that issue credentials return `PackedPolicyTooLarge`.
    PackedPolicyTooLarge,
    /// Operations that issue credentials return `MalformedPolicyDocument`.
    MalformedPolicy,
    /// Operations that issue credentials return this error.
    Error {
        /// The code.
        code: &'static str,
        /// The HTTP status.
        status: u16,
        /// The message.
        message: &'static str,
    },
    /// `GetCallerIdentity` returns `InvalidClientTokenId`.
    CallerIdentityRefused,
    /// `GetCallerIdentity` returns a principal of another account, as if the keys of two accounts were swapped.
    OtherCallerIdentity,
    /// Organizations returns `TooManyRequestsException`.
    OrganizationsThrottle {
        /// Number of requests affected.
        times: u32,
    },
    /// `getSigninToken` returns 400 "Invalid credentials parameter".
    SigninBadRequest,
    /// `getSigninToken` returns 400 if the request has a `SessionDuration`, as observed for some values.
    SigninRejectsDuration,
    /// `getSigninToken` returns 200 with an HTML page instead of JSON.
    SigninHtml,
    /// `getSigninToken` returns 503.
    SigninServerError {
        /// Number of requests affected.
        times: u32,
    },
    /// `getSigninToken` delays every response by this duration.
    SigninSlow(Duration),
}

/// The endpoints that a fault affects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    Sts,
    /// STS operations that issue credentials.
    Issuing,
    /// `GetCallerIdentity`.
    Identity,
    Signin,
    Organizations,
}

/// How a fault changes the processing of a request.
pub(super) enum Effect {
    Wait(Duration),
    Drop,
    Fail(AwsError),
    Unavailable,
    OtherIdentity,
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
            | Fault::MalformedPolicy
            | Fault::Error { .. } => Surface::Issuing,
            Fault::CallerIdentityRefused | Fault::OtherCallerIdentity => Surface::Identity,
            Fault::OrganizationsThrottle { .. } => Surface::Organizations,
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
            Fault::Throttle { .. } | Fault::OrganizationsThrottle { .. } => {
                fail(ErrorCode::Throttling, "Rate exceeded")
            }
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
            Fault::Error {
                code,
                status,
                message,
            } => fail(ErrorCode::Other(code, *status), message),
            Fault::CallerIdentityRefused => fail(
                ErrorCode::InvalidClientTokenId,
                "The security token included in the request is invalid.",
            ),
            Fault::OtherCallerIdentity => Effect::OtherIdentity,
            Fault::SigninBadRequest => Effect::BadCredentials,
            Fault::SigninRejectsDuration => Effect::RejectDuration,
            Fault::SigninHtml => Effect::Html,
        }
    }

    /// Counts an affected request. Returns whether the fault remains active.
    fn consume(&mut self) -> bool {
        match self {
            Fault::Throttle { times }
            | Fault::ServerError { times }
            | Fault::DropConnection { times }
            | Fault::OrganizationsThrottle { times }
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
            | Fault::Error { .. }
            | Fault::CallerIdentityRefused
            | Fault::OtherCallerIdentity
            | Fault::SigninBadRequest
            | Fault::SigninRejectsDuration
            | Fault::SigninHtml
            | Fault::SigninSlow(_) => true,
        }
    }
}

/// Active faults.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub fn add(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Returns the effects on a request to these endpoints: all delays, then the first effect that ends the request.
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
    fn counted_fault_affects_one_request_each() {
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
