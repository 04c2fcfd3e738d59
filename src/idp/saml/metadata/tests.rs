//! What takes the place of the metadata that was known, and what does not.

use super::super::testing::*;
use super::*;

fn adopted(document: &str, before: Option<&str>) -> Result<SamlTrust, InvalidMetadata> {
    adoptable(document.as_bytes(), &TrustOptions::default(), before, now())
}

#[test]
fn the_same_entity_may_change_its_keys() {
    let first = metadata(&[&PROVIDER.certificate_text()]);
    let next = metadata(&[&ELLIPTIC.certificate_text()]);
    assert_eq!(adopted(&first, None).unwrap().entity_id(), IDP);
    assert!(adopted(&next, Some(IDP)).is_ok());
}

#[test]
fn nothing_worse_takes_its_place() {
    let good = metadata(&[&PROVIDER.certificate_text()]);
    let until = |time: &str| good.replace(" ID=", &format!(" validUntil=\"{time}\" ID="));
    assert!(adopted(&until("2026-03-01T12:01:00Z"), Some(IDP)).is_ok());
    for bad in [
        String::new(),
        metadata(&[]),
        good.replace(IDP, "https://other.example"),
        until("2026-03-01T12:00:00Z"),
    ] {
        assert!(adopted(&bad, Some(IDP)).is_err(), "{bad:.100}");
    }
    assert!(adoptable(b"\xff\xfe<\0", &TrustOptions::default(), None, now()).is_err());
}
