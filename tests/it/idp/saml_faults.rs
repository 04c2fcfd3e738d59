//! Each fault of a SAML provider at the verifier: expected reason, low cost, no side effects.
//!
//! The provider signs with its own code, which makes this a test of two independent implementations.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_core::sign_in::{ProviderError, RejectReason};
use rolecall_harness::saml_verifier::SamlVerifierFixture;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::encryption::{Content, Encryption, Transport};
use rolecall_testkit::saml::fault::{
    EncryptedAssertion, Forgery, Ids, Markup, PostBinding, Statement, Wrapping, XmlDocument,
};
use rolecall_testkit::saml::{ExpectedOutcome, Fault, SignedElements};
use rolecalld::idp::saml::VerifiedAssertion;

fn is_alice(verified: &VerifiedAssertion) -> bool {
    verified.subject.as_str() == "00u-alice"
}

async fn meet(fault: Fault, outcome: ExpectedOutcome, reasons: &[&str]) -> Result<()> {
    let fixture = SamlVerifierFixture::with_fault(fault)?;
    // Faults of the form are handled by the web layer.
    if matches!(fault, Fault::PostBinding(delivery) if delivery != PostBinding::WrappedBase64) {
        return Ok(());
    }
    let response = fixture.response().await?;
    ensure!(
        fixture.provider.faulty_responses() == 1,
        "{fault:?} had no effect"
    );
    let before = cpu()?;
    let ended = fixture.verifier.verify(&response);
    let cost = cpu()? - before;
    ensure!(
        cost < Duration::from_millis(250),
        "{fault:?} costs {cost:?}"
    );
    ensure!(
        fixture.provider.canary().hits() == 0,
        "{fault:?} caused a request to a canary URL"
    );
    ensure!(
        !fixture.provider.canary_file().was_opened(),
        "{fault:?} caused access to a file"
    );
    match (&ended, outcome) {
        (Ok(verified), ExpectedOutcome::Accepted | ExpectedOutcome::Either) => {
            let forged = verified.subject.as_str() == Fault::FORGED;
            ensure!(!forged, "{fault:?} was accepted");
        }
        (Ok(_), ExpectedOutcome::Rejected) => anyhow::bail!("{fault:?} was accepted"),
        (Err(error), ExpectedOutcome::Accepted) => anyhow::bail!("{fault:?}: {error:?}"),
        (Err(error), ExpectedOutcome::Rejected | ExpectedOutcome::Either) => {
            let code = match error {
                ProviderError::Rejected { reason, .. } => reason.code(),
                ProviderError::Refused { .. } => RejectReason::Status.code(),
                ProviderError::Misconfigured(_) | ProviderError::Unavailable(_) => {
                    anyhow::bail!("{fault:?}: {error:?}")
                }
            };
            let known = reasons.is_empty() || reasons.contains(&code);
            ensure!(known, "{fault:?}: {code} is none of {reasons:?}: {error:?}");
        }
    }
    fixture.provider.clear_faults();
    let valid = fixture.verifier.verify(&fixture.response().await?);
    ensure!(
        valid.as_ref().is_ok_and(is_alice),
        "{fault:?} affects later responses: {valid:?}"
    );
    Ok(())
}

/// CPU time of this thread in nanoseconds (proc(5), `schedstat`).
fn cpu() -> Result<Duration> {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let spent = schedstat.split(' ').next().context("a number")?;
    Ok(Duration::from_nanos(spent.parse()?))
}

macro_rules! tests {
    ($($name:ident: $fault:expr => $outcome:ident [$($reason:literal),*],)*) => {
        $(
            #[tokio::test]
            async fn $name() -> Result<()> {
                meet($fault, ExpectedOutcome::$outcome, &[$($reason),*]).await
            }
        )*
    };
}
rolecall_testkit::for_each_saml_fault!(tests);

#[tokio::test]
async fn all_secure_algorithms_are_accepted() -> Result<()> {
    let contents = [
        None,
        Some(Content::Aes128Gcm),
        Some(Content::Aes256Gcm),
        Some(Content::Aes128Cbc),
        Some(Content::Aes256Cbc),
    ];
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        for signed in [
            SignedElements::Response,
            SignedElements::Assertion,
            SignedElements::Both,
        ] {
            for content in contents {
                let cbc = matches!(content, Some(Content::Aes128Cbc | Content::Aes256Cbc));
                if cbc && signed == SignedElements::Assertion {
                    continue;
                }
                let encryption = content.map(|content| Encryption {
                    transport: Transport::Oaep256,
                    detached_key: cbc,
                    ..Encryption::with(content)
                });
                let fixture = SamlVerifierFixture::start(|settings| {
                    settings.keys = vec![algorithm];
                    settings.signed = signed;
                    settings.encryption = encryption;
                })?;
                let ended = fixture.verifier.verify(&fixture.response().await?);
                let verified =
                    ended.with_context(|| format!("{algorithm:?} {signed:?} {content:?}"))?;
                ensure!(is_alice(&verified));
                ensure!(verified.values("groups")? == ["platform", "payments-dev"]);
                ensure!(format!("{:?}", verified.signed) == format!("{signed:?}"));
            }
        }
    }
    Ok(())
}
