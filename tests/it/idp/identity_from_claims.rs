//! `explain` and a sign-in give the same result for the same claims.

use anyhow::{Result, ensure};
use rolecall_core::sign_in::ProviderError;
use rolecall_testkit::oidc::variation::Variation;
use rolecalld::idp::oidc::{OidcProvider, OidcSettings, UserinfoUse};
use serde_json::{Map, Value, json};

use super::*;

/// Claims in every token of alice at the testkit's provider.
fn alice() -> Map<String, Value> {
    let claims = json!({
        "sub": "00u-alice", "email": "alice@example.com", "email_verified": true, "name": "Alice",
        "preferred_username": "alice", "groups": ["platform", "payments-dev"], "amr": ["pwd", "otp", "mfa"],
    });
    claims.as_object().cloned().unwrap_or_default()
}

fn summary(outcome: Result<Identity, ProviderError>) -> Result<String> {
    match outcome {
        Ok(one) => Ok(format!(
            "{} {:?} {:?} {:?} {:?} {} {:?}",
            one.subject,
            one.email,
            one.untrusted_email,
            one.name,
            one.groups,
            one.mfa,
            one.claims.values("groups").collect::<Vec<_>>()
        )),
        Err(ProviderError::Rejected { reason, detail }) => Ok(format!("{reason:?}: {detail}")),
        Err(other) => Err(other.into()),
    }
}

#[tokio::test]
async fn explain_result_equals_that_of_a_sign_in() -> Result<()> {
    let many: Vec<String> = (0..1_100).map(|n| n.to_string()).collect();
    let names: Vec<String> = (0..600)
        .map(|n| format!("CN=Users {n},OU=Groups,DC=corp,DC=example,DC=com"))
        .collect();
    let clients = (0..140).map(|n| (format!("client-{n}"), json!({"roles": ["user"]})));
    for (case, refused, changes) in [
        ("usual", false, json!({})),
        (
            "J2, A1",
            false,
            json!({"updated_at": "2026-11-29T07:59:07.841Z"}),
        ),
        ("not verified", false, json!({"email_verified": "true"})),
        (
            "another domain",
            false,
            json!({"email": "alice@sub.example.com"}),
        ),
        (
            "two addresses",
            false,
            json!({"email": ["a@example.com", "b@example.com"]}),
        ),
        ("one group", false, json!({"groups": "platform"})),
        ("no group", false, json!({"groups": []})),
        (
            "amr as text",
            false,
            json!({"amr": "mfa", "acr": 1, "sid": null}),
        ),
        ("600 LDAP names", false, json!({"groups": names})),
        (
            "a long claim that nobody reads",
            false,
            json!({"picture": "x".repeat(2_000)}),
        ),
        (
            "140 clients",
            false,
            json!({"resource_access": Map::from_iter(clients)}),
        ),
        (
            "roles as members",
            false,
            json!({"groups": {"platform": {"1": "x"}}}),
        ),
        ("too many groups", true, json!({"groups": many})),
        (
            "a group that is too long",
            true,
            json!({"groups": ["x".repeat(2_000)]}),
        ),
        (
            "a nested group",
            true,
            json!({"groups": ["platform", {"name": "contractors"}]}),
        ),
        (
            "an array in an array",
            true,
            json!({"groups": [["contractors"]]}),
        ),
        (
            "an address that is an object",
            true,
            json!({"email": {"value": "alice@example.com"}}),
        ),
        ("Entra ID: overage", true, json!({"hasgroups": true})),
        (
            "Entra ID: elsewhere",
            true,
            json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {}}}),
        ),
        ("a number for sub", true, json!({"sub": 7})),
        (
            "another issuer",
            true,
            json!({"iss": "https://other.example"}),
        ),
        ("another audience", true, json!({"aud": "other"})),
        (
            "Zitadel: audiences that are not listed",
            true,
            json!({"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}),
        ),
        ("another client's", true, json!({"azp": "other"})),
        ("a time that is text", true, json!({"exp": "1795940000"})),
        (
            "an auth_time to come",
            true,
            json!({"auth_time": 4_000_000_000_u64}),
        ),
    ] {
        let changes = changes.as_object().cloned().unwrap_or_default();
        let mut fixture = Fixture::with(
            |_| (),
            |settings: &mut OidcSettings| settings.userinfo = UserinfoUse::Never,
        )?;
        fixture.upstream.set_variation(Variation {
            claims: changes.clone(),
            ..Variation::default()
        });
        let mut said = alice();
        if changes.contains_key("azp") {
            said.insert("aud".to_owned(), json!(CLIENT_ID));
        }
        said.extend(changes);
        let settings = settings_for(&fixture.upstream.issuer())?;
        let explained = summary(OidcProvider::identity_from_claims(
            &settings,
            &said,
            fixture.clock.now(),
        ))?;
        let signed_in = match fixture.sign_in("alice").await {
            Err(Ended::ByTheAdapter(error)) => summary(Err(error))?,
            Ok(identity) => summary(Ok(identity))?,
            Err(other) => return Err(other.into()),
        };
        // Seconds differ with the time of the check.
        let plain = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "#");
        ensure!(
            plain(&explained) == plain(&signed_in),
            "{case}: explain returned {explained}, a sign-in {signed_in}"
        );
        ensure!(
            explained.starts_with("00u-alice") != refused,
            "{case}: {explained}"
        );
    }
    Ok(())
}
