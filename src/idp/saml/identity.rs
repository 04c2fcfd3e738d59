//! From a verified assertion to an [`Identity`]: attributes become claims; e-mail, name, groups, second factor.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::identity::{AuthTime, Evidence, Identity, InvalidClaims, ReadClaims};
use rolecall_core::sign_in::{ProviderError, RejectReason, ReplayKey, VerifiedSignIn};

use super::assertion::{Attribute, VerifiedAssertion, named, the_one};
use super::settings::SamlSettings;
use super::xml::trimmed;
use crate::idp::address;

/// Entra ID's stand-in for groups that are too many: the address where they could be asked for.
const OVERAGE: &str = "http://schemas.microsoft.com/claims/groups.link";
/// How somebody signed in, as Entra ID and ADFS say it, and as others do.
const METHODS: [&str; 2] = [
    "http://schemas.microsoft.com/claims/authnmethodsreferences",
    "amr",
];
/// Means nothing from one sign-in to the next (SAML Core 8.3.8).
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const EMAIL_ADDRESS: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// Makes the identity, and names what vouched for it.
///
/// # Errors
/// [`RejectReason::Subject`], [`RejectReason::TooManyGroups`], [`RejectReason::Claims`].
pub fn vouched(
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
            "the NameID is transient, so it does not say who this is: let the provider send a persistent one or an \
             e-mail address, or name an attribute with saml.subject_attribute",
        ));
    }
    if !matches!(named(&verified.attributes, OVERAGE), Ok(None)) {
        return Err(ProviderError::rejected(
            RejectReason::TooManyGroups,
            "the provider left the groups out because there are too many; let it send only the groups assigned to this \
             application (Entra ID: Attributes & Claims, group claim, \"Groups assigned to the application\")",
        ));
    }
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
    let groups = first(&settings.attributes.groups).map_err(refused)?;
    let mut addresses = first(&settings.attributes.email).map_err(refused)?;
    // No address has white space at an end.
    for address in &mut addresses {
        *address = trimmed(address).to_owned();
    }
    if addresses.is_empty() && format == Some(EMAIL_ADDRESS) {
        addresses.extend(verified.name_id.iter().map(|name| name.value.clone()));
    }
    let (email, untrusted_email) =
        address::judged(&settings.id, &addresses, None, &settings.domains);
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
        once: Some(ReplayKey {
            digest: verified.digest,
            until: verified.not_on_or_after,
        }),
    })
}

fn refused(error: InvalidClaims) -> ProviderError {
    ProviderError::rejected(RejectReason::Claims, error.to_string())
}

/// Every attribute under its `Name` and under each `FriendlyName`.
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
        let one = the_one(attributes.into_iter());
        let values = one.and_then(|one| match one.map(|one| (one.unread, &one.values)) {
            Some((Some(why), _)) => Err(why),
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
    fn attributes_become_what_they_mean_under_any_of_their_usual_names() {
        let mut settings = settings();
        settings.domains = vec![EmailDomain::parse("example.com").unwrap()];
        let said = verified(
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
        let vouched = vouched(&settings, said).unwrap();
        let identity = vouched.identity;
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
        assert!(!identity.mfa && vouched.once.is_some());
    }

    #[test]
    fn an_address_is_believed_in_the_providers_domains_only() {
        let mut settings = settings();
        let said = || verified(EMAIL_ADDRESS, vec![]);
        let identity = vouched(&settings, said()).unwrap().identity;
        let untrusted = identity.untrusted_email.map(|one| one.reason());
        assert_eq!(
            (identity.email, untrusted),
            (None, Some(UntrustedEmailReason::OtherDomain))
        );
        settings.domains = vec![EmailDomain::parse("example.com").unwrap()];
        let email = vouched(&settings, said()).unwrap().identity.email;
        assert!(email.is_some(), "a NameID that is an address is one");
        let two = || {
            vec![attribute(
                "email",
                None,
                &["a@example.com", "b@example.com"],
            )]
        };
        for format in ["x", EMAIL_ADDRESS] {
            let said = verified(format, two());
            let identity = vouched(&settings, said).unwrap().identity;
            assert!(
                identity.email.is_none(),
                "of two nobody knows which, and the NameID is neither"
            );
            let untrusted = identity.untrusted_email.map(|one| one.reason());
            assert_eq!(untrusted, Some(UntrustedEmailReason::Several));
        }
    }

    #[test]
    fn a_transient_name_is_nobody_unless_an_attribute_says_who() {
        let mut settings = settings();
        let error = vouched(&settings, verified(TRANSIENT, vec![])).unwrap_err();
        assert_eq!(reason(&error), "subject");
        settings.options.policy.subject_attribute = Some("uid".to_owned());
        assert!(vouched(&settings, verified(TRANSIENT, vec![])).is_ok());
    }

    #[test]
    fn a_second_factor_is_what_is_configured() {
        let settings = settings();
        let mfa = |said: VerifiedAssertion| vouched(&settings, said).unwrap().identity.mfa;
        let mut said = verified("x", vec![]);
        said.authn_context =
            Some("urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport".to_owned());
        assert!(!mfa(said.clone()));
        said.authn_context = Some("https://refeds.org/profile/mfa".to_owned());
        assert!(mfa(said));
        let method = |value: &str| verified("x", vec![attribute(METHODS[0], None, &["x", value])]);
        assert!(mfa(method(
            "http://schemas.microsoft.com/claims/multipleauthn"
        )));
        assert!(!mfa(method(
            "http://schemas.microsoft.com/claims/MultipleAuthn"
        )));
    }

    #[test]
    fn groups_left_out_for_being_too_many_are_a_refusal() {
        let said = verified("x", vec![attribute(OVERAGE, None, &["https://graph"])]);
        let error = vouched(&settings(), said).unwrap_err();
        assert_eq!(reason(&error), "too_many_groups");
    }

    #[test]
    fn what_cannot_be_read_refuses_where_something_depends_on_it() {
        let unread = |name: &str| Attribute {
            unread: Some(UnreadReason::Object),
            ..attribute(name, None, &[])
        };
        for name in ["groups", "http://schemas.xmlsoap.org/claims/Group", "mail"] {
            let error = vouched(&settings(), verified("x", vec![unread(name)])).unwrap_err();
            assert_eq!(reason(&error), "claims", "{name}");
        }
        let twins = vec![
            attribute("urn:a", Some("groups"), &["dev"]),
            attribute("urn:b", Some("groups"), &["contractors"]),
        ];
        let error = vouched(&settings(), verified("x", twins)).unwrap_err();
        assert_eq!(reason(&error), "claims");
        let others = vec![unread("name"), unread("address")];
        let identity = vouched(&settings(), verified("x", others))
            .unwrap()
            .identity;
        assert_eq!(identity.unread_claim("address"), Some(UnreadReason::Object));
    }

    #[test]
    fn a_friendly_name_never_takes_the_place_of_another() {
        let said = verified(
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
            assert!(said.values(name).is_err(), "{name}");
        }
        let identity = vouched(&settings(), said).unwrap().identity;
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
