//! One sample of each error of the core services.

use std::io;

use rolecall_core::access::{AttributeError, Unmet};
use rolecall_core::audit::ReferenceId;
use rolecall_core::aws::{Advice, ConsoleSignInError, Partition, StsRefusal, UnusableIdToken};
use rolecall_core::aws_login::LoginError;
use rolecall_core::aws_login::dpop::DpopError;
use rolecall_core::base::Entropy;
use rolecall_core::clients::{
    DeviceError, InvalidRedirectUri, InvalidRegistration, StartUrls, TokenError,
};
use rolecall_core::entitlements::FactsUnavailable;
use rolecall_core::identity::ProviderId;
use rolecall_core::issue::{
    CannotDecode, IdTokenError, IssueError, Refused, ResponseMismatch, VerificationFailure,
};
use rolecall_core::record::StoreError;
use rolecall_core::record::rate_limit::{LimitExceeded, LimitName};
use rolecall_core::sign_in::{
    ProviderError, RejectReason, ReturnTo, SignInError, SignOutError, StepUpFailed,
};

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

pub fn reference() -> ReferenceId {
    ReferenceId::generate(&Zeros)
}

pub fn source() -> Box<dyn std::error::Error + Send + Sync> {
    Box::new(io::Error::other("connection refused"))
}

pub fn store() -> StoreError {
    StoreError::Unavailable(source())
}

pub fn limit(limit: LimitName, seconds: i64) -> LimitExceeded {
    LimitExceeded {
        limit,
        retry_after: chrono::TimeDelta::seconds(seconds),
    }
}

pub fn refused(refusal: StsRefusal) -> IssueError {
    IssueError::Refused(Box::new(Refused {
        refusal,
        code: "AccessDenied".to_owned(),
        message: "Not authorized".to_owned(),
        request_id: (refusal == StsRefusal::Throttled).then(|| "r-1".to_owned()),
        advice: Advice {
            explanation: "The role's trust policy refuses.".to_owned(),
            hint: "Change it.".to_owned(),
            operators: None,
        },
        log: (refusal == StsRefusal::Other).then(|| "Compare arn:aws:x.".to_owned()),
    }))
}

pub fn locked(unmet: &[Unmet], owners: &[&str]) -> IssueError {
    IssueError::Locked {
        unmet: unmet.to_vec(),
        owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
    }
}

pub fn issue_errors() -> Vec<IssueError> {
    let hour = chrono::TimeDelta::hours(1);
    let mut errors = vec![
        IssueError::NotGranted,
        locked(&[Unmet::Mfa, Unmet::SignedInWithin(hour)], &[]),
        locked(&[Unmet::SignedInWithin(hour)], &[]),
        locked(
            &[Unmet::MfaUnconfirmed {
                stated: "the ID token has amr \"pwd\" and no acr".to_owned(),
            }],
            &[],
        ),
        locked(&[Unmet::DeviceFlow], &["a@example.com"]),
        locked(&[Unmet::Network], &["a@example.com", "b@example.com"]),
        locked(&[Unmet::AuthTimeMissing(hour), Unmet::DeviceFlow], &[]),
        IssueError::Attributes(AttributeError::Missing {
            attribute: "the tag team".to_owned(),
            placeholder: "claim:team".to_owned(),
        }),
        IssueError::CannotDecode(CannotDecode::SessionPolicy),
        IssueError::AtProvider { start: None },
        IssueError::IdToken(IdTokenError::SignInAgain {
            provider: ProviderId::parse("okta").unwrap(),
            title: "Okta".to_owned(),
        }),
        IssueError::IdToken(IdTokenError::OtherProvider {
            trusted: "Okta".to_owned(),
        }),
        IssueError::IdToken(IdTokenError::Unusable(UnusableIdToken::TooLarge)),
        IssueError::IdToken(IdTokenError::Unusable(UnusableIdToken::Algorithm)),
        IssueError::IdToken(IdTokenError::Unusable(UnusableIdToken::Subject)),
        IssueError::IdToken(IdTokenError::Unusable(UnusableIdToken::ShortLived)),
        IssueError::SessionEnded,
        IssueError::Mismatch(ResponseMismatch::Subject),
        IssueError::Mismatch(ResponseMismatch::Role),
        IssueError::Mismatch(ResponseMismatch::SourceIdentity),
        IssueError::Token(source()),
        IssueError::OwnCredentials(source()),
        IssueError::Unverified(Box::new(VerificationFailure::OtherIdentity {
            arn: "arn:aws:iam::111122223333:user/x".to_owned(),
        })),
        IssueError::StsUnavailable(source()),
        IssueError::StsUnanswered {
            attempts: 2,
            source: source(),
        },
        IssueError::Console(ConsoleSignInError::Unavailable(source())),
        IssueError::Console(ConsoleSignInError::Refused { status: 400 }),
        IssueError::RateLimited(limit(LimitName::Credentials, 7)),
        IssueError::Unavailable(store()),
    ];
    errors.extend(
        [
            StsRefusal::AccessDenied,
            StsRefusal::Throttled,
            StsRefusal::ProviderUnreachable,
            StsRefusal::Other,
        ]
        .map(refused),
    );
    errors.push(IssueError::FactsUnavailable(FactsUnavailable(source())));
    errors
}

pub fn provider_errors() -> Vec<ProviderError> {
    let rejected = |reason| ProviderError::Rejected {
        reason,
        detail: "exp is in the past".to_owned(),
    };
    vec![
        ProviderError::Refused {
            error: "access_denied",
            explanation: Some("the user canceled the sign-in".to_owned()),
        },
        rejected(RejectReason::TooManyGroups),
        rejected(RejectReason::Claims),
        rejected(RejectReason::Expired),
        rejected(RejectReason::NotFresh),
        ProviderError::Misconfigured(source()),
        ProviderError::Unavailable(source()),
    ]
}

fn step_up(error: SignInError) -> SignInError {
    SignInError::StepUp(Box::new(StepUpFailed {
        error,
        provider: ProviderId::parse("okta").unwrap(),
        return_to: ReturnTo::parse("/console?account=111122223333&permission_set=Developer")
            .unwrap(),
        second_factor: true,
    }))
}

pub fn sign_in_errors() -> Vec<SignInError> {
    let mut errors = vec![
        SignInError::UnknownProvider,
        SignInError::Unreadable,
        SignInError::Expired,
        SignInError::OtherBrowser,
        SignInError::OtherProvider,
        SignInError::Replayed,
        SignInError::EndedByProvider,
        SignInError::InteractionRequired(ReturnTo::portal()),
        SignInError::OtherPerson,
        step_up(SignInError::OtherPerson),
        step_up(SignInError::Unavailable(store())),
        step_up(SignInError::Provider(ProviderError::Refused {
            error: "no_authn_context",
            explanation: None,
        })),
        SignInError::RateLimited(limit(LimitName::SignIn, 1)),
        SignInError::Unavailable(store()),
    ];
    errors.extend(provider_errors().into_iter().map(SignInError::Provider));
    errors
}

pub fn sign_out_errors() -> Vec<SignOutError> {
    let mut errors = vec![
        SignOutError::UnknownProvider,
        SignOutError::Unreadable,
        SignOutError::Expired,
        SignOutError::Replayed,
        SignOutError::RateLimited(limit(LimitName::UnverifiedFrames, 60)),
        SignOutError::Unavailable(store()),
    ];
    errors.extend(provider_errors().into_iter().map(SignOutError::Provider));
    errors
}

pub fn token_errors() -> Vec<TokenError> {
    vec![
        TokenError::InvalidClient,
        TokenError::UnauthorizedClient,
        TokenError::InvalidGrant,
        TokenError::Reused,
        TokenError::AuthorizationPending,
        TokenError::SlowDown,
        TokenError::AccessDenied,
        TokenError::ExpiredToken,
        TokenError::Unavailable(store()),
    ]
}

pub fn start_urls() -> StartUrls {
    let url = url::Url::parse("https://sso.example.com").unwrap();
    StartUrls::new(&url, Partition::Aws, None, &[])
}

pub fn registrations() -> Vec<InvalidRegistration> {
    vec![
        InvalidRegistration::ClientType,
        InvalidRegistration::TooLarge,
        InvalidRegistration::Scope,
        InvalidRegistration::GrantType,
        InvalidRegistration::RedirectUri(InvalidRedirectUri),
        InvalidRegistration::StartUrl(start_urls().check("https://x.example").unwrap_err()),
    ]
}

pub fn device_errors() -> Vec<DeviceError> {
    vec![
        DeviceError::Off,
        DeviceError::StartUrl(start_urls().check("https://x.example").unwrap_err()),
        DeviceError::TooMany(limit(LimitName::DeviceAuthorization, 61)),
        DeviceError::Unavailable(store()),
    ]
}

pub fn login_errors() -> Vec<LoginError> {
    let mut errors = vec![
        LoginError::Proof(DpopError::Signature),
        LoginError::CodeUsed,
        LoginError::OtherRequest,
        LoginError::SessionOver,
        LoginError::RateLimited(limit(LimitName::Failures, 30)),
        LoginError::Unavailable(store()),
    ];
    errors.extend(issue_errors().into_iter().map(LoginError::Issue));
    errors
}

pub const LIMITS: [LimitName; 16] = [
    LimitName::SignIn,
    LimitName::Failures,
    LimitName::UnverifiedMessages,
    LimitName::WaitingMessages,
    LimitName::UnverifiedFrames,
    LimitName::RefusedSignIns,
    LimitName::SamlResponses,
    LimitName::PendingSignIns,
    LimitName::PendingDevices,
    LimitName::CompletedSignIns,
    LimitName::Register,
    LimitName::Credentials,
    LimitName::StsRate,
    LimitName::DeviceAuthorization,
    LimitName::UserCodes,
    LimitName::SamlForms,
];

/// Statuses that the framework returns by itself.
pub const STATUSES: [u16; 13] = [
    400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 429, 500, 501,
];
