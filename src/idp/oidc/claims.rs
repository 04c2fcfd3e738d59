//! From verified claims to an [`Identity`]: e-mail, name, groups, second factor.
//!
//! A provider that had too many groups to send (overage) is refused: to go on with fewer would be to decide on a
//! person we do not know. The address it names instead is never fetched.

use rolecall_core::identity::{Claims, Evidence, Identity, believed_email};
use rolecall_core::secret::SecretText;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};

use super::checks::Verified;
use super::google;
use super::settings::OidcSettings;

/// Claims of the protocol: they count only where they are signed, in the ID token.
const SIGNED_ONLY: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "nonce",
    "azp",
    "at_hash",
    "c_hash",
    "auth_time",
    "amr",
    "acr",
    "sid",
    "hd",
    "jti",
];

/// Whether something that only userinfo may tell is missing: the groups, or the e-mail address.
///
/// # Errors
/// [`RejectReason::Claims`].
pub fn incomplete(
    claims: &Map<String, Value>,
    settings: &OidcSettings,
) -> Result<bool, ProviderError> {
    let said = read(claims)?;
    let lacks = |name: &str| !said.iter().any(|(claim, _)| claim == plain(name));
    let groups_elsewhere = google::is_google(&settings.issuer);
    Ok(lacks(&settings.claims.email) || (lacks(&settings.claims.groups) && !groups_elsewhere))
}

/// Adds what userinfo says (Core 5.3.2) where the ID token says nothing.
pub fn add_missing(claims: &mut Map<String, Value>, userinfo: Map<String, Value>) {
    for (name, value) in userinfo {
        if !SIGNED_ONLY.contains(&name.as_str()) {
            claims.entry(name).or_insert(value);
        }
    }
}

/// Refuses "too many groups": Entra ID's `_claim_names`, `hasgroups` and `groups:src1` (distributed claims, Core 5.6.2).
///
/// # Errors
/// [`RejectReason::TooManyGroups`].
pub fn refuse_overage(
    claims: &Map<String, Value>,
    settings: &OidcSettings,
) -> Result<(), ProviderError> {
    let groups = plain(&settings.claims.groups);
    let elsewhere = match claims.get("_claim_names") {
        Some(Value::Object(names)) => names.contains_key(groups),
        Some(_) => true,
        None => false,
    };
    let flagged = claims.iter().any(|(name, value)| {
        (name == "hasgroups" && *value != Value::Bool(false))
            || (name
                .strip_prefix(groups)
                .is_some_and(|rest| rest.starts_with(":src")))
    });
    if elsewhere || (flagged && groups == "groups") {
        return Err(ProviderError::rejected(
            RejectReason::TooManyGroups,
            "the provider left the groups out because there are too many; let it send only the groups assigned to this \
             application (Entra ID: Token configuration, groups claim, \"Groups assigned to the application\"), or app roles",
        ));
    }
    Ok(())
}

/// Makes the identity. `claims` are those of the ID token with what userinfo added.
///
/// # Errors
/// [`RejectReason::Claims`], [`RejectReason::HostedDomain`].
pub fn identity(
    settings: &OidcSettings,
    verified: Verified,
    claims: &Map<String, Value>,
    id_token: SecretText,
) -> Result<Identity, ProviderError> {
    if let Some(domain) = &settings.hosted_domain {
        google::check_hosted_domain(claims, domain)?;
    }
    let said = read(claims)?;
    // Anything but a JSON true or an absent claim is a no.
    let email_verified = claims
        .get("email_verified")
        .map(|value| *value == Value::Bool(true));
    let any_of = |name: &str, wanted: &[String]| {
        said.values(name)
            .any(|value| wanted.iter().any(|wanted| wanted == value))
    };
    Ok(Identity {
        provider: settings.id.clone(),
        subject: verified.subject,
        email: believed_email(
            said.single(plain(&settings.claims.email)),
            email_verified,
            &settings.believed_domains(),
        ),
        name: said.single(plain(&settings.claims.name)).map(str::to_owned),
        groups: said
            .values(plain(&settings.claims.groups))
            .map(str::to_owned)
            .collect(),
        mfa: any_of("amr", &settings.mfa.amr) || any_of("acr", &settings.mfa.acr),
        authenticated_at: verified.authenticated_at,
        evidence: Evidence::IdToken {
            token: id_token,
            sid: said.single("sid").map(str::to_owned),
        },
        claims: said,
    })
}

fn read(claims: &Map<String, Value>) -> Result<Claims, ProviderError> {
    Claims::from_json(claims)
        .map_err(|error| ProviderError::rejected(RejectReason::Claims, error.to_string()))
}

/// How [`Claims`] call it: a pointer of one segment is a top-level claim's name.
fn plain(name: &str) -> &str {
    match name.strip_prefix('/') {
        Some(rest) if !rest.contains('/') => rest,
        Some(_) | None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::*;
    use chrono::DateTime;
    use rolecall_core::identity::{EmailDomain, Subject};
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn made(settings: &OidcSettings, claims: Value) -> Result<Identity, ProviderError> {
        let verified = Verified {
            subject: Subject::parse("alice").unwrap(),
            authenticated_at: DateTime::UNIX_EPOCH,
        };
        identity(
            settings,
            verified,
            &object(claims),
            SecretText::new("x.y.z"),
        )
    }

    fn reason(error: ProviderError) -> RejectReason {
        match &error {
            ProviderError::Rejected { reason, .. } => *reason,
            ProviderError::Refused { .. } | ProviderError::Unavailable(_) => panic!("{error}"),
        }
    }

    #[test]
    fn claims_are_found_by_name_and_by_pointer() {
        let mut settings = settings();
        settings.claims.groups = "/realm_access/roles".to_owned();
        settings.claims.name = "/name".to_owned();
        settings.domains = vec![EmailDomain::parse("example.com").unwrap()];
        let identity = made(
            &settings,
            json!({"email": "Alice@example.com", "name": "Alice", "amr": ["pwd", "mfa"], "sid": "s1",
                   "realm_access": {"roles": ["a", "b"]}}),
        )
        .unwrap();
        assert_eq!(identity.groups, ["a", "b"]);
        assert_eq!(identity.name.as_deref(), Some("Alice"));
        assert_eq!(identity.email.unwrap().as_str(), "alice@example.com");
        assert!(identity.mfa);
        let Evidence::IdToken { sid, .. } = identity.evidence else {
            panic!("an ID token is the evidence");
        };
        assert_eq!(sid.as_deref(), Some("s1"));
    }

    #[test]
    fn an_address_is_believed_in_its_domains_and_verified_only() {
        let mut settings = settings();
        let email = |settings: &OidcSettings, claims| made(settings, claims).unwrap().email;
        assert!(
            email(
                &settings,
                json!({"email": "a@example.com", "email_verified": true})
            )
            .is_none()
        );
        settings.domains = vec![EmailDomain::parse("example.com").unwrap()];
        assert!(email(&settings, json!({"email": "a@example.com"})).is_some());
        for bad in [
            json!(false),
            json!("true"),
            json!("false"),
            json!(0),
            json!(null),
        ] {
            let claims = json!({"email": "a@example.com", "email_verified": bad});
            assert!(email(&settings, claims).is_none(), "{bad}");
        }
        assert!(
            email(
                &settings,
                json!({"email": ["a@example.com", "b@example.com"]})
            )
            .is_none()
        );
    }

    #[test]
    fn a_second_factor_is_what_is_configured() {
        let mut settings = settings();
        settings.mfa.acr = vec!["urn:okta:loa:2fa:any".to_owned()];
        assert!(!made(&settings, json!({"amr": ["pwd"]})).unwrap().mfa);
        assert!(!made(&settings, json!({})).unwrap().mfa);
        assert!(
            made(&settings, json!({"acr": "urn:okta:loa:2fa:any"}))
                .unwrap()
                .mfa
        );
    }

    #[test]
    fn overage_in_every_spelling_is_refused() {
        let refused = |claims| refuse_overage(&object(claims), &settings());
        for bad in [
            json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example"}}}),
            json!({"_claim_names": "groups"}),
            json!({"hasgroups": true}),
            json!({"hasgroups": "true"}),
            json!({"groups:src1": "https://graph.example"}),
            json!({"groups": ["some"], "hasgroups": true}),
        ] {
            assert_eq!(
                reason(refused(bad.clone()).unwrap_err()),
                RejectReason::TooManyGroups,
                "{bad}"
            );
        }
        for good in [
            json!({}),
            json!({"groups": ["a"], "hasgroups": false}),
            json!({"_claim_names": {"address": "src1"}}),
            json!({"groups:srcery": 1, "x": 1})
                .as_object()
                .map(|_| json!({"groupssrc": 1}))
                .unwrap(),
        ] {
            assert!(refused(good.clone()).is_ok(), "{good}");
        }
        // Whoever reads roles does not miss the groups.
        let mut roles = settings();
        roles.claims.groups = "roles".to_owned();
        assert!(
            refuse_overage(&object(json!({"hasgroups": true, "roles": ["a"]})), &roles).is_ok()
        );
    }

    #[test]
    fn userinfo_adds_but_never_replaces() {
        let mut claims = object(json!({"sub": "alice", "email": "a@example.com"}));
        let userinfo = json!({"sub": "alice", "email": "evil@example.com", "groups": ["a"],
                              "amr": ["mfa"], "acr": "high", "auth_time": 1, "hd": "example.com", "aud": "x"});
        add_missing(&mut claims, object(userinfo));
        assert_eq!(
            Value::Object(claims),
            json!({"sub": "alice", "email": "a@example.com", "groups": ["a"]})
        );
    }

    #[test]
    fn userinfo_is_asked_only_for_what_is_missing() {
        let asked =
            |claims, settings: &OidcSettings| incomplete(&object(claims), settings).unwrap();
        let mut settings = settings();
        assert!(!asked(json!({"email": "a", "groups": []}), &settings));
        assert!(asked(json!({"email": "a"}), &settings));
        assert!(asked(json!({"email": "a", "groups": null}), &settings));
        assert!(asked(json!({"groups": ["a"]}), &settings));
        settings.issuer = "https://accounts.google.com".to_owned();
        assert!(!asked(json!({"email": "a"}), &settings));
    }

    #[test]
    fn more_claims_than_we_take_are_refused() {
        let many: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
        let error = made(&settings(), json!({ "groups": many })).unwrap_err();
        assert_eq!(reason(error), RejectReason::Claims);
    }
}
