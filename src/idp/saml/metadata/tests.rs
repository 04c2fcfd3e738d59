//! Which metadata replaces the current one.

use super::super::testing::*;
use super::*;

fn adopted(document: &str, before: Option<&str>) -> Result<SamlTrust, InvalidMetadata> {
    let options = pinned(&TrustOptions::default(), before);
    adoptable(document, &options, now())
}

#[test]
fn same_entity_can_change_its_keys() {
    let first = metadata(&[&PROVIDER.certificate_text()]);
    let next = metadata(&[&ELLIPTIC.certificate_text()]);
    assert_eq!(adopted(&first, None).unwrap().entity_id(), IDP);
    assert!(adopted(&next, Some(IDP)).is_ok());
}

#[test]
fn invalid_metadata_is_not_adopted() {
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
}

struct ManualClock(std::sync::Mutex<DateTime<Utc>>);

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Responds to requests with these documents, one after another, then with nothing.
fn serve(documents: Vec<String>) -> Url {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metadata", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for document in documents {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            let length = document.len();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            stream
                .write_all(format!("{head}{document}").as_bytes())
                .unwrap();
        }
    });
    url.parse().unwrap()
}

#[tokio::test]
async fn last_valid_copy_is_used_until_a_valid_one_arrives() {
    let good = metadata(&[&PROVIDER.certificate_text()]);
    let next = metadata(&[&ELLIPTIC.certificate_text(), &PROVIDER.certificate_text()]);
    let documents = vec![
        good.clone(),
        metadata(&[]),
        good.replace(IDP, "https://other.example"),
        next,
    ];
    let clock = Arc::new(ManualClock(std::sync::Mutex::new(now())));
    let remote = RemoteMetadata::new(
        HttpClient::new(&crate::egress::Egress::default()).unwrap(),
        serve(documents),
        TimeDelta::hours(1),
        TrustOptions::default(),
        Arc::clone(&clock) as Arc<dyn Clock>,
    );
    let first = remote.trust().await.unwrap();
    let advance = |by: TimeDelta| *clock.0.lock().unwrap() += by;
    assert!(Arc::ptr_eq(&first, &remote.trust().await.unwrap()));
    // First without a certificate, then of another entity: neither is adopted.
    for _ in 0..2 {
        advance(TimeDelta::hours(1));
        assert!(Arc::ptr_eq(&first, &remote.trust().await.unwrap()));
    }
    advance(TimeDelta::hours(1));
    let newer = remote.trust().await.unwrap();
    assert!(!Arc::ptr_eq(&first, &newer));
    assert_eq!(newer.entity_id(), IDP);
    // The server is down: the copy is used until it expires.
    advance(TimeDelta::days(2));
    assert!(Arc::ptr_eq(&newer, &remote.trust().await.unwrap()));
    advance(STALE_MAX);
    assert!(remote.trust().await.is_err());
}

#[tokio::test]
async fn one_entity_of_an_aggregate_is_fetched() {
    let others = "<md:EntityDescriptor entityID=\"https://other.example\"/>\n".repeat(40_000);
    let ours = metadata(&[&PROVIDER.certificate_text()]);
    let federation = format!(
        "<md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\">{others}{ours}{others}</md:EntitiesDescriptor>"
    );
    let fetched = async |entity_id: Option<&str>| {
        let options = TrustOptions {
            entity_id: entity_id.map(str::to_owned),
            ..TrustOptions::default()
        };
        let remote = RemoteMetadata::new(
            HttpClient::new(&crate::egress::Egress::default()).unwrap(),
            serve(vec![federation.clone()]),
            TimeDelta::hours(1),
            options,
            Arc::new(ManualClock(std::sync::Mutex::new(now()))),
        );
        remote.trust().await
    };
    assert_eq!(fetched(Some(IDP)).await.unwrap().entity_id(), IDP);
    for (entity_id, told) in [
        (None, "set entity_id"),
        (Some("https://nobody.example"), "no entity with entityID"),
    ] {
        let ProviderError::Misconfigured(why) = fetched(entity_id).await.unwrap_err() else {
            panic!("{entity_id:?}");
        };
        assert!(why.to_string().contains(told), "{why}");
    }
}
