//! Compares two independent verifiers on all documents: if they disagree about the signed element, one of them is
//! wrong, or the guard rejects the document before.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use rolecall_harness::saml_verifier::{EXPECTED, SamlVerifierFixture};
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::encryption::{Content, Encryption};
use rolecall_testkit::saml::{ALL, Fault, SignedElements};
use rolecalld::idp::saml::guard::{GuardedXml, Shape};
use rolecalld::idp::saml::signature::{VerifiedXml, XmlSignature, Xmlsec};
use rolecalld::idp::saml::{SigningKeys, verify_with};

use super::findings::FINDINGS;
use super::pure_rust::PureRust;
use super::samples::samples;
use super::tell;

/// The result of our verifier: the outermost signed element, or the rejection.
fn ours(text: &str, keys: &SigningKeys) -> Result<String, String> {
    let said = |error: ProviderError| match error {
        ProviderError::Rejected { reason, detail } => format!("{}: {detail}", reason.code()),
        ProviderError::Refused { .. }
        | ProviderError::Misconfigured(_)
        | ProviderError::Unavailable(_) => error.to_string(),
    };
    let guarded = GuardedXml::parse(text, Shape::Response).map_err(said)?;
    let verified = Xmlsec.verified(&guarded, keys).map_err(said)?;
    let document = verified.document().map_err(said)?;
    let root = document.root_element();
    let id = root
        .attributes()
        .find(|one| one.namespace().is_none() && one.name() == "ID");
    let id = id.map(|one| one.value()).unwrap_or_default();
    Ok(format!("{}#{id}", root.tag_name().name()))
}

/// The disagreement, if any.
fn disagreement(text: &str, certificates: &[Vec<u8>]) -> Result<Option<String>> {
    let keys = SigningKeys::from_der(certificates)?.allowing_sha1(true);
    let certificates: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
    Ok(
        match (ours(text, &keys), PureRust.signed(text, &certificates)) {
            (Ok(one), Ok(other)) if one == other => None,
            (Err(_), Err(_)) => None,
            (Err(why), Ok(_)) => Some(why),
            (Ok(one), other) => Some(format!("ours: {one}, theirs: {other:?}")),
        },
    )
}

/// Compares disagreements with the known findings.
fn settle(found: &BTreeMap<String, Vec<String>>, documents: usize) -> Result<()> {
    let mut news = Vec::new();
    for (what, who) in found {
        let known = FINDINGS.iter().find(|(known, ..)| what.starts_with(known));
        let (_, listed, why) = known.unwrap_or(&("", &[], ""));
        tell(&format!("{}: {what}: {why}", who.len()));
        let unlisted = |file: &&String| !listed.iter().any(|end| file.ends_with(end));
        news.extend(
            who.iter()
                .filter(unlisted)
                .map(|file| format!("{file}: {what}")),
        );
    }
    tell(&format!("{documents} documents were compared"));
    ensure!(news.is_empty(), "new findings:\n{}", news.join("\n"));
    Ok(())
}

#[test]
fn verifiers_agree_on_the_corpus() -> Result<()> {
    let Some(all) = samples()? else {
        return Ok(());
    };
    let mut found = BTreeMap::<String, Vec<String>>::new();
    let mut documents = 0;
    for sample in all.samples {
        // Documents that are not UTF-8 are rejected before.
        let Ok(text) = String::from_utf8(sample.xml) else {
            continue;
        };
        let der: Result<Vec<_>, _> = sample.certificates.iter().map(|one| one.to_der()).collect();
        documents += 1;
        if let Some(what) = disagreement(&text, &der?)? {
            found.entry(what).or_default().push(sample.file);
        }
    }
    ensure!(documents > 350, "only {documents} documents");
    settle(&found, documents)
}

#[tokio::test]
async fn verifiers_agree_on_every_fault() -> Result<()> {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    let mut documents = 0;
    for case in ALL {
        let fixture = SamlVerifierFixture::with_fault(case.fault)?;
        if matches!(case.fault, Fault::PostBinding(_)) {
            continue;
        }
        let response = fixture.response().await?;
        let Ok(Ok(text)) = STANDARD.decode(&response).map(String::from_utf8) else {
            continue;
        };
        documents += 1;
        let der: Vec<Vec<u8>> = fixture
            .verifier
            .trust
            .keys()
            .certificates()
            .map(<[u8]>::to_vec)
            .collect();
        if let Some(what) = disagreement(&text, &der)? {
            found.entry(what).or_default().push(case.name.to_owned());
        }
    }
    ensure!(documents > 150, "only {documents} documents");
    settle(&found, documents)
}

/// Both verifiers; fails unless the results are identical bytes.
struct Both;

impl XmlSignature for Both {
    fn verified(
        &self,
        xml: &GuardedXml<'_>,
        keys: &SigningKeys,
    ) -> Result<VerifiedXml, ProviderError> {
        let (one, other) = (Xmlsec.verified(xml, keys)?, PureRust.verified(xml, keys)?);
        if one.text() == other.text() {
            return Ok(one);
        }
        let detail = format!("{}\nis not\n{}", one.text(), other.text());
        Err(ProviderError::rejected(RejectReason::Signature, detail))
    }
}

/// The verifier can be replaced or doubled, also for encrypted assertions.
#[tokio::test]
async fn verifiers_agree_on_every_valid_response() -> Result<()> {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        for signed in [
            SignedElements::Response,
            SignedElements::Assertion,
            SignedElements::Both,
        ] {
            for content in [None, Some(Content::Aes256Gcm)] {
                let fixture = SamlVerifierFixture::start(|settings| {
                    settings.keys = vec![algorithm];
                    settings.signed = signed;
                    settings.encryption = content.map(Encryption::with);
                })?;
                let response = fixture.response().await?;
                let now = fixture.verifier.now;
                let usual = fixture.verifier.verify(&response)?;
                let verifiers: [&dyn XmlSignature; 2] = [&PureRust, &Both];
                for verifier in verifiers {
                    let other =
                        verify_with(verifier, &response, &fixture.verifier.trust, now, &EXPECTED);
                    let other = other.with_context(|| format!("{algorithm:?} {signed:?}"))?;
                    ensure!(format!("{usual:?}") == format!("{other:?}"));
                }
            }
        }
    }
    Ok(())
}
