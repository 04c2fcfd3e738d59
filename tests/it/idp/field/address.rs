//! Addresses that come and are not believed: which one, and why.

use super::*;

#[tokio::test]
async fn an_address_that_is_not_believed_is_called_that() -> Result<()> {
    let told = |case: &str, alice: Identity, wanted: &str| {
        ensure!(alice.email.is_none(), "{case}: {:?}", alice.email);
        let untrusted = alice.untrusted_email.as_ref();
        let said = untrusted.map(ToString::to_string).unwrap_or_default();
        ensure!(said.contains(wanted), "{case}: {said}");
        Ok(())
    };
    for (id, wanted) in [
        (
            "H1",
            "\"alice@example.com\" is not trusted, because email_verified",
        ),
        (
            "H3",
            "\"alice@sub.example.com\" is not trusted, because its domain",
        ),
    ] {
        if let Some(case) = corpus(id)? {
            told(id, alice_at(variation(&case)).await.context(id)?, wanted)?;
        }
    }
    for (vendor, sent, wanted) in [
        (
            "Cognito: text for a boolean",
            json!({"email": "alice@example.com", "email_verified": "false"}),
            "\"alice@example.com\" is not trusted, because email_verified",
        ),
        (
            "LINE: null",
            json!({"email_verified": null}),
            "because email_verified",
        ),
        (
            "Keycloak: an umlaut",
            json!({"email": "müller@example.com"}),
            "\"müller@example.com\" is not trusted, because it is not an ASCII address",
        ),
        (
            "Okta: an internationalised domain",
            json!({"email": "alice@bücher.example"}),
            "because it is not an ASCII address",
        ),
        (
            "LDAP behind Dex: every alias",
            json!({"email": ["alice@example.com", "a.smith@example.com"]}),
            "\"alice@example.com\" and \"a.smith@example.com\" are not trusted, because more than one",
        ),
    ] {
        let answers = Variation {
            claims: object(sent),
            ..Variation::default()
        };
        told(vendor, alice_at(answers).await.context(vendor)?, wanted)?;
    }
    // Cognito's userinfo writes booleans as text; it is asked where the ID token has no address.
    let userinfo = json!({"sub": "00u-alice", "email": "alice@example.com", "email_verified": "true", "groups": []});
    let answers = Variation {
        claims: object(json!({"email": ABSENT, "email_verified": ABSENT})),
        userinfo: Some(RawResponse {
            status: 200,
            body: userinfo.to_string(),
            content_type: "application/json".to_owned(),
            challenge: None,
        }),
        ..Variation::default()
    };
    told(
        "Cognito: at userinfo",
        alice_at(answers).await?,
        "\"alice@example.com\" is not trusted, because email_verified",
    )
}
