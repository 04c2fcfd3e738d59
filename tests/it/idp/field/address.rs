//! E-mail addresses that are not accepted, with the reason.

use super::*;

#[tokio::test]
async fn rejected_address_has_a_reason() -> Result<()> {
    let check = |case: &str, alice: Identity, wanted: &str| {
        ensure!(alice.email.is_none(), "{case}: {:?}", alice.email);
        let untrusted = alice.untrusted_email.as_ref();
        let message = untrusted.map(ToString::to_string).unwrap_or_default();
        ensure!(message.contains(wanted), "{case}: {message}");
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
            check(id, alice_at(variation(&case)).await.context(id)?, wanted)?;
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
        check(vendor, alice_at(answers).await.context(vendor)?, wanted)?;
    }
    // Cognito's userinfo contains booleans as strings; it is requested if the ID token has no address.
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
    check(
        "Cognito: at userinfo",
        alice_at(answers).await?,
        "\"alice@example.com\" is not trusted, because email_verified",
    )
}
