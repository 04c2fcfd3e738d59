//! All responses of the corpus through `verify`, unmodified and with bait: expected decisions and reasons, cost, and no
//! access to anything in a document.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolecall_core::sign_in::RejectReason;
use rolecall_core::sign_in::RejectReason::{
    Algorithm, Decryption, Destination, Expired, NotYetValid, Signature, Structure,
};
use rolecall_testkit::canary::{Canary, CanaryFile};
use rolecalld::idp::saml::verify;

use super::samples::{Sample, samples};
use super::{Used, reason, tell};

/// Maximum CPU time of a rejection.
const CPU_MAX: Duration = Duration::from_millis(250);

/// Documents that other libraries accept and we reject, even with SHA-1: the end of each file name, our reason, and an
/// explanation.
const STRICTER: &[(&[&str], RejectReason, &str)] = &[
    (
        &[
            "olgn09_response_07.b64",
            "olgn09_response_08.b64",
            "olgn09_response_09.b64",
            "pfed11_response_05.b64",
            "oktaenc_response.b64",
            "OktaSignedResponseEncryptedAssertion_response",
            "OktaResponseEncryptedAssertionBothSigned_response",
            "assertion-unsigned-encrypted.xml",
        ],
        Decryption,
        "the corpus does not contain the private key",
    ),
    (
        &[
            "olgn09_response_05.b64",
            "olgn09_response_06.b64",
            "adfs_response_enc.b64",
            "OktaResponseEncryptedSignedAssertion_response",
        ],
        Algorithm,
        "AES-CBC without a verified signature around it is an oracle",
    ),
    (
        &["olgn09_response_155.b64", "olgn09_response_50.b64"],
        Destination,
        "a signed response requires Destination (Bindings 3.5.5.2)",
    ),
    (
        &[
            "valid/response.root-signed.assertion-signed.xml",
            "valid/response.root-signed.assertion-unsigned-13-signature.xml",
            "valid/response.root-signed.assertion-unsigned-13.xml",
            "valid/response.root-signed.assertion-unsigned-xd-signature.xml",
            "valid/response.root-signed.assertion-unsigned-xd.xml",
            "valid/response.root-signed.assertion-unsigned.xml",
            "valid/response.root-unsigned.assertion-signed.xml",
        ],
        Destination,
        "its Destination differs from the URL in the manifest, which its own library never compares",
    ),
    (
        &["oktadev/response_0", "oktadev/response_16"],
        Expired,
        "it is an hour old at the time in the manifest: no sign-in takes that long",
    ),
    (
        &["olgn09_response_83.b64"],
        NotYetValid,
        "its AuthnInstant is in the future",
    ),
    (
        &["oktadev/response_2", "dex/good-resp.xml"],
        Structure,
        "its Reference is the whole document, whatever it contains (Core 5.4.2)",
    ),
    (
        &[
            "KeyInfoHasRSAPublicKeyNotX509Cert_response",
            "RealWorldAssertionSignedNotResponse_response",
        ],
        Structure,
        "its IDs begin with digits: they are not NCNames (Core 1.3.4), so verifiers do not find referenced elements",
    ),
    (
        &[
            "1advice-signed.xml",
            "1advice-unsigned.xml",
            "2advice-signed.xml",
            "2advice-unsigned.xml",
        ],
        Structure,
        "its Advice contains assertions: only one assertion is allowed",
    ),
    (
        &[
            "providers/oam_response.xml",
            "CanHandleSignedAssertionsResponse_response",
            "signed-assertion-random-embedded-cert.xml",
            "samael/response_signed_by_idp_2.xml",
        ],
        Signature,
        "the key is not in the corpus, or is a weak RSA key of 1,024 bits",
    ),
];

/// Documents that other libraries reject and we accept, with SHA-1.
const MILDER: &[(&str, &str)] = &[
    (
        "olgn09_response_22.b64",
        "the validity of a certificate in metadata has no meaning (Metadata 2.4.1.1)",
    ),
    (
        "olgn09_response_94.b64",
        "the validity of a certificate in metadata has no meaning (Metadata 2.4.1.1)",
    ),
];

/// Documents for which the corpus only states that the signature is valid; the other checks pass as well.
const GOOD_BESIDE_THE_SIGNATURE: &[&str] = &["samael/response_signed_by_idp_ecdsa.xml"];

#[derive(Debug, PartialEq)]
enum Verdict {
    Accepted,
    Refused(RejectReason),
}

/// Verifies a sample, and checks its cost and that it reads no files.
fn ask(sample: &Sample, xml: &[u8], sha1: bool) -> Result<Verdict> {
    let (trust, posted) = (sample.trust(sha1)?, STANDARD.encode(xml));
    let (used, ended) =
        sample.expecting(|expected| Used::by(|| verify(&posted, &trust, sample.now, expected)))?;
    ensure!(used.cpu < CPU_MAX, "{} costs {:?}", sample.file, used.cpu);
    ensure!(used.reads == 0, "{}: {} reads", sample.file, used.reads);
    if ended.is_ok() {
        return Ok(Verdict::Accepted);
    }
    let reason = reason(&ended).with_context(|| format!("{}: {ended:?}", sample.file))?;
    Ok(Verdict::Refused(reason))
}

/// The expected decision if SHA-1 is allowed.
fn expectation(sample: &Sample) -> Option<Verdict> {
    let is = |end: &str| sample.file.ends_with(end);
    if let Some((_, reason, _)) = STRICTER
        .iter()
        .find(|(files, ..)| files.iter().any(|end| is(end)))
    {
        return sample
            .expect
            .starts_with("accept")
            .then_some(Verdict::Refused(*reason));
    }
    let milder = MILDER.iter().any(|(end, _)| is(end));
    let good = GOOD_BESIDE_THE_SIGNATURE.iter().any(|end| is(end));
    (milder || good || sample.expect == "accept").then_some(Verdict::Accepted)
}

/// 390 documents, twice: without and with SHA-1.
#[test]
fn responses_are_decided_as_expected() -> Result<()> {
    let Some(all) = samples()? else {
        return Ok(());
    };
    let mut told = BTreeMap::<String, usize>::new();
    let mut count = |what: String| *told.entry(what).or_default() += 1;
    let (mut accepted, mut by_sha1) = (0, 0);
    for sample in &all.samples {
        let (strict, legacy) = (
            ask(sample, &sample.xml, false)?,
            ask(sample, &sample.xml, true)?,
        );
        count(format!("run with certificates: {:?}", sample.whose));
        count(format!("{} became {legacy:?}", sample.expect));
        match expectation(sample) {
            Some(wanted) => ensure!(
                legacy == wanted,
                "{}: {legacy:?}, not {wanted:?}",
                sample.file
            ),
            None => ensure!(legacy != Verdict::Accepted, "{} was accepted", sample.file),
        }
        match (legacy == Verdict::Accepted, sample.sha1) {
            (true, true) => {
                by_sha1 += 1;
                ensure!(
                    strict == Verdict::Refused(Algorithm),
                    "{}: {strict:?}",
                    sample.file
                );
            }
            (true, false) => {
                accepted += 1;
                ensure!(strict == Verdict::Accepted, "{}: {strict:?}", sample.file);
            }
            (false, _) => ensure!(strict != Verdict::Accepted, "{}: {strict:?}", sample.file),
        }
    }
    for (_, why) in &all.skipped {
        count(format!("skipped: {why}"));
    }
    for (what, count) in &told {
        tell(&format!("{count:4} {what}"));
    }
    tell(&format!(
        "{accepted} accepted in any case, {by_sha1} with SHA-1 alone"
    ));
    ensure!(all.samples.len() == 390);
    ensure!(all.skipped.len() == 115);
    ensure!((accepted, by_sha1) == (9, 12), "{accepted} and {by_sha1}");
    Ok(())
}

/// All references in the documents lead to the canary and the trap, which must not be accessed.
#[test]
fn references_in_documents_are_not_followed() -> Result<()> {
    let Some(all) = samples()? else {
        return Ok(());
    };
    let (canary, trap) = (Canary::start()?, CanaryFile::create()?);
    // Once before, so that nothing is loaded for the first time later.
    let first = all.samples.first().context("no samples")?;
    ask(first, &first.xml, true)?;
    let places = [canary.url(), trap.path()];
    let (done, wait) = channel::<()>();
    let samples = &all.samples;
    let (sprung, worked) = std::thread::scope(|scope| {
        let worker = scope.spawn({
            let places = &places;
            move || {
                // The other end is closed when this is dropped.
                let _done = done;
                bait_all(samples, places)
            }
        });
        let mut sprung = false;
        // A thread that opens the trap is blocked until it is released.
        while wait.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
            sprung |= trap.was_opened();
        }
        (sprung, worker.join())
    });
    let baits = worked.ok().context("the worker panicked")??;
    tell(&format!("{baits} documents with bait"));
    ensure!(!sprung, "a file was opened");
    ensure!(canary.hits() == 0, "{} connections", canary.hits());
    ensure!(baits > 3 * all.samples.len(), "{baits} are too few");
    Ok(())
}

fn bait_all(samples: &[Sample], places: &[String]) -> Result<usize> {
    let mut count = 0;
    for sample in samples {
        let text = String::from_utf8_lossy(&sample.xml).into_owned();
        for place in places {
            for baited in baited(&text, place) {
                let verdict = ask(sample, baited.as_bytes(), true)?;
                let believed = verdict == Verdict::Accepted;
                ensure!(
                    !believed,
                    "{} with bait was accepted:\n{baited}",
                    sample.file
                );
                count += 1;
            }
        }
    }
    Ok(count)
}

/// The document with a document type and references that lead to `place`.
fn baited(text: &str, place: &str) -> Vec<String> {
    let after_declaration = text.find("?>").map_or(0, |end| end + 2);
    let own = &text[after_declaration..];
    let own_type = own.contains("<!DOCTYPE");
    let mut all = vec![format!(
        "<!DOCTYPE r SYSTEM \"{place}\" [<!ENTITY % p SYSTEM \"{place}\"> %p; <!ENTITY e SYSTEM \"{place}\">]>{own}"
    )];
    let mut led = text.to_owned();
    for mark in ["SYSTEM \"", "schemaLocation=\"", "href=\"", "URI=\""] {
        led = led
            .split(mark)
            .enumerate()
            .map(|(at, part)| match part.split_once('"') {
                Some((_, rest)) if at > 0 => format!("{mark}{place}\"{rest}"),
                Some(_) | None => part.to_owned(),
            })
            .collect();
    }
    if led != text {
        all.push(led);
    }
    if own_type {
        all.push(text.replace("file:///etc/passwd", place));
    }
    all
}
