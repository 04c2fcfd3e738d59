//! Every misbehaviour of a SAML provider, at the verifier: what is refused, why, and that it costs little and touches nothing.
//!
//! The provider signs with code of its own, so that two people's ideas of a signature meet here.

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
    // What is wrong with the form is not for the verifier, but for whoever reads the form.
    if matches!(fault, Fault::PostBinding(delivery) if delivery != PostBinding::WrappedBase64) {
        return Ok(());
    }
    let response = fixture.response().await?;
    ensure!(
        fixture.provider.faulty_responses() == 1,
        "{fault:?} changed nothing"
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
        "{fault:?} made us follow an address"
    );
    ensure!(
        !fixture.provider.canary_file().was_opened(),
        "{fault:?} made us open a file"
    );
    match (&ended, outcome) {
        (Ok(verified), ExpectedOutcome::Accepted | ExpectedOutcome::Either) => {
            let forged = verified.subject.as_str() == Fault::FORGED;
            ensure!(!forged, "{fault:?} was believed");
        }
        (Ok(_), ExpectedOutcome::Rejected) => anyhow::bail!("{fault:?} was believed"),
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
    let honest = fixture.verifier.verify(&fixture.response().await?);
    ensure!(
        honest.as_ref().is_ok_and(is_alice),
        "{fault:?} lingers: {honest:?}"
    );
    Ok(())
}

/// What this thread has cost so far (proc(5), `schedstat`): nanoseconds on a processor.
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
async fn every_sound_way_to_sign_and_to_encrypt_is_taken() -> Result<()> {
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
