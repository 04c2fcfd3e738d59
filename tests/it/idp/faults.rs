//! Every misbehaviour of a provider ends for the right reason, quickly, without a secret in its error and without a
//! request to an address that the provider named.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rolecall_core::identity::EmailDomain;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use rolecall_testkit::oidc::{EndpointFault, Fault};

use super::{CLIENT_SECRET, Ended, Fixture};

/// How a sign-in at a provider with this fault has to end.
#[derive(Debug, PartialEq)]
enum End {
    Rejected(RejectReason),
    Unavailable,
    Refused(&'static str),
    Accepted,
    /// Nobody can sign in until it is set up differently.
    Misconfigured,
    /// The web side turns it away before the adapter hears of it.
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
    let (end, told) = match outcome {
        Ok(_) => (End::Accepted, String::new()),
        Err(Ended::AtTheDoor) => (End::AtTheDoor, String::new()),
        Err(Ended::ByTheTest(error)) => bail!(error),
        Err(Ended::ByTheAdapter(error)) => {
            let told = format!("{error} {error:?}");
            let end = match error {
                ProviderError::Refused { error, .. } => End::Refused(error),
                ProviderError::Rejected { reason, .. } => End::Rejected(reason),
                ProviderError::Misconfigured(_) => End::Misconfigured,
                ProviderError::Unavailable(_) => End::Unavailable,
            };
            (end, told)
        }
    };
    ensure!(end == end_of(fault), "{fault:?} ended in {end:?}: {told}");
    ensure!(
        fixture.upstream.faulty_responses() > 0,
        "{fault:?} changed nothing"
    );
    ensure!(
        fixture.upstream.canary().hits() == 0,
        "{fault:?} made us follow an address"
    );
    ensure!(
        !told.contains(CLIENT_SECRET) && !told.contains("eyJ"),
        "a secret in {told}"
    );
    if matches!(fault, Fault::WrongIssParameter | Fault::MissingIssParameter) {
        ensure!(
            fixture.upstream.hits("/token") == 0,
            "the code went to the token endpoint"
        );
    }
    ensure!(
        fixture.upstream.hits("/token") <= 1,
        "a code was sent more than once"
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
