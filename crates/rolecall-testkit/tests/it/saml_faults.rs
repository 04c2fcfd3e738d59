//! Every fault of the SAML provider, seen to bite: a hostile test against a lie that is never told proves nothing.

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

/// What the service provider decrypts with. There is one for all tests here: making one takes a while.
fn decryption() -> Result<&'static Credential> {
    static KEY: OnceLock<Credential> = OnceLock::new();
    if KEY.get().is_none() {
        drop(KEY.set(Credential::generate(Algorithm::Rs256)?));
    }
    KEY.get().context("it was just made")
}

async fn bites(fault: Fault, outcome: ExpectedOutcome) -> Result<()> {
    let clock = ManualClock::starting_now().clock();
    let ours = decryption()?;
    let mut settings = settings();
    settings.clock = clock.clone();
    settings.service_providers[0].encryption = Some(ours.certificate().clone());
    settings.faults.push(fault);
    let provider = SamlProvider::start(settings)?;
    let browser = sign_in(&provider, &clock, "alice").await?;
    ensure!(
        provider.faulty_responses() == 1,
        "{fault:?} changed nothing"
    );
    let certificates = certificates(&provider)?;
    if let Fault::Statement(_) = fault {
        // The signatures are sound, so that nothing but what is said can be refused.
        let response = response(&browser)?;
        signature::verify(&response, &[], &certificates)?;
        if let Some(assertion) = response.find("Assertion") {
            signature::verify(assertion, &[&response], &certificates)?;
        }
    }
    provider.clear_faults();
    let browser = sign_in(&provider, &clock, "alice").await?;
    let honest = response(&browser).with_context(|| format!("after {fault:?} ({outcome:?})"))?;
    let assertion = honest.find("Assertion").context("an assertion")?;
    ensure!(provider.faulty_responses() == 1 && provider.canary().hits() == 0);
    signature::verify(assertion, &[&honest], &certificates)
        .with_context(|| format!("honest again after {fault:?}"))
}

macro_rules! each_bites {
    ($($name:ident: $fault:expr => $verdict:ident [$($reason:literal),*],)*) => {
        mod each {
            use super::*;
            $(#[tokio::test] async fn $name() -> Result<()> { bites($fault, ExpectedOutcome::$verdict).await })*
        }
    };
}
rolecall_testkit::for_each_saml_fault!(each_bites);

#[test]
fn the_table_names_each_fault_once() {
    let mut names: Vec<_> = ALL.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}
