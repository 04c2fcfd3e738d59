//! Valid and invalid query strings.

use std::io::Write as _;

use super::super::testing::*;
use super::*;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use openssl::sign::Signer;

const RSA: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const ECDSA: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";

fn deflated(text: &[u8]) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoded(&STANDARD.encode(encoder.finish().unwrap()))
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn signature(party: &Party, signed: &str) -> Vec<u8> {
    let mut signer = Signer::new(MessageDigest::sha256(), &party.key).unwrap();
    signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap()
}

fn query(party: &Party, algorithm: &str, parameters: &str) -> String {
    let signed = format!("{parameters}&SigAlg={}", encoded(algorithm));
    let value = encoded(&STANDARD.encode(signature(party, &signed)));
    format!("{signed}&Signature={value}")
}

fn verified(query: &str) -> Result<RedirectMessage, ProviderError> {
    RedirectMessage::verified(query, trust().keys())
}

#[test]
fn signed_queries_are_accepted() {
    let request = format!("SAMLRequest={}", deflated(b"<a/>"));
    let message = verified(&query(&PROVIDER, RSA, &request)).unwrap();
    assert_eq!(
        (message.message, message.xml.as_str()),
        (Message::Request, "<a/>")
    );
    assert_eq!(message.relay_state, None);
    let answer = format!("SAMLResponse={}&RelayState=a%2fb+c%2B", deflated(b"<b/>"));
    let message = verified(&query(&PROVIDER, RSA, &answer)).unwrap();
    assert_eq!(
        (message.message, message.xml.as_str()),
        (Message::Response, "<b/>")
    );
    assert_eq!(message.relay_state.as_deref(), Some("a/b c+"));
    // As DER, and as r and s.
    let der = query(&ELLIPTIC, ECDSA, &request);
    assert!(verified(&der).is_ok());
    let signed = format!("{request}&SigAlg={}", encoded(ECDSA));
    let pair = EcdsaSig::from_der(&signature(&ELLIPTIC, &signed)).unwrap();
    let halves = [pair.r(), pair.s()]
        .map(|half| half.to_vec_padded(32).unwrap())
        .concat();
    let plain = format!("{signed}&Signature={}", encoded(&STANDARD.encode(halves)));
    assert!(verified(&plain).is_ok());
    // The order of parameters is arbitrary; the signed string has the order of the standard.
    let mut parts: Vec<&str> = der.split('&').collect();
    parts.reverse();
    assert!(verified(&parts.join("&")).is_ok());
}

#[test]
fn invalid_queries_are_rejected() {
    let message = deflated(b"<a/>");
    let good = query(
        &PROVIDER,
        RSA,
        &format!("SAMLRequest={message}&RelayState=x"),
    );
    assert!(verified(&good).is_ok());
    let unsigned = format!("SAMLRequest={message}");
    for (bad, reason_wanted) in [
        (
            good.replace("RelayState=x", "RelayState=y"),
            RejectReason::Signature,
        ),
        (good.replace("&RelayState=x", ""), RejectReason::Signature),
        (
            good.replace("SAMLRequest", "SAMLResponse"),
            RejectReason::Signature,
        ),
        (
            good.replace(&message, &deflated(b"<b/>")),
            RejectReason::Signature,
        ),
        (query(&STRANGER, RSA, &unsigned), RejectReason::Signature),
        (query(&PROVIDER, ECDSA, &unsigned), RejectReason::Signature),
        (query(&ELLIPTIC, RSA, &unsigned), RejectReason::Signature),
        (
            query(
                &PROVIDER,
                "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
                &unsigned,
            ),
            RejectReason::Algorithm,
        ),
        (query(&PROVIDER, "", &unsigned), RejectReason::Algorithm),
        (
            query(
                &PROVIDER,
                "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
                &unsigned,
            ),
            RejectReason::Algorithm,
        ),
        (unsigned.clone(), RejectReason::Unsigned),
        (
            format!("{unsigned}&SigAlg={}", encoded(RSA)),
            RejectReason::Unsigned,
        ),
        (format!("{unsigned}&Signature=AAAA"), RejectReason::Unsigned),
        (format!("{good}&RelayState=x"), RejectReason::Malformed),
        (
            format!("{good}&SAMLRequest={message}"),
            RejectReason::Malformed,
        ),
        (
            format!("{good}&SAMLResponse={message}"),
            RejectReason::Malformed,
        ),
        (
            format!("{good}&%53AMLRequest={message}"),
            RejectReason::Malformed,
        ),
        (
            format!("{good}&SAMLEncoding=other"),
            RejectReason::Malformed,
        ),
        (
            query(&PROVIDER, RSA, "SAMLRequest=!"),
            RejectReason::Malformed,
        ),
        (
            query(&PROVIDER, RSA, "SAMLRequest=AAAA"),
            RejectReason::Malformed,
        ),
        (
            query(
                &PROVIDER,
                RSA,
                &format!("SAMLRequest={}", deflated(b"\xff")),
            ),
            RejectReason::Malformed,
        ),
        (String::new(), RejectReason::Malformed),
    ] {
        assert_eq!(reason(verified(&bad)), reason_wanted, "{bad:.200}");
    }
}

#[test]
fn decompression_bomb_is_rejected() {
    let bomb = deflated(&vec![b'a'; 20 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    let sent = query(&PROVIDER, RSA, &format!("SAMLRequest={bomb}"));
    assert_eq!(reason(verified(&sent)), RejectReason::Malformed);
}
