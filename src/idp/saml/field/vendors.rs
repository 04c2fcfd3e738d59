//! Assertions in the format of each vendor work without `claims` in the configuration.

use rolecall_core::identity::EmailAddress;

use super::*;

/// An assertion of a vendor about alice.
struct VendorResponse {
    vendor: &'static str,
    /// `NameID/@Format` after the common prefix, and its text.
    name_id: (&'static str, &'static str),
    /// `AuthnContextClassRef`
    context: &'static str,
    /// `Name`, `FriendlyName`, values.
    attributes: &'static [(&'static str, &'static str, &'static [&'static str])],
    groups: &'static [&'static str],
    mfa: bool,
}

const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";

const VENDORS: [VendorResponse; 7] = [
    VendorResponse {
        vendor: "AD FS",
        name_id: ("1.1:nameid-format:unspecified", "CORP\\alice"),
        context: PASSWORD,
        attributes: &[
            (
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
                "",
                &["alice@example.com"],
            ),
            (
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
                "",
                &["CORP\\alice"],
            ),
            (
                "http://schemas.xmlsoap.org/claims/Group",
                "",
                &["AWS-Payments", "Domain Users"],
            ),
            (
                "http://schemas.microsoft.com/claims/authnmethodsreferences",
                "",
                &[
                    PASSWORD,
                    "http://schemas.microsoft.com/claims/multipleauthn",
                ],
            ),
        ],
        groups: &["AWS-Payments", "Domain Users"],
        mfa: true,
    },
    VendorResponse {
        vendor: "Entra ID",
        name_id: (
            "2.0:nameid-format:persistent",
            "4f1f8e5b-2c11-4e52-b0d9-0d2f5a3c7b1e",
        ),
        context: "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
        attributes: &[
            (
                "http://schemas.microsoft.com/identity/claims/tenantid",
                "",
                &["2f1c0a52-7d0f-4c1e-9b0e-3d1a5a1f7c11"],
            ),
            (
                "http://schemas.microsoft.com/identity/claims/displayname",
                "",
                &["Alice Example"],
            ),
            (
                "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
                "",
                &["8ce9e1b1-29bd-4f43-8a3c-8d1c4f4a4a51"],
            ),
            (
                "http://schemas.microsoft.com/claims/authnmethodsreferences",
                "",
                &[
                    "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password",
                    "http://schemas.microsoft.com/claims/multipleauthn",
                ],
            ),
            (
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
                "",
                &["alice@example.com"],
            ),
        ],
        groups: &["8ce9e1b1-29bd-4f43-8a3c-8d1c4f4a4a51"],
        mfa: true,
    },
    VendorResponse {
        vendor: "Okta",
        name_id: ("2.0:nameid-format:persistent", "alice@example.com"),
        context: PASSWORD,
        attributes: &[
            ("email", "", &["alice@example.com"]),
            ("name", "", &["Alice Example"]),
            ("groups", "", &["aws-payments"]),
        ],
        groups: &["aws-payments"],
        mfa: false,
    },
    VendorResponse {
        vendor: "OneLogin",
        name_id: ("1.1:nameid-format:emailAddress", "alice@example.com"),
        context: PASSWORD,
        attributes: &[
            ("User.FirstName", "", &["Alice"]),
            ("groups", "", &["aws-payments", "Everyone"]),
            ("memberOf", "", &[]),
        ],
        groups: &["aws-payments", "Everyone"],
        mfa: false,
    },
    VendorResponse {
        vendor: "JumpCloud",
        name_id: ("1.1:nameid-format:unspecified", "5e9f1b1a2c3d4e5f6a7b8c9d"),
        context: UNSPECIFIED,
        attributes: &[
            ("email", "email", &["alice@example.com"]),
            ("groups", "", &["aws-payments"]),
        ],
        groups: &["aws-payments"],
        mfa: false,
    },
    VendorResponse {
        vendor: "Keycloak",
        name_id: (
            "2.0:nameid-format:persistent",
            "G-f3c2a9d0-2b1e-4f6a-9c55-7d1f0a2b3c4d",
        ),
        context: UNSPECIFIED,
        attributes: &[
            (
                "urn:oid:1.2.840.113549.1.9.1",
                "email",
                &["alice@example.com"],
            ),
            ("groups", "member", &["aws-payments"]),
            ("Role", "", &["offline_access", "uma_authorization"]),
        ],
        groups: &["aws-payments"],
        mfa: false,
    },
    VendorResponse {
        vendor: "Shibboleth",
        name_id: ("2.0:nameid-format:persistent", "ZXhhbXBsZS1wYWlyd2lzZQ=="),
        context: "https://refeds.org/profile/mfa",
        attributes: &[
            (
                "urn:oid:0.9.2342.19200300.100.1.3",
                "mail",
                &["alice@example.com"],
            ),
            (
                "urn:oid:2.16.840.1.113730.3.1.241",
                "displayName",
                &["Alice Example"],
            ),
            (
                "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
                "groups",
                &["aws-payments"],
            ),
        ],
        groups: &["aws-payments"],
        mfa: true,
    },
];

#[test]
fn assertion_of_each_vendor_signs_in() {
    let mut settings = settings();
    settings.domains = vec![rolecall_core::identity::EmailDomain::parse("example.com").unwrap()];
    for sent in VENDORS {
        let vendor = sent.vendor;
        let attribute = |(name, friendly, values): &(&str, &str, &[&str])| {
            super::attributes::attribute(name, friendly, values)
        };
        let attributes: String = sent.attributes.iter().map(attribute).collect();
        let xml = draft();
        let (start, end) = ("<saml:AttributeStatement>", "</saml:AttributeStatement>");
        let from = xml.find(start).unwrap() + start.len();
        let xml = format!(
            "{}{attributes}{}",
            &xml[..from],
            &xml[xml.find(end).unwrap()..]
        );
        let (format, name) = sent.name_id;
        let xml = xml
            .replace("2.0:nameid-format:persistent", format)
            .replace(">alice<", &format!(">{name}<"))
            .replace(PASSWORD_IN_DRAFT, &format!(">{}<", sent.context));
        for how in [Signed::Response, Signed::Assertion, Signed::Both] {
            let verified = posted(&signed(&xml, how), &trust());
            let verified = verified.unwrap_or_else(|error| panic!("{vendor}: {error:?}"));
            let alice = identity::verified_sign_in(&settings, verified)
                .unwrap()
                .identity;
            assert_eq!(alice.subject.as_str(), name, "{vendor}");
            let email = alice.email.as_ref().map(EmailAddress::as_str);
            assert_eq!(email, Some("alice@example.com"), "{vendor}");
            assert_eq!(alice.groups, sent.groups, "{vendor}");
            assert_eq!(alice.mfa, sent.mfa, "{vendor}");
        }
    }
}

/// The authentication context of the draft, between its tags.
const PASSWORD_IN_DRAFT: &str =
    ">urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport<";
