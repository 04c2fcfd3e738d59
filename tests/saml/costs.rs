//! Maximum cost of unauthenticated documents: the largest documents of all shapes that pass the guard, with the maximum
//! number of certificates.

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::x509::X509;
use rolecall_core::base::limits;
use rolecall_harness::saml_verifier::EXPECTED;
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::signature::Credential;
use rolecalld::idp::saml::{SamlPolicy, SamlTrust, verify};

use super::{Used, tell, trust};

const IDP: &str = "https://idp.example";
/// Maximum size of a decoded message in bytes.
const MESSAGE: usize = limits::SAML_MESSAGE_BYTES_MAX / 4 * 3;
const CPU_MAX_MS: u128 = 250;
const CERTIFICATES: usize = 8;

/// A response with an invalid signature around `content`.
struct Forged {
    root: String,
    prefixes: String,
    key_info: String,
    value: String,
    content: String,
}

impl Default for Forged {
    fn default() -> Self {
        Self {
            root: String::new(),
            prefixes: String::new(),
            key_info: String::new(),
            value: STANDARD.encode([1; 256]),
            content: String::new(),
        }
    }
}

impl Forged {
    fn xml(&self, method: &str) -> String {
        let Self {
            root,
            prefixes,
            key_info,
            value,
            content,
        } = self;
        let list = match prefixes.as_str() {
            "" => String::new(),
            list => format!(
                r#"<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="{list}"/>"#
            ),
        };
        format!(
            r##"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0" IssueInstant="2026-03-01T12:00:00Z"{root}><saml:Issuer>{IDP}</saml:Issuer><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">{list}</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#{method}"/><ds:Reference URI="#_r"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">{list}</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha512"/><ds:DigestValue>AAAA</ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue>{value}</ds:SignatureValue>{key_info}</ds:Signature><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion ID="_a" Version="2.0">{content}</saml:Assertion></samlp:Response>"##
        )
    }
}

/// As many elements as fit, at most `most`.
fn fill(room: usize, most: usize, each: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(room);
    for n in 0..most {
        let next = each(n);
        if text.len() + next.len() > room {
            break;
        }
        text.push_str(&next);
    }
    text
}

fn declared(count: usize) -> String {
    (0..count)
        .map(|n| format!(" xmlns:n{n}=\"u:{n}\""))
        .collect()
}

fn shapes() -> Vec<(&'static str, Forged)> {
    let room = MESSAGE - 8_000;
    let key_info = |inner: String| {
        format!(
            "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{inner}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        )
    };
    let deep = |each: &str| format!("{}{}", format!("<a{each}>").repeat(28), "</a>".repeat(28));
    let mut shapes = Vec::new();
    let mut add = |name, forged: Forged| shapes.push((name, forged));
    for (name, prefixes) in [
        ("a long list of prefixes", "n1 ".repeat(room / 4 / 3)),
        (
            "a long list of prefixes that are not declared",
            fill(room / 2, room, |n| format!("p{n} ")),
        ),
        (
            "as many prefixes as pass",
            (0..16).map(|n| format!("n{n} ")).collect(),
        ),
        (
            "as many undeclared prefixes as pass",
            (0..16).map(|n| format!("undeclared{n} ")).collect(),
        ),
    ] {
        let content = fill(room - 2 * prefixes.len(), 4_900, |_| {
            "<a><b/></a>".to_owned()
        });
        add(
            name,
            Forged {
                root: declared(20),
                prefixes,
                content,
                ..Forged::default()
            },
        );
    }
    let prefixes = (0..16).map(|n| format!("n{n} ")).collect::<String>();
    add(
        "many prefixes at depth",
        Forged {
            root: declared(20),
            prefixes,
            content: fill(room, 170, |_| deep("")),
            ..Forged::default()
        },
    );
    for (name, count) in [
        ("attributes by prefix", 30),
        ("more attributes by prefix", 60),
    ] {
        let attributes: String = (0..count).map(|n| format!(" n{n}:a=\"\"")).collect();
        add(
            name,
            Forged {
                root: declared(count),
                content: fill(room, 4_900, |_| format!("<a{attributes}/>")),
                ..Forged::default()
            },
        );
        let attributes: String = (0..count).map(|n| format!(" a{n}=\"\"")).collect();
        add(
            "attributes without prefix",
            Forged {
                content: fill(room, 4_900, |_| format!("<a{attributes}/>")),
                ..Forged::default()
            },
        );
        let list = declared(count);
        add(
            "namespaces of each element",
            Forged {
                content: fill(room, 4_900, |_| format!("<n1:a{list}/>")),
                ..Forged::default()
            },
        );
        let used: String = (0..count / 2)
            .map(|n| format!(" xmlns:m{n}=\"u:{n}\" m{n}:a=\"\""))
            .collect();
        add(
            "namespaces of each element, used",
            Forged {
                content: fill(room, 4_900, |_| format!("<a{used}/>")),
                ..Forged::default()
            },
        );
    }
    add(
        "namespaces at depth",
        Forged {
            content: fill(room, 170, |_| deep(" xmlns:a=\"u:a\" a:b=\"\"")),
            ..Forged::default()
        },
    );
    add(
        "elements",
        Forged {
            content: fill(room, 4_900, |_| "<a>x</a>".to_owned()),
            ..Forged::default()
        },
    );
    add(
        "ids",
        Forged {
            content: fill(room, 4_900, |n| format!("<a Id=\"i{n}\"/>")),
            ..Forged::default()
        },
    );
    add(
        "text",
        Forged {
            content: "x".repeat(room),
            ..Forged::default()
        },
    );
    add(
        "references to characters",
        Forged {
            content: "&#xD;".repeat(room / 5),
            ..Forged::default()
        },
    );
    add(
        "a long attribute",
        Forged {
            content: format!("<a b=\"{}\"/>", "x".repeat(room)),
            ..Forged::default()
        },
    );
    add(
        "long attributes",
        Forged {
            content: fill(room, 4_900, |_| {
                format!("<a b=\"{}\"/>", "&#x9;".repeat(1_500))
            }),
            ..Forged::default()
        },
    );
    add(
        "a long certificate",
        Forged {
            key_info: key_info("A".repeat(room)),
            ..Forged::default()
        },
    );
    add(
        "white space in a certificate",
        Forged {
            key_info: key_info("A \n".repeat(room / 3)),
            ..Forged::default()
        },
    );
    add(
        "many certificates",
        Forged {
            key_info: key_info("A</ds:X509Certificate><ds:X509Certificate>".repeat(room / 50)),
            ..Forged::default()
        },
    );
    add(
        "a long signature value",
        Forged {
            value: "A".repeat(room),
            ..Forged::default()
        },
    );
    add(
        "white space in a signature value",
        Forged {
            value: "A \n".repeat(room / 3),
            ..Forged::default()
        },
    );
    shapes
}

fn provider(algorithm: Algorithm) -> Result<SamlTrust> {
    let mut certificates: Vec<X509> = Vec::new();
    for _ in 0..CERTIFICATES {
        certificates.push(Credential::generate(algorithm)?.certificate().clone());
    }
    Ok(trust(IDP, &certificates, SamlPolicy::default())?)
}

#[test]
fn unauthenticated_documents_have_bounded_cost() -> Result<()> {
    for (algorithm, method) in [
        (Algorithm::Rs256, "rsa-sha512"),
        (Algorithm::Es256, "ecdsa-sha512"),
    ] {
        let trust = provider(algorithm)?;
        for (name, forged) in shapes() {
            let xml = forged.xml(method);
            ensure!(xml.len() <= MESSAGE, "{name} has {} bytes", xml.len());
            let posted = STANDARD.encode(&xml);
            let now = ManualClock::starting_now().now();
            let (used, ended) = Used::by(|| verify(&posted, &trust, now, &EXPECTED))?;
            let refusal = ended.err().map(|error| format!("{error:?}"));
            let refusal: String = refusal.unwrap_or_default().chars().take(120).collect();
            let ms = used.cpu.as_millis();
            tell(&format!(
                "{ms:4} ms, {} kB: {name}, {method}: {refusal}",
                xml.len() / 1_000
            ));
            ensure!(ms < CPU_MAX_MS, "{name} costs {ms} ms");
        }
    }
    Ok(())
}
