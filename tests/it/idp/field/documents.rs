//! Discovery documents and key sets with optional, unused or unusual members.

use super::*;

#[tokio::test]
async fn optional_members_of_discovery_are_ignored() -> Result<()> {
    for id in ["T1", "T3"] {
        if let Some(case) = corpus(id)? {
            let mut fixture = Fixture::new()?;
            fixture.upstream.set_variation(variation(&case));
            let alice = fixture.sign_in("alice").await;
            is_alice(id, alice)?;
        }
    }
    for (vendor, discovery) in [
        (
            "Google: no end_session_endpoint",
            json!({"end_session_endpoint": ABSENT, "device_authorization_endpoint": "https://oauth2.example/device"}),
        ),
        (
            "a Java server: null for what it does not have",
            json!({"end_session_endpoint": null, "registration_endpoint": null, "check_session_iframe": null, "userinfo_endpoint": null,
                   "code_challenge_methods_supported": null, "token_endpoint_auth_methods_supported": null}),
        ),
        (
            "Ping: empty texts and lists",
            json!({"end_session_endpoint": "", "userinfo_endpoint": "", "code_challenge_methods_supported": [], "acr_values_supported": []}),
        ),
        (
            "a server behind a TLS proxy: http for what it links to",
            json!({"end_session_endpoint": "http://idp.example/logout", "userinfo_endpoint": "http://idp.example/userinfo"}),
        ),
    ] {
        let answers = Variation {
            discovery: object(discovery),
            ..Variation::default()
        };
        is_alice(vendor, alice_at(answers).await)?;
    }
    Ok(())
}

#[tokio::test]
async fn redirected_document_names_the_target() -> Result<()> {
    use rolecall_testkit::oidc::{EndpointFault, Fault};
    for (what, fault) in [
        (
            "the discovery document",
            Fault::Discovery(EndpointFault::Redirect),
        ),
        ("the key set", Fault::Jwks(EndpointFault::Redirect)),
        (
            "the token endpoint",
            Fault::TokenEndpoint(EndpointFault::Redirect),
        ),
    ] {
        let mut fixture = Fixture::new()?;
        fixture.upstream.inject_fault(fault);
        let elsewhere = fixture.upstream.canary().url();
        let (_, message) = refused(what, fixture.sign_in("alice").await)?;
        ensure!(
            message.contains("status 302") && message.contains(elsewhere.trim_end_matches('/')),
            "{what}: {message}"
        );
        ensure!(fixture.upstream.canary().hits() == 0, "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn sign_out_without_usable_endpoint_is_local() -> Result<()> {
    use rolecall_core::sign_in::IdentityProvider as _;
    let mut fixture = Fixture::new()?;
    fixture.upstream.set_variation(Variation {
        discovery: object(json!({"end_session_endpoint": "http://idp.example/logout"})),
        ..Variation::default()
    });
    let alice = fixture.sign_in("alice").await?;
    let state = new_state();
    ensure!(
        fixture
            .adapter
            .begin_sign_out(&alice, &state)
            .await
            .is_none()
    );
    Ok(())
}

/// A modification of a key set.
type Change = fn(&mut Map<String, Value>);

#[tokio::test]
async fn unusual_key_sets_are_accepted() -> Result<()> {
    for content_type in [
        "application/jwk-set+json",
        "text/plain; charset=utf-8",
        "application/octet-stream",
        "binary/octet-stream",
        "text/json",
    ] {
        let answers = Variation {
            jwks_content_type: Some(content_type.to_owned()),
            ..Variation::default()
        };
        is_alice(content_type, alice_at(answers).await)?;
    }
    fn keys(set: &mut Map<String, Value>) -> &mut Vec<Value> {
        set["keys"].as_array_mut().expect("an array")
    }
    let changes: [(&str, Change); 5] = [
        ("use: null", |set| keys(set)[0]["use"] = json!(null)),
        ("padded numbers", |set| {
            let x = format!("{}=", keys(set)[0]["x"].as_str().unwrap_or_default());
            keys(set)[0]["x"] = json!(x);
        }),
        ("standard base64", |set| {
            for name in ["x", "y"] {
                let number = keys(set)[0][name].as_str().unwrap_or_default();
                let number = number.replace('-', "+").replace('_', "/");
                keys(set)[0][name] = json!(number);
            }
        }),
        ("a key without a kid", |set| {
            if let Some(key) = keys(set)[0].as_object_mut() {
                key.remove("kid");
            }
        }),
        ("two hundred keys of others before it", |set| {
            let key = keys(set)[0].clone();
            for n in 0..200 {
                let mut other = key.clone();
                other["kid"] = json!(format!("other-{n}"));
                keys(set).insert(0, other);
            }
        }),
    ];
    for (what, jwks) in changes {
        let answers = Variation {
            jwks: Some(jwks),
            ..Variation::default()
        };
        is_alice(what, alice_at(answers).await)?;
    }
    Ok(())
}
