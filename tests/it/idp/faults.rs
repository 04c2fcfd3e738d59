//! Each fault of a provider causes a quick rejection with the right reason, without a secret in the error and without a
//! request to a URL that the provider named.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rolecall_core::identity::EmailDomain;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use rolecall_testkit::oidc::{EndpointFault, Fault};

use super::{CLIENT_SECRET, Ended, Fixture};

/// The expected result of a sign-in at a provider with this fault.
#[derive(Debug, PartialEq)]
enum End {
    Rejected(RejectReason),
    Unavailable,
    Refused(&'static str),
    Accepted,
    /// Sign-ins fail until the configuration is changed.
    Misconfigured,
    /// The web layer rejects it before the adapter is called.
    AtTheDoor,
}

fn end_of(fault: Fault) -> End {
    use RejectReason::{
        AccessTokenHash, Algorithm, Audience, Expired, HostedDomain, Issuer, Malformed, Nonce,
        NotYetValid, Signature, Subject, TooManyGroups,
    };
    End::Rejected(match fault {
        Fault::WrongIssuer
        | Fault::IssuerWithSlash
        | Fault::MissingIssuer
        | Fault::WrongIssParameter
        | Fault::MissingIssParameter => Issuer,
        Fault::WrongAudience
        | Fault::ExtraAudience
        | Fault::MissingAudience
        | Fault::EmptyAudience
        | Fault::WrongAzp => Audience,
        Fault::MissingSubject
        | Fault::EmptySubject
        | Fault::UserinfoOtherSubject
        | Fault::UserinfoMissingSub => Subject,
        Fault::ExpiredToken => Expired,
        Fault::NotYetValid | Fault::IssuedInFuture => NotYetValid,
        Fault::WrongNonce | Fault::MissingNonce => Nonce,
        Fault::WrongAtHash => AccessTokenHash,
        Fault::WrongHd | Fault::MissingHd => HostedDomain,
        Fault::GroupsOverage | Fault::HasGroups => TooManyGroups,
        Fault::AlgNone
        | Fault::AlgHs256WithClientSecret
        | Fault::AlgHs256WithPublicKey
        | Fault::AlgHs256WithPublishedKey => Algorithm,
        Fault::EmbeddedJwk
        | Fault::JkuHeader
        | Fault::X5uHeader
        | Fault::UnknownKid
        | Fault::TamperedSignature
        | Fault::TamperedClaims
        | Fault::MissingSignature
        | Fault::Es256ZeroSignature
        | Fault::SignedByOtherKey => Signature,
        Fault::SubjectAsNumber
        | Fault::MissingExp
        | Fault::MissingIat
        | Fault::ExpAsString
        | Fault::NbfAsString
        | Fault::DuplicateClaims
        | Fault::HugeGroups(_)
        | Fault::HugeToken
        | Fault::CritHeader
        | Fault::WrongTyp
        | Fault::JweToken
        | Fault::ExtraDots
        | Fault::PaddedToken
        | Fault::GarbageToken
        | Fault::MissingIdToken => Malformed,
        Fault::Userinfo(_)
        | Fault::TokenEndpoint(_)
        | Fault::Discovery(_)
        | Fault::Jwks(_)
        | Fault::JwksEmpty
        | Fault::ErrorCallback("temporarily_unavailable") => return End::Unavailable,
        Fault::DiscoveryIssuerMismatch
        | Fault::DiscoveryPlainHttp
        | Fault::DiscoveryMissingJwksUri => return End::Misconfigured,
        Fault::ErrorCallback("access_denied") => return End::Refused("access_denied"),
        Fault::ErrorCallback(_) => return End::Refused("other"),
        Fault::MissingKid | Fault::MissingKidAmongMany => return End::Accepted,
        Fault::WrongState | Fault::MissingState | Fault::DuplicateState | Fault::MissingCode => {
            return End::AtTheDoor;
        }
    })
}

async fn meet(fault: Fault) -> Result<()> {
    let mut fixture = Fixture::with(
        |upstream| fault.prepare(upstream),
        |adapter| adapter.hosted_domain = EmailDomain::parse(Fault::HOSTED_DOMAIN).ok(),
    )?;
    let outcome = fixture.sign_in("alice").await;
    let (end, text) = match outcome {
        Ok(_) => (End::Accepted, String::new()),
        Err(Ended::AtTheDoor) => (End::AtTheDoor, String::new()),
        Err(Ended::ByTheTest(error)) => bail!(error),
        Err(Ended::ByTheAdapter(error)) => {
            let text = format!("{error} {error:?}");
            let end = match error {
                ProviderError::Refused { error, .. } => End::Refused(error),
                ProviderError::Rejected { reason, .. } => End::Rejected(reason),
                ProviderError::Misconfigured(_) => End::Misconfigured,
                ProviderError::Unavailable(_) => End::Unavailable,
            };
            (end, text)
        }
    };
    ensure!(end == end_of(fault), "{fault:?} ended in {end:?}: {text}");
    ensure!(
        fixture.upstream.faulty_responses() > 0,
        "{fault:?} had no effect"
    );
    ensure!(
        fixture.upstream.canary().hits() == 0,
        "{fault:?} caused a request to a canary URL"
    );
    ensure!(
        !text.contains(CLIENT_SECRET) && !text.contains("eyJ"),
        "a secret in {text}"
    );
    if matches!(fault, Fault::WrongIssParameter | Fault::MissingIssParameter) {
        ensure!(
            fixture.upstream.hits("/token") == 0,
            "{fault:?}: the code was sent to the token endpoint"
        );
    }
    ensure!(
        fixture.upstream.hits("/token") <= 1,
        "{fault:?}: a code was sent more than once"
    );
    Ok(())
}

macro_rules! tests {
    ($($name:ident: $fault:expr => $verdict:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() -> Result<()> {
                meet($fault).await
            }
        )*
    };
}
rolecall_testkit::for_each_oidc_fault!(tests);
