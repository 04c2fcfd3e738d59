//! Converts a verified assertion to an [`Identity`]: attributes become claims; e-mail address, name, groups, MFA.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::identity::{AuthTime, Evidence, Identity, InvalidClaims, ReadClaims};
use rolecall_core::sign_in::{
    GroupsOverage, ProviderError, RejectReason, ReplayKey, VerifiedSignIn,
};

use super::assertion::{Attribute, VerifiedAssertion, named, select_unambiguous};
use super::settings::SamlSettings;
use super::xml::trimmed;
use crate::idp::address;
use crate::idp::step_up::record_unconfirmed;

/// The attribute that Entra ID sends instead of too many groups.
const OVERAGE: &str = "http://schemas.microsoft.com/claims/groups.link";
/// Authentication methods: the names used by Entra ID and ADFS, and by others.
const METHODS: [&str; 2] = [
    "http://schemas.microsoft.com/claims/authnmethodsreferences",
    "amr",
];
/// Differs for each sign-in (SAML Core 8.3.8).
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const EMAIL_ADDRESS: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// Builds the identity and its evidence.
///
/// # Errors
/// [`RejectReason::Subject`], [`RejectReason::Claims`].
pub fn verified_sign_in(
    settings: &SamlSettings,
    verified: VerifiedAssertion,
) -> Result<VerifiedSignIn, ProviderError> {
    let format = verified
        .name_id
        .as_ref()
        .and_then(|name| name.format.as_deref());
    if format == Some(TRANSIENT) && settings.options.policy.subject_attribute.is_none() {
        return Err(ProviderError::rejected(
            RejectReason::Subject,
            "a transient NameID does not identify the user: configure the provider to send a persistent NameID or an \
             e-mail address, or set saml.subject_attribute",
        ));
    }
    let is_overage = !matches!(named(&verified.attributes, OVERAGE), Ok(None));
    let groups_overage = is_overage.then_some(GroupsOverage {
        advice: "the provider omitted the groups because there are too many; configure it to send only the groups assigned to this \
             application (Entra ID: Attributes & Claims, group claim, \"Groups assigned to the application\")",
    });
    // The first of these attributes that has values.
    let first = |names: &[String]| -> Result<Vec<String>, InvalidClaims> {
        for name in names {
            let values = verified.values(name)?;
            if !values.is_empty() {
                return Ok(values.to_vec());
            }
        }
        Ok(Vec::new())
    };
    // Fewer groups must not be taken for all.
    let groups = match &groups_overage {
        Some(_) => Vec::new(),
        None => first(&settings.attributes.groups).map_err(refused)?,
    };
    let mut addresses = first(&settings.attributes.email).map_err(refused)?;
    // Trailing white space is not part of an address.
    for address in &mut addresses {
        *address = trimmed(address).to_owned();
    }
    if addresses.is_empty() && format == Some(EMAIL_ADDRESS) {
        addresses.extend(verified.name_id.iter().map(|name| name.value.clone()));
    }
    let (email, untrusted_email) =
        address::decide(&settings.id, &addresses, None, &settings.domains);
    let name = match first(&settings.attributes.name).as_deref() {
        Ok([name]) => Some(name.clone()),
        Ok(_) | Err(_) => None,
    };
    let context = verified.authn_context.as_ref();
    let by_context = context.is_some_and(|context| settings.mfa.acr.contains(context));
    let by_method = METHODS
        .iter()
        .flat_map(|name| verified.values(name).unwrap_or_default())
        .any(|method| settings.mfa.amr.contains(method));
    let (claims, unread_claims) = claims(&verified).into_parts();
    let identity = Identity {
        provider: settings.id.clone(),
        email,
        untrusted_email,
        name,
        groups,
        claims,
        unread_claims,
        mfa: by_context || by_method,
        unconfirmed_mfa: None,
        asserted_at: verified.authn_instant,
        auth_time: AuthTime::Stated,
        evidence: Evidence::SamlAssertion {
            name_id: verified.name_id,
            session_index: verified.session_index,
            ends_at: verified.session_not_on_or_after,
        },
        subject: verified.subject,
    };
    Ok(VerifiedSignIn {
        identity,
        replay_key: Some(ReplayKey {
            digest: verified.digest,
            until: verified.not_on_or_after,
        }),
        groups_overage,
        id_token: None,
    })
}

/// Records what the assertion states, if a second factor was requested and it states none.
pub fn record_unconfirmed_mfa(identity: &mut Identity, context: Option<String>) {
    let methods = METHODS
        .iter()
        .flat_map(|name| identity.claims.values(name))
        .map(str::to_owned)
        .collect();
    let context = context.into_iter().collect();
    let stated = [
        ("AuthnContextClassRef", context),
        ("authnmethodsreferences", methods),
    ];
    record_unconfirmed(identity, "the assertion", &stated);
}

fn refused(error: InvalidClaims) -> ProviderError {
    ProviderError::rejected(RejectReason::Claims, error.to_string())
}

/// All attributes under their `Name` and each `FriendlyName`.
fn claims(verified: &VerifiedAssertion) -> ReadClaims {
    let mut called: BTreeMap<&str, Vec<&Attribute>> = BTreeMap::new();
    for attribute in &verified.attributes {
        let names: BTreeSet<&String> = std::iter::once(&attribute.name)
            .chain(&attribute.friendly_names)
            .collect();
        for name in names {
            called.entry(name).or_default().push(attribute);
        }
    }
    let claims = called.into_iter().map(|(name, attributes)| {
        let one = select_unambiguous(attributes.into_iter());
        let values = one.and_then(|one| match one.map(|one| (one.unread, &one.values)) {
            Some((Some(reason), _)) => Err(reason),
            Some((None, values)) => Ok(values.clone()),
            None => Ok(Vec::new()),
        });
        (name.to_owned(), values)
    });
    ReadClaims::of(claims.collect())
}

#[cfg(test)]
mod tests {
    use super::super::assertion::Signed;
    use super::super::settings::tests::settings;
    use super::*;
    use chrono::DateTime;
    use rolecall_core::base::secret::SecretDigest;
    use rolecall_core::identity::{
        EmailDomain, NameId, Subject, UnreadReason, UntrustedEmailReason,
    };

    fn attribute(name: &str, friendly: Option<&str>, values: &[&str]) -> Attribute {
        Attribute {
            name: name.to_owned(),
            friendly_names: friendly.map(str::to_owned).into_iter().collect(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            unread: None,
        }
    }

    fn verified(format: &str, attributes: Vec<Attribute>) -> VerifiedAssertion {
        VerifiedAssertion {
            assertion_id: "_1".to_owned(),
            digest: SecretDigest::of("test", &[]),
            not_on_or_after: DateTime::UNIX_EPOCH,
            issuer: "https://idp.example".to_owned(),
            signed: Signed::Assertion,
            name_id: Some(NameId {
                value: "alice@example.com".to_owned(),
                format: Some(format.to_owned()),
                name_qualifier: None,
                sp_name_qualifier: None,
            }),
            subject: Subject::parse("alice@example.com").unwrap(),
            attributes,
            authn_instant: DateTime::UNIX_EPOCH,
            session_index: Some("s1".to_owned()),
            session_not_on_or_after: None,
            authn_context: None,
        }
    }

    fn reason(error: &ProviderError) -> &'static str {
        match error {
            ProviderError::Rejected { reason, .. } => reason.code(),
            ProviderError::Refused { .. }
            | ProviderError::Misconfigured(_)
            | ProviderError::Unavailable(_) => panic!("{error}"),
        }
    }

    #[test]
    fn common_attribute_names_are_recognized() {
        let mut settings = settings();
        settings.domains = vec![EmailDomain::parse("example.com").unwrap()];
        let assertion = verified(
            "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
            vec![
                attribute(
                    "urn:oid:0.9.2342.19200300.100.1.3",
                    Some("mail"),
                    &["Alice@Example.com"],
                ),
                attribute("displayName", None, &["Alice"]),
                attribute("http://schemas.xmlsoap.org/claims/Group", None, &["a", "b"]),
            ],
        );
        let verified_sign_in = verified_sign_in(&settings, assertion).unwrap();
        let identity = verified_sign_in.identity;
        assert_eq!(
            identity.email.map(|email| email.to_string()).as_deref(),
            Some("alice@example.com")
        );
        assert_eq!(identity.name.as_deref(), Some("Alice"));
        assert_eq!(identity.groups, ["a", "b"]);
        assert_eq!(
            identity.claims.values("mail").collect::<Vec<_>>(),
            ["Alice@Example.com"]
        );
        assert!(!identity.mfa && verified_sign_in.replay_key.is_some());
    }

    #[test]
    fn only_addresses_of_configured_domains_are_accepted() {
        let mut settings = settings();
        let assertion = || verified(EMAIL_ADDRESS, vec![]);
        let identity = verified_sign_in(&settings, assertion()).unwrap().identity;
        let untrusted = identity.untrusted_email.map(|one| one.reason());
        assert_eq!(
            (identity.email, untrusted),
            (None, Some(UntrustedEmailReason::OtherDomain))
        );
        settings.domains = vec![EmailDomain::parse("example.com").unwrap()];
        let email = verified_sign_in(&settings, assertion())
            .unwrap()
            .identity
            .email;
        assert!(email.is_some(), "an e-mail NameID is an address");
        let two = || {
            vec![attribute(
                "email",
                None,
                &["a@example.com", "b@example.com"],
            )]
        };
        for format in ["x", EMAIL_ADDRESS] {
            let assertion = verified(format, two());
            let identity = verified_sign_in(&settings, assertion).unwrap().identity;
            assert!(
                identity.email.is_none(),
                "two addresses are ambiguous, and NameID is no substitute"
            );
            let untrusted = identity.untrusted_email.map(|one| one.reason());
            assert_eq!(untrusted, Some(UntrustedEmailReason::Several));
        }
    }

    #[test]
    fn transient_name_id_requires_subject_attribute() {
        let mut settings = settings();
        let error = verified_sign_in(&settings, verified(TRANSIENT, vec![])).unwrap_err();
        assert_eq!(reason(&error), "subject");
        settings.options.policy.subject_attribute = Some("uid".to_owned());
        assert!(verified_sign_in(&settings, verified(TRANSIENT, vec![])).is_ok());
    }

    #[test]
    fn mfa_follows_the_configuration() {
        let settings = settings();
        let mfa = |assertion: VerifiedAssertion| {
            verified_sign_in(&settings, assertion).unwrap().identity.mfa
        };
        let mut assertion = verified("x", vec![]);
        assertion.authn_context =
            Some("urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport".to_owned());
        assert!(!mfa(assertion.clone()));
        assertion.authn_context = Some("https://refeds.org/profile/mfa".to_owned());
        assert!(mfa(assertion));
        let method = |value: &str| verified("x", vec![attribute(METHODS[0], None, &["x", value])]);
        assert!(mfa(method(
            "http://schemas.microsoft.com/claims/multipleauthn"
        )));
        assert!(!mfa(method(
            "http://schemas.microsoft.com/claims/MultipleAuthn"
        )));
    }

    #[test]
    fn groups_overage_is_rejected() {
        let some = attribute("groups", None, &["some"]);
        let link = attribute(OVERAGE, None, &["https://graph"]);
        let overage = verified_sign_in(&settings(), verified("x", vec![some, link])).unwrap();
        assert!(
            overage.identity.groups.is_empty(),
            "incomplete groups are not used"
        );
        let error = overage.require_groups().unwrap_err();
        assert_eq!(reason(&error), "too_many_groups");
    }

    #[test]
    fn unreadable_required_attributes_are_rejected() {
        let unread = |name: &str| Attribute {
            unread: Some(UnreadReason::Object),
            ..attribute(name, None, &[])
        };
        for name in ["groups", "http://schemas.xmlsoap.org/claims/Group", "mail"] {
            let error =
                verified_sign_in(&settings(), verified("x", vec![unread(name)])).unwrap_err();
            assert_eq!(reason(&error), "claims", "{name}");
        }
        let twins = vec![
            attribute("urn:a", Some("groups"), &["dev"]),
            attribute("urn:b", Some("groups"), &["contractors"]),
        ];
        let error = verified_sign_in(&settings(), verified("x", twins)).unwrap_err();
        assert_eq!(reason(&error), "claims");
        let others = vec![unread("name"), unread("address")];
        let identity = verified_sign_in(&settings(), verified("x", others))
            .unwrap()
            .identity;
        assert_eq!(identity.unread_claim("address"), Some(UnreadReason::Object));
    }

    #[test]
    fn friendly_name_never_shadows_a_name() {
        let assertion = verified(
            "x",
            vec![
                attribute("urn:a", Some("role"), &["evil"]),
                attribute("role", None, &["honest"]),
                attribute("urn:b", Some("both"), &["1"]),
                attribute("urn:c", Some("both"), &["2"]),
                attribute("urn:d", Some("same"), &["1", "2"]),
                attribute("same", Some("same"), &["2", "1"]),
                Attribute {
                    friendly_names: vec!["first".to_owned(), "second".to_owned()],
                    ..attribute("urn:e", None, &["e"])
                },
            ],
        );
        for name in ["role", "both"] {
            assert!(assertion.values(name).is_err(), "{name}");
        }
        let identity = verified_sign_in(&settings(), assertion).unwrap().identity;
        for name in ["role", "both"] {
            assert_eq!(
                identity.unread_claim(name),
                Some(UnreadReason::Ambiguous),
                "{name}"
            );
            assert!(identity.claims.values(name).len() == 0);
        }
        let claims = identity.claims;
        assert!(claims.values("same").eq(["1", "2"]));
        assert!(claims.values("urn:a").eq(["evil"]));
        for name in ["urn:e", "first", "second"] {
            assert!(claims.values(name).eq(["e"]), "{name}");
        }
    }
}
