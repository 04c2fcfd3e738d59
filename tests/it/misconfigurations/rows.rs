//! The configuration errors.

use std::fs;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::x509::X509;
use rolecall_harness::{SamlStackSettings, TestStack, TestStackSettings};
use rolecall_testkit::certificate::CertificateAuthority;
use rolecall_testkit::clock;
use rolecall_testkit::keys::{Algorithm, SigningKey};
use rolecall_testkit::oidc::variation::Variation;
use rolecall_testkit::oidc::{EndpointFault, Fault, GroupsClaim, OidcClient};
use rolecall_testkit::proxy::TlsFront;
use rolecall_testkit::saml::fault::{Fault as SamlFault, Statement};
use serde_json::Map;

use super::Output::{Check, Log, Online, Page};
use super::{Misconfiguration, Visit, replace};

fn as_usual(_: &mut TestStackSettings) {}

fn unchanged(_: &TestStack) -> Result<Option<TlsFront>> {
    Ok(None)
}

fn with_saml(settings: &mut TestStackSettings) {
    settings.saml = Some(SamlStackSettings::default());
    settings.access = rolecall_harness::sample_data::access_policy_for_both_providers();
}

/// Advances all clocks except that of the gateway process.
fn ahead(settings: &mut TestStackSettings, by: TimeDelta) {
    let now = clock::system();
    settings.clock = std::sync::Arc::new(move || now() + by);
}

/// Replaces the certificate in the metadata by one of the same key that has expired.
fn let_certificate_expire(stack: &TestStack) -> Result<Option<TlsFront>> {
    let path = stack.folder().join("saml.xml");
    let metadata = fs::read_to_string(&path)?;
    let (before, rest) = metadata
        .split_once("X509Certificate>")
        .context("a certificate")?;
    let (base64, after) = rest.split_once("</").context("its end")?;
    let ours = X509::from_der(&STANDARD.decode(base64.split_whitespace().collect::<String>())?)?;
    let mut expired = X509::builder()?;
    expired.set_version(2)?;
    expired.set_subject_name(ours.subject_name())?;
    expired.set_issuer_name(ours.subject_name())?;
    expired.set_pubkey(&*ours.public_key()?)?;
    let day = 24 * 60 * 60;
    let now = clock::system()().timestamp();
    expired.set_not_before(&*Asn1Time::from_unix(now - 10 * day)?)?;
    expired.set_not_after(&*Asn1Time::from_unix(now - day)?)?;
    expired.sign(
        SigningKey::generate(Algorithm::Rs256)?.private_key(),
        MessageDigest::sha256(),
    )?;
    let certificate = STANDARD.encode(expired.build().to_der()?);
    fs::write(
        path,
        format!("{before}X509Certificate>{certificate}</{after}"),
    )?;
    Ok(None)
}

/// Moves the provider to a server whose certificate is not trusted.
fn behind_a_private_authority(stack: &TestStack) -> Result<Option<TlsFront>> {
    let authority = CertificateAuthority::generate()?;
    let front = TlsFront::start(&authority, &["localhost"], &stack.provider.url())?;
    let issuer = format!("https://localhost:{}", front.address().port());
    replace(stack, &stack.provider.issuer(), &issuer)?;
    Ok(Some(front))
}

const SIGN_IN: Visit = Visit::SignIn("example");
const SIGN_IN_BY_SAML: Visit = Visit::SignIn("corporate");

pub(super) const MISCONFIGURATIONS: [Misconfiguration; 15] = [
    Misconfiguration {
        name: "wrong client secret",
        settings: as_usual,
        change: |stack| {
            fs::write(stack.folder().join("client.secret"), "an old one")?;
            Ok(None)
        },
        visit: SIGN_IN,
        later: None,
        expected: &[
            (Online, "the token endpoint at"),
            (Log, "invalid_client"),
            (Page, "Sign-in is not configured correctly"),
        ],
        next: (
            Online,
            "check client_id, client_secret and client_authentication",
        ),
    },
    Misconfiguration {
        name: "redirect URI",
        settings: as_usual,
        change: |stack| {
            let id = rolecall_harness::sample_data::CLIENT_ID;
            let secret = rolecall_harness::sample_data::CLIENT_SECRET;
            stack
                .provider
                .register(OidcClient::new(id, secret, "https://old.example/callback"));
            Ok(None)
        },
        visit: SIGN_IN,
        later: None,
        expected: &[
            (Check, "provider example: values to register"),
            (
                Page,
                "The redirect URI is not registered for this application",
            ),
        ],
        next: (Check, "  redirect URI           http://127.0.0.1:"),
    },
    Misconfiguration {
        name: "issuer without its slash",
        settings: as_usual,
        change: |stack| {
            let issuer = format!("{}/", stack.provider.issuer());
            stack.provider.set_variation(Variation {
                discovery: Map::from_iter([("issuer".to_owned(), issuer.into())]),
                ..Variation::default()
            });
            Ok(None)
        },
        visit: SIGN_IN,
        later: None,
        expected: &[
            (Online, "the issuer in the discovery document is"),
            (Log, "provider_misconfigured"),
            (Page, "Trying again does not help"),
        ],
        next: (Online, "they must be identical"),
    },
    Misconfiguration {
        name: "another entity ID at the provider",
        settings: |settings| {
            with_saml(settings);
            settings.saml = settings.saml.take().map(|mut saml| {
                saml.provider.faults = vec![SamlFault::Statement(Statement::WrongAudience)];
                saml
            });
        },
        change: unchanged,
        visit: SIGN_IN_BY_SAML,
        later: None,
        expected: &[
            (Check, "entity ID (audience)"),
            (Log, "the audience of the assertion is"),
            (Page, "check: audience"),
        ],
        next: (Log, "configure it as audience at the provider"),
    },
    Misconfiguration {
        name: "expired certificate",
        settings: with_saml,
        change: let_certificate_expire,
        visit: SIGN_IN_BY_SAML,
        later: None,
        expected: &[
            (Online, "signing certificate of the provider expired on"),
            (Page, "payments-prod"),
        ],
        next: (
            Check,
            "update the metadata when the provider has a new certificate",
        ),
    },
    Misconfiguration {
        name: "metadata of another tenant",
        settings: with_saml,
        change: |stack| {
            let path = stack.folder().join("saml.xml");
            let metadata = fs::read_to_string(&path)?;
            let (ours, other) = (
                "entityID=\"http",
                "entityID=\"https://other-tenant.example/http",
            );
            fs::write(path, metadata.replacen(ours, other, 1))?;
            Ok(None)
        },
        visit: SIGN_IN_BY_SAML,
        later: None,
        expected: &[
            (Log, "but the metadata belongs to"),
            (Page, "check: issuer"),
        ],
        next: (Log, "if this is the correct provider, update its metadata"),
    },
    Misconfiguration {
        name: "no groups claim",
        settings: |settings| settings.provider.groups = GroupsClaim::Omitted,
        change: unchanged,
        visit: SIGN_IN,
        later: None,
        expected: &[
            (Page, "Groups Example ID sent no groups"),
            (Page, "Claims received amr, at_hash"),
        ],
        next: (
            Page,
            "Identity providers send groups only if they are configured to",
        ),
    },
    Misconfiguration {
        name: "a clock that is off",
        settings: |settings| ahead(settings, TimeDelta::minutes(7)),
        change: unchanged,
        visit: SIGN_IN,
        later: None,
        expected: &[
            (Log, "s in the future, allowed are 60 s"),
            (Page, "check: not_yet_valid"),
        ],
        next: (
            Log,
            "synchronize the clock of this host and of the provider, or set leeway",
        ),
    },
    Misconfiguration {
        name: "plain http",
        settings: as_usual,
        change: |stack| {
            let url = format!("public_url = \"{}\"", stack.url());
            replace(stack, &url, "public_url = \"http://sso.example.com\"")?;
            Ok(None)
        },
        visit: Visit::Nobody,
        later: None,
        expected: &[
            (Online, "invalid `public_url`"),
            (Log, "invalid `public_url`"),
        ],
        next: (Check, "use https; http is allowed only on loopback"),
    },
    Misconfiguration {
        name: "a proxy that changes Host",
        settings: as_usual,
        change: unchanged,
        visit: Visit::OtherHost,
        later: None,
        expected: &[
            (
                Log,
                "Host internal.example:8080; public_url is http://127.0.0.1:",
            ),
            (
                Page,
                "This portal is not served at the address that you used",
            ),
        ],
        next: (
            Log,
            "A reverse proxy must forward the Host header of the browser",
        ),
    },
    Misconfiguration {
        name: "a proxy that sends another X-Forwarded-Proto, which is not read",
        settings: as_usual,
        change: unchanged,
        visit: Visit::ForwardedProto,
        later: None,
        expected: &[(
            Page,
            "redirect_uri={public_url}%2Fsign-in%2Fexample%2Fcallback",
        )],
        next: (Check, "redirect URI"),
    },
    Misconfiguration {
        name: "private CA",
        settings: as_usual,
        change: behind_a_private_authority,
        visit: SIGN_IN,
        later: None,
        expected: &[
            (Online, "invalid peer certificate: UnknownIssuer"),
            (Log, "add its PEM file to [egress] ca"),
            (Page, "Sign-in is not configured correctly"),
        ],
        next: (Online, "add its PEM file to [egress] ca"),
    },
    Misconfiguration {
        name: "provider down at startup",
        settings: |settings| {
            settings.provider.faults = vec![Fault::Discovery(EndpointFault::ServerError)]
        },
        change: unchanged,
        visit: SIGN_IN,
        later: None,
        expected: &[
            (Online, "the discovery document at http://127.0.0.1:"),
            (Log, "returned status 500"),
            (Page, "Identity provider unavailable"),
        ],
        next: (Page, "Try again in a minute"),
    },
    Misconfiguration {
        name: "provider down later",
        settings: as_usual,
        change: unchanged,
        visit: SIGN_IN,
        later: Some(|stack| {
            stack
                .provider
                .inject_fault(Fault::TokenEndpoint(EndpointFault::ServerError))
        }),
        expected: &[
            (Log, "the token endpoint at http://127.0.0.1:"),
            (Page, "Identity provider unavailable"),
        ],
        next: (Page, "Try again in a minute"),
    },
    Misconfiguration {
        name: "a clock in another time zone",
        settings: |settings| ahead(settings, TimeDelta::hours(2)),
        change: unchanged,
        visit: SIGN_IN,
        later: None,
        expected: &[(Log, "s in the future"), (Page, "check: not_yet_valid")],
        next: (Log, "one of them uses local time instead of UTC"),
    },
];
