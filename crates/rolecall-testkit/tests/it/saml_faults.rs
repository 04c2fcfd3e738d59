//! Each fault of the SAML provider changes a response: otherwise, a test that uses it would test nothing.

use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::encryption::Content;
use rolecall_testkit::saml::fault::{
    EncryptedAssertion, Forgery, Ids, Markup, PostBinding, Statement, Wrapping, XmlDocument,
};
use rolecall_testkit::saml::signature::{self, Credential};
use rolecall_testkit::saml::{ALL, ExpectedOutcome, Fault, SamlProvider};

use super::saml::{certificates, response, settings, sign_in};

/// The decryption key of the service provider. It is shared by all tests, because generating an RSA key is slow.
fn decryption() -> Result<&'static Credential> {
    static KEY: OnceLock<Credential> = OnceLock::new();
    if KEY.get().is_none() {
        drop(KEY.set(Credential::generate(Algorithm::Rs256)?));
    }
    KEY.get().context("the key was just generated")
}

async fn fault_takes_effect(fault: Fault, outcome: ExpectedOutcome) -> Result<()> {
    let clock = ManualClock::starting_now().clock();
    let key = decryption()?;
    let mut settings = settings();
    settings.clock = clock.clone();
    settings.service_providers[0].encryption = Some(key.certificate().clone());
    settings.faults.push(fault);
    let provider = SamlProvider::start(settings)?;
    let browser = sign_in(&provider, &clock, "alice").await?;
    ensure!(
        provider.faulty_responses() == 1,
        "{fault:?} changed nothing"
    );
    let certificates = certificates(&provider)?;
    if let Fault::Statement(_) = fault {
        // The signatures are valid, so that only the content can be rejected.
        let response = response(&browser)?;
        signature::verify(&response, &[], &certificates)?;
        if let Some(assertion) = response.find("Assertion") {
            signature::verify(assertion, &[&response], &certificates)?;
        }
    }
    provider.clear_faults();
    let browser = sign_in(&provider, &clock, "alice").await?;
    let unmodified =
        response(&browser).with_context(|| format!("after {fault:?} ({outcome:?})"))?;
    let assertion = unmodified.find("Assertion").context("an assertion")?;
    ensure!(provider.faulty_responses() == 1 && provider.canary().hits() == 0);
    signature::verify(assertion, &[&unmodified], &certificates)
        .with_context(|| format!("after {fault:?} was cleared"))
}

macro_rules! each_fault {
    ($($name:ident: $fault:expr => $outcome:ident [$($reason:literal),*],)*) => {
        mod each {
            use super::*;
            $(#[tokio::test] async fn $name() -> Result<()> { fault_takes_effect($fault, ExpectedOutcome::$outcome).await })*
        }
    };
}
rolecall_testkit::for_each_saml_fault!(each_fault);

#[test]
fn names_of_faults_are_unique() {
    let mut names: Vec<_> = ALL.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}
