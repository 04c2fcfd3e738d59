//! Converts verified claims to an [`Identity`]: e-mail address, name, groups, MFA.
//!
//! If the provider omitted groups because there are too many (overage), the identity has none and the overage is reported to
//! the core. The URL in such a token is never fetched.

use std::collections::BTreeMap;

use rolecall_core::aws::ProviderIdToken;
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::{
    ClaimPath, Evidence, Identity, InvalidClaims, ReadClaims, UnreadReason,
};
use rolecall_core::sign_in::{GroupsOverage, ProviderError, RejectReason, VerifiedSignIn};
use serde_json::{Map, Value};

use super::checks::Verified;
use super::google;
use super::settings::OidcSettings;
use crate::idp::address;
use crate::idp::step_up::record_unconfirmed;

/// Finds "too many groups": Entra ID's `_claim_names`, `hasgroups` and `groups:src1` (distributed claims, Core 5.6.2).
pub fn groups_overage(
    claims: &Map<String, Value>,
    settings: &OidcSettings,
) -> Option<GroupsOverage> {
    let groups = settings.claims.groups.as_str();
    let elsewhere = match claims.get("_claim_names") {
        Some(Value::Object(names)) => {
            let around = settings.claims.groups.nested().map(|(first, _)| first);
            let stands_there = |name: &String| names.get(name).is_some_and(|at| !at.is_null());
            names.contains_key(groups) || around.as_ref().is_some_and(stands_there)
        }
        Some(Value::Null) | None => false,
        Some(_) => true,
    };
    let flagged = claims.iter().any(|(name, value)| {
        (name == "hasgroups" && *value != Value::Bool(false))
            || (name
                .strip_prefix(groups)
                .is_some_and(|rest| rest.starts_with(":src")))
    });
    (elsewhere || (flagged && groups == "groups")).then_some(GroupsOverage {
        advice: "the provider omitted the groups because there are too many; configure it to send only the groups assigned to this \
             application (Entra ID: Token configuration, groups claim, \"Groups assigned to the application\"), or app roles",
    })
}

/// Builds the identity. `claims` are those of the ID token, completed by userinfo. In an overage of groups it has none,
/// because incomplete groups must not be taken for all.
///
/// # Errors
/// [`RejectReason::Claims`], [`RejectReason::HostedDomain`].
pub fn identity(
    settings: &OidcSettings,
    verified: Verified,
    claims: &Map<String, Value>,
    id_token: SecretText,
    groups_overage: Option<GroupsOverage>,
) -> Result<VerifiedSignIn, ProviderError> {
    if let Some(domain) = &settings.hosted_domain {
        google::check_hosted_domain(claims, domain)?;
    }
    let read_claims = ReadClaims::from_json(claims);
    // `email_verified` only counts if it is a JSON `true`.
    let email_verified = claims
        .get("email_verified")
        .map(|value| *value == Value::Bool(true));
    let any_of = |name: &str, wanted: &[String]| {
        // An invalid claim proves nothing; rules that require it are not met.
        let values = read_claims.values(name).into_iter().flatten();
        values
            .into_iter()
            .any(|value| wanted.iter().any(|wanted| wanted == value))
    };
    let addresses = values(&read_claims, settings.claims.email.as_str())?;
    let groups = match &groups_overage {
        Some(_) => Vec::new(),
        None => groups(&read_claims, claims, &settings.claims.groups)?,
    };
    let mfa = any_of("amr", &settings.mfa.amr) || any_of("acr", &settings.mfa.acr);
    let domains = settings.believed_domains();
    let (email, untrusted_email) =
        address::decide(&settings.id, &addresses, email_verified, &domains);
    let name = read_claims.single(settings.claims.name.as_str());
    let name = name.map(str::to_owned);
    let sid = read_claims.single("sid").map(str::to_owned);
    let (claims, unread_claims) = read_claims.into_parts();
    let for_aws = verified.validity.map(|validity| ProviderIdToken {
        token: id_token.clone(),
        expires_at: validity.expires_at,
        algorithm: validity.algorithm.name(),
    });
    let identity = Identity {
        provider: settings.id.clone(),
        subject: verified.subject,
        email,
        untrusted_email,
        name,
        groups,
        mfa,
        unconfirmed_mfa: None,
        asserted_at: verified.asserted_at,
        auth_time: verified.auth_time,
        evidence: Evidence::IdToken {
            token: id_token,
            sid,
        },
        claims,
        unread_claims,
    };
    Ok(VerifiedSignIn {
        groups_overage,
        id_token: for_aws,
        ..identity.into()
    })
}

/// Records what the ID token states, if a second factor was requested and it states none.
pub fn record_unconfirmed_mfa(identity: &mut Identity) {
    let values = |name: &str| identity.claims.values(name).map(str::to_owned).collect();
    let stated = [("amr", values("amr")), ("acr", values("acr"))];
    record_unconfirmed(identity, "the ID token", &stated);
}

/// The groups: the values of the claim, or the names of its members if each of them is an object, as Zitadel sends
/// roles with the organizations that grant them. A role that no organization grants is left out.
fn groups(
    read_claims: &ReadClaims,
    claims: &Map<String, Value>,
    path: &ClaimPath,
) -> Result<Vec<String>, ProviderError> {
    let name = path.as_str();
    let unread = match read_claims.values(name) {
        Ok(values) => return Ok(values.map(str::to_owned).collect()),
        Err(unread) => unread,
    };
    let is_object = matches!(
        unread,
        InvalidClaims::Unread {
            reason: UnreadReason::Object,
            ..
        }
    );
    match member_names(claims, path).filter(|_| is_object) {
        // Within the limits of claim values.
        Some(names) => {
            let bounded = ReadClaims::of(BTreeMap::from([(name.to_owned(), Ok(names))]));
            values(&bounded, name)
        }
        None => Err(refused(unread)),
    }
}

fn values(read_claims: &ReadClaims, name: &str) -> Result<Vec<String>, ProviderError> {
    let values = read_claims.values(name).map_err(refused)?;
    Ok(values.map(str::to_owned).collect())
}

/// The member names of an object whose members are all objects. A member of another type could be a negative statement.
fn member_names(claims: &Map<String, Value>, path: &ClaimPath) -> Option<Vec<String>> {
    let claim = match claims.get(path.as_str()) {
        Some(claim) => claim,
        None => {
            let (first, rest) = path.nested()?;
            claims.get(&first)?.pointer(rest)?
        }
    };
    let members = claim.as_object().filter(|members| !members.is_empty())?;
    let granted = |(name, organisations): (&String, &Value)| {
        let organisations = organisations.as_object()?;
        let is_granted = !organisations.values().all(Value::is_null);
        Some(is_granted.then(|| name.clone()))
    };
    let granted: Option<Vec<_>> = members.iter().map(granted).collect();
    Some(granted?.into_iter().flatten().collect())
}

fn refused(error: InvalidClaims) -> ProviderError {
    ProviderError::rejected(RejectReason::Claims, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::*;
    use chrono::DateTime;
    use rolecall_core::identity::{AuthTime, EmailDomain, Subject};
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn made(settings: &OidcSettings, claims: Value) -> Result<Identity, ProviderError> {
        let verified = Verified {
            subject: Subject::parse("alice").unwrap(),
            asserted_at: DateTime::UNIX_EPOCH,
            auth_time: AuthTime::Unstated,
            validity: None,
        };
        let claims = object(claims);
        let overage = groups_overage(&claims, settings);
        let token = SecretText::new("x.y.z");
        let verified = identity(settings, verified, &claims, token, overage)?;
        verified.require_groups()?;
        Ok(verified.identity)
    }

    fn reason(error: ProviderError) -> RejectReason {
        match &error {
            ProviderError::Rejected { reason, .. } => *reason,
            ProviderError::Refused { .. }
            | ProviderError::Misconfigured(_)
            | ProviderError::Unavailable(_) => panic!("{error}"),
        }
    }

    #[test]
    fn claims_are_found_by_name_or_pointer() {
        let mut settings = settings();
        settings.claims.groups = ClaimPath::parse("/realm_access/roles");
        settings.claims.name = ClaimPath::parse("/name");
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
            panic!("expected an ID token as evidence");
        };
        assert_eq!(sid.as_deref(), Some("s1"));
    }

    #[test]
    fn only_verified_addresses_of_configured_domains_are_accepted() {
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
    fn role_without_granting_organization_is_omitted() {
        let mut settings = settings();
        settings.claims.groups = ClaimPath::parse("urn:zitadel:iam:org:project:roles");
        let groups = |roles: Value| {
            let claims = json!({ "urn:zitadel:iam:org:project:roles": roles });
            made(&settings, claims).map(|identity| identity.groups)
        };
        let granted = json!({"admin": {"1": "acme.example"}, "reader": {}, "auditor": {"1": null}});
        assert_eq!(groups(granted).unwrap(), ["admin"]);
        assert!(groups(json!({"admin": {}})).unwrap().is_empty());
        assert!(groups(json!({"admin": {}, "reader": true})).is_err());
    }

    /// Part of a distributed claim is not the whole claim.
    #[test]
    fn distributed_roles_are_rejected() {
        let roles = json!({"admin": {"1": "acme.example"}});
        for (pointer, claims) in [
            (
                "/res/roles",
                json!({"res": {"roles": roles}, "_claim_names": {"res": "src1"}}),
            ),
            (
                "/a~1b/roles",
                json!({"a/b": {"roles": roles}, "_claim_names": {"a/b": "src1"}}),
            ),
            (
                "roles",
                json!({"roles": roles, "_claim_names": {"roles": "src1"}}),
            ),
        ] {
            let mut settings = settings();
            settings.claims.groups = ClaimPath::parse(pointer);
            let error = made(&settings, claims.clone()).unwrap_err();
            assert_eq!(reason(error), RejectReason::TooManyGroups, "{pointer}");
            let mut here = object(claims);
            here.remove("_claim_names");
            let identity = made(&settings, Value::Object(here)).unwrap();
            assert_eq!(identity.groups, ["admin"]);
        }
    }

    #[test]
    fn mfa_follows_the_configuration() {
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
    fn groups_overage_is_found_in_every_form() {
        let overage = |claims| groups_overage(&object(claims), &settings());
        for bad in [
            json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example"}}}),
            json!({"_claim_names": "groups"}),
            json!({"hasgroups": true}),
            json!({"hasgroups": "true"}),
            json!({"groups:src1": "https://graph.example"}),
            json!({"groups": ["some"], "hasgroups": true}),
        ] {
            assert!(overage(bad.clone()).is_some(), "{bad}");
            let error = made(&settings(), bad.clone()).unwrap_err();
            assert_eq!(reason(error), RejectReason::TooManyGroups, "{bad}");
        }
        for good in [
            json!({}),
            json!({"groups": ["a"], "hasgroups": false}),
            json!({"_claim_names": {"address": "src1"}}),
            json!({"_claim_names": null}),
            json!({"groups:srcery": 1, "x": 1})
                .as_object()
                .map(|_| json!({"groupssrc": 1}))
                .unwrap(),
        ] {
            assert!(overage(good.clone()).is_none(), "{good}");
        }
        // With roles as groups claim, omitted groups do not matter.
        let mut roles = settings();
        roles.claims.groups = ClaimPath::parse("roles");
        assert!(
            groups_overage(&object(json!({"hasgroups": true, "roles": ["a"]})), &roles).is_none()
        );
    }

    #[test]
    fn unreadable_required_claims_are_rejected() {
        for bad in [
            json!({"groups": ["dev", {"name": "contractors"}]}),
            json!({"groups": ["dev", ["contractors"]]}),
            json!({"groups": {"contractors": true}}),
            json!({"email": {"value": "a@example.com"}}),
        ] {
            let error = made(&settings(), bad.clone()).unwrap_err();
            let name = bad.as_object().unwrap().keys().next().unwrap();
            let ProviderError::Rejected { reason, detail } = &error else {
                panic!("{error}");
            };
            assert_eq!(*reason, RejectReason::Claims, "{bad}");
            assert!(detail.contains(name), "{detail}");
        }
        let others = json!({"name": {"given": "A"}, "picture": "x".repeat(2_000), "address": [{"street": "x"}],
                            "groups": ["dev"]});
        let identity = made(&settings(), others).unwrap();
        assert_eq!(identity.groups, ["dev"]);
        assert!(identity.unread_claim("picture").is_some());
    }

    #[test]
    fn too_many_groups_are_rejected() {
        let many: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
        let error = made(&settings(), json!({ "groups": many })).unwrap_err();
        assert_eq!(reason(error), RejectReason::Claims);
    }
}
