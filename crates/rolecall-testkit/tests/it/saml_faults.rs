//! Every fault of the SAML provider, seen to bite: a hostile test against a lie that is never told proves nothing.

use anyhow::{Context, Result, ensure};
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::saml::fault::{
    Delivery, Envelope, Forgery, Ids, Markup, Statement, Wrapping,
};
use rolecall_testkit::saml::{ALL, Fault, SamlProvider, Verdict, signature};

use super::saml::{certificates, response, settings, sign_in};

async fn bites(fault: Fault, verdict: Verdict) -> Result<()> {
    let clock = ManualClock::starting_now().clock();
    let mut settings = settings();
    settings.clock = clock.clone();
    fault.arrange(&mut settings);
    let provider = SamlProvider::start(settings)?;
    let browser = sign_in(&provider, &clock, "alice").await?;
    ensure!(provider.faulty_answers() == 1, "{fault:?} changed nothing");
    if let Fault::Statement(_) = fault {
        // The signatures are sound, so that nothing but what is said can be refused.
        let response = response(&browser)?;
        let certificates = certificates(&provider)?;
        signature::verify(&response, &[], &certificates)?;
        if let Some(assertion) = response.find("Assertion") {
            signature::verify(assertion, &[&response], &certificates)?;
        }
    }
    provider.clear_faults();
    let browser = sign_in(&provider, &clock, "alice").await?;
    let honest = response(&browser).with_context(|| format!("after {fault:?} ({verdict:?})"))?;
    let assertion = honest.find("Assertion").context("an assertion")?;
    ensure!(provider.faulty_answers() == 1 && provider.canary().hits() == 0);
    let certificates = certificates(&provider)?;
    let signed = signature::verify(assertion, &[&honest], &certificates)
        .or_else(|_| signature::verify(&honest, &[], &certificates));
    signed.with_context(|| format!("honest again after {fault:?}"))
}

macro_rules! each_bites {
    ($($name:ident: $fault:expr => $verdict:ident [$($reason:literal),*],)*) => {
        mod each {
            use super::*;
            $(#[tokio::test] async fn $name() -> Result<()> { bites($fault, Verdict::$verdict).await })*
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
