//! All responses of the corpus through `verify`, as they are and with bait: what is believed, what is refused and for what
//! reason, at what cost, and that nothing in a document is followed.

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

/// What a refusal may cost.
const CPU_MAX: Duration = Duration::from_millis(250);

/// What others accept and we refuse, even with SHA-1: the end of each file's name, our reason, and why that is right.
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
        "the corpus holds no private key to decrypt it with",
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
        "a signed response says where it goes (Bindings 3.5.5.2)",
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
        "its Destination is not where the manifest has it posted to, which its own library never compares",
    ),
    (
        &["oktadev/response_0", "oktadev/response_16"],
        Expired,
        "it is an hour old at the manifest's clock: no sign-in takes that long",
    ),
    (
        &["olgn09_response_83.b64"],
        NotYetValid,
        "its AuthnInstant lies in the future",
    ),
    (
        &["oktadev/response_2", "dex/good-resp.xml"],
        Structure,
        "its Reference is the whole document, in whatever it comes (Core 5.4.2)",
    ),
    (
        &[
            "KeyInfoHasRSAPublicKeyNotX509Cert_response",
            "RealWorldAssertionSignedNotResponse_response",
        ],
        Structure,
        "its IDs begin with digits: they are no NCNames (Core 1.3.4), and no verifier finds what a Reference names",
    ),
    (
        &[
            "1advice-signed.xml",
            "1advice-unsigned.xml",
            "2advice-signed.xml",
            "2advice-unsigned.xml",
        ],
        Structure,
        "there are assertions within its Advice: one is enough",
    ),
    (
        &[
            "providers/oam_response.xml",
            "CanHandleSignedAssertionsResponse_response",
            "signed-assertion-random-embedded-cert.xml",
            "samael/response_signed_by_idp_2.xml",
        ],
        Signature,
        "the key to it is not in the corpus, or is RSA of 1,024 bits, which nobody can be told to trust",
    ),
];

/// What others refuse and we accept, with SHA-1.
const MILDER: &[(&str, &str)] = &[
    (
        "olgn09_response_22.b64",
        "the dates of a certificate in metadata prove nothing (Metadata 2.4.1.1)",
    ),
    (
        "olgn09_response_94.b64",
        "the dates of a certificate in metadata prove nothing (Metadata 2.4.1.1)",
    ),
];

/// Whose signature the corpus calls valid without a word on the rest, which holds as well.
const GOOD_BESIDE_THE_SIGNATURE: &[&str] = &["samael/response_signed_by_idp_ecdsa.xml"];

#[derive(Debug, PartialEq)]
enum Verdict {
    Accepted,
    Refused(RejectReason),
}

/// Asks, and sees to it that it costs little and reads nothing.
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

/// What has to come of it, when SHA-1 counts.
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

/// 390 documents, twice: without SHA-1, and with it.
#[test]
fn every_response_has_its_verdict() -> Result<()> {
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
        count(format!("left out: {why}"));
    }
    for (what, count) in &told {
        tell(&format!("{count:4} {what}"));
    }
    tell(&format!(
        "{accepted} accepted in any case, {by_sha1} with SHA-1 alone"
    ));
    ensure!(
        all.samples.len() == 390 && all.skipped.len() == 115,
        "another corpus"
    );
    ensure!((accepted, by_sha1) == (9, 12), "{accepted} and {by_sha1}");
    Ok(())
}

/// Whatever a document points at is where the canary and the trap are: nobody goes there.
#[test]
fn nothing_in_a_document_is_followed() -> Result<()> {
    let Some(all) = samples()? else {
        return Ok(());
    };
    let (canary, trap) = (Canary::start()?, CanaryFile::create()?);
    // Once, so that nothing is loaded for the first time later.
    let first = all.samples.first().context("no samples")?;
    ask(first, &first.xml, true)?;
    let places = [canary.url(), trap.path()];
    let (done, wait) = channel::<()>();
    let samples = &all.samples;
    let (sprung, worked) = std::thread::scope(|scope| {
        let worker = scope.spawn({
            let places = &places;
            move || {
                // Its end is heard when this is dropped.
                let _done = done;
                bait_all(samples, places)
            }
        });
        let mut sprung = false;
        // Whoever opens the trap waits there until he is seen.
        while wait.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
            sprung |= trap.was_opened();
        }
        (sprung, worker.join())
    });
    let baits = worked.ok().context("the worker panicked")??;
    tell(&format!("{baits} documents with bait"));
    ensure!(!sprung, "somebody opened a file");
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

/// The document with a document type that leads there, and with every reference of its own leading there.
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
