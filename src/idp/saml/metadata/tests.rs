//! What takes the place of the metadata that was known, and what does not.

use super::super::testing::*;
use super::*;

fn adopted(document: &str, before: Option<&str>) -> Result<SamlTrust, InvalidMetadata> {
    let options = pinned(&TrustOptions::default(), before);
    adoptable(document, &options, now())
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
}

struct Hands(std::sync::Mutex<DateTime<Utc>>);

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Answers one request after another with these documents, then none.
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
async fn the_last_good_copy_serves_until_a_better_one_comes() {
    let good = metadata(&[&PROVIDER.certificate_text()]);
    let next = metadata(&[&ELLIPTIC.certificate_text(), &PROVIDER.certificate_text()]);
    let documents = vec![
        good.clone(),
        metadata(&[]),
        good.replace(IDP, "https://other.example"),
        next,
    ];
    let hands = Arc::new(Hands(std::sync::Mutex::new(now())));
    let remote = RemoteMetadata::new(
        HttpClient::new(&crate::egress::Egress::default()).unwrap(),
        serve(documents),
        TimeDelta::hours(1),
        TrustOptions::default(),
        Arc::clone(&hands) as Arc<dyn Clock>,
    );
    let first = remote.trust().await.unwrap();
    let advance = |by: TimeDelta| *hands.0.lock().unwrap() += by;
    assert!(Arc::ptr_eq(&first, &remote.trust().await.unwrap()));
    // Without a certificate, and then of somebody else: neither is adopted.
    for _ in 0..2 {
        advance(TimeDelta::hours(1));
        assert!(Arc::ptr_eq(&first, &remote.trust().await.unwrap()));
    }
    advance(TimeDelta::hours(1));
    let newer = remote.trust().await.unwrap();
    assert!(!Arc::ptr_eq(&first, &newer));
    assert_eq!(newer.entity_id(), IDP);
    // Nobody answers any more: it serves on, and not for ever.
    advance(TimeDelta::days(2));
    assert!(Arc::ptr_eq(&newer, &remote.trust().await.unwrap()));
    advance(STALE_MAX);
    assert!(remote.trust().await.is_err());
}

#[tokio::test]
async fn one_entity_of_a_large_federation_is_fetched() {
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
            Arc::new(Hands(std::sync::Mutex::new(now()))),
        );
        remote.trust().await
    };
    assert_eq!(fetched(Some(IDP)).await.unwrap().entity_id(), IDP);
    for (entity_id, told) in [
        (None, "name the entity with entity_id"),
        (Some("https://nobody.example"), "no entity with entityID"),
    ] {
        let ProviderError::Misconfigured(why) = fetched(entity_id).await.unwrap_err() else {
            panic!("{entity_id:?}");
        };
        assert!(why.to_string().contains(told), "{why}");
    }
}
