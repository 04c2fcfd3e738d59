//! A provider for the tests of this module: keys, metadata, and responses that are signed after modification.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::encrypt::Encrypter;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::symm::{Cipher, encrypt, encrypt_aead};
use openssl::x509::X509;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use samael::crypto::{Crypto, CryptoProvider as _};

use super::{DecryptionKeys, Expected, SamlPolicy, SamlTrust, Signed, TrustOptions};
use super::{VerifiedAssertion, verify};

pub const IDP: &str = "https://idp.example/saml";
pub const SP: &str = "https://gateway.example/sign-in/okta/metadata";
pub const ACS: &str = "https://gateway.example/sign-in/okta/acs";
pub const REQUEST: &str = "_0123456789abcdef";

pub struct Party {
    pub key: PKey<Private>,
    pub certificate: X509,
}

impl Party {
    fn new(key: PKey<Private>) -> Self {
        let mut builder = X509::builder().unwrap();
        builder.set_pubkey(&key).unwrap();
        let (from, until) = (Asn1Time::from_unix(0), Asn1Time::from_unix(86_400));
        builder.set_not_before(&from.unwrap()).unwrap();
        builder.set_not_after(&until.unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self {
            certificate: builder.build(),
            key,
        }
    }

    pub fn rsa(bits: u32) -> Self {
        Self::new(PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap())
    }

    pub fn elliptic() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        Self::new(PKey::from_ec_key(key).unwrap())
    }

    pub fn certificate_text(&self) -> String {
        STANDARD.encode(self.certificate.to_der().unwrap())
    }

    /// Signs the first `ds:Signature` of the document.
    pub fn sign(&self, xml: &str) -> String {
        Crypto::sign_xml(xml, &self.key.private_key_to_der().unwrap()).unwrap()
    }
}

pub static PROVIDER: LazyLock<Party> = LazyLock::new(|| Party::rsa(2048));
pub static STRANGER: LazyLock<Party> = LazyLock::new(|| Party::rsa(2048));
/// Our own key, for decryption.
pub static OWN: LazyLock<Party> = LazyLock::new(|| Party::rsa(2048));
pub static ELLIPTIC: LazyLock<Party> = LazyLock::new(Party::elliptic);

pub fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-01T12:00:30Z")
        .unwrap()
        .to_utc()
}

pub fn metadata(certificates: &[&str]) -> String {
    let keys: String = certificates
        .iter()
        .map(|text| {
            format!(
                r#"<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{text}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#
            )
        })
        .collect();
    format!(
        r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_m" entityID="{IDP}"><md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/slo" ResponseLocation="https://idp.example/slo-done"/><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso?tenant=1"/></md:IDPSSODescriptor></md:EntityDescriptor>"#
    )
}

pub fn trust_with(policy: SamlPolicy) -> SamlTrust {
    let (rsa, ec) = (PROVIDER.certificate_text(), ELLIPTIC.certificate_text());
    let options = TrustOptions {
        policy,
        ..TrustOptions::default()
    };
    SamlTrust::parse(&metadata(&[&ec, &rsa]), &options).unwrap()
}

pub fn trust() -> SamlTrust {
    let pem = OWN.key.private_key_to_pem_pkcs8().unwrap();
    let other = STRANGER.key.private_key_to_pem_pkcs8().unwrap();
    trust_with(SamlPolicy {
        decryption_keys: DecryptionKeys::from_pem([other.as_slice(), pem.as_slice()]).unwrap(),
        ..SamlPolicy::default()
    })
}

pub fn expected() -> Expected<'static> {
    Expected {
        recipients: &[ACS],
        audiences: &[SP],
        in_response_to: Some(REQUEST),
        fresh_since: None,
    }
}

/// Placeholders of signatures.
const RESPONSE_SIGNATURE: &str = "{{response}}";
const ASSERTION_SIGNATURE: &str = "{{assertion}}";

/// A response without signatures.
pub fn draft() -> String {
    format!(
        r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0" IssueInstant="2026-03-01T12:00:00Z" Destination="{ACS}" InResponseTo="{REQUEST}"><saml:Issuer>{IDP}</saml:Issuer>{RESPONSE_SIGNATURE}<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a" Version="2.0" IssueInstant="2026-03-01T12:00:00Z"><saml:Issuer>{IDP}</saml:Issuer>{ASSERTION_SIGNATURE}<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" SPNameQualifier="{SP}">alice</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData Recipient="{ACS}" NotOnOrAfter="2026-03-01T12:05:00Z" InResponseTo="{REQUEST}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2026-03-01T11:59:00Z" NotOnOrAfter="2026-03-01T12:05:00Z"><saml:AudienceRestriction><saml:Audience>{SP}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="2026-03-01T11:59:50Z" SessionIndex="_s" SessionNotOnOrAfter="2026-03-01T20:00:00Z"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="urn:oid:0.9.2342.19200300.100.1.3" FriendlyName="mail"><saml:AttributeValue>alice@example.com</saml:AttributeValue></saml:Attribute><saml:Attribute Name="groups"><saml:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">dev</saml:AttributeValue><saml:AttributeValue>R&amp;D &lt;x&gt;</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>"#
    )
}

/// A signature without digest and value, for the element with this ID.
pub fn blank_signature(id: &str, method: &str, digest: &str) -> String {
    format!(
        r##"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="{method}"/><ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms><ds:DigestMethod Algorithm="{digest}"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>"##
    )
}

pub fn sha256_signature(id: &str) -> String {
    blank_signature(
        id,
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmlenc#sha256",
    )
}

/// A draft, signed by the provider.
pub fn signed(draft: &str, signed: Signed) -> String {
    let mut xml = draft.to_owned();
    if signed != Signed::Response {
        xml = xml.replace(ASSERTION_SIGNATURE, &sha256_signature("_a"));
        xml = PROVIDER.sign(&xml.replace(RESPONSE_SIGNATURE, "<rs/>"));
        xml = xml.replace("<rs/>", RESPONSE_SIGNATURE);
    }
    if signed != Signed::Assertion {
        let blank = sha256_signature("_r");
        xml = PROVIDER.sign(
            &xml.replace(RESPONSE_SIGNATURE, &blank)
                .replace(ASSERTION_SIGNATURE, ""),
        );
    }
    unsigned(&xml)
}

/// A draft without signatures.
pub fn unsigned(draft: &str) -> String {
    draft
        .replace(RESPONSE_SIGNATURE, "")
        .replace(ASSERTION_SIGNATURE, "")
}

/// Encrypts the assertion of a document for our key.
pub fn encrypted(xml: &str, how: Encryption) -> String {
    let start = xml.find("<saml:Assertion ").unwrap();
    let end = xml.find("</saml:Assertion>").unwrap() + "</saml:Assertion>".len();
    let sealed = how.element(&xml.as_bytes()[start..end]);
    format!("{}{sealed}{}", &xml[..start], &xml[end..])
}

#[derive(Clone, Copy)]
pub struct Encryption {
    pub cipher: &'static str,
    pub oaep: Option<&'static str>,
    pub beside: bool,
}

pub const GCM: Encryption = Encryption {
    cipher: "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    oaep: None,
    beside: false,
};
pub const CBC: Encryption = Encryption {
    cipher: "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    ..GCM
};

impl Encryption {
    pub fn element(self, plain: &[u8]) -> String {
        let bytes = if self.cipher.contains("256") { 32 } else { 16 };
        let (key, iv) = (vec![7; bytes], [9; 16]);
        let content = match (self.cipher.ends_with("gcm"), bytes) {
            (true, 16) => gcm(Cipher::aes_128_gcm(), &key, plain),
            (true, _) => gcm(Cipher::aes_256_gcm(), &key, plain),
            (false, 16) => [
                iv.to_vec(),
                encrypt(Cipher::aes_128_cbc(), &key, Some(&iv), plain).unwrap(),
            ]
            .concat(),
            (false, _) => [
                iv.to_vec(),
                encrypt(Cipher::aes_256_cbc(), &key, Some(&iv), plain).unwrap(),
            ]
            .concat(),
        };
        self.around(&self.wrapped(&key), &content)
    }

    pub fn around(self, wrapped: &[u8], content: &[u8]) -> String {
        let method = match self.oaep {
            None => r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>"#.to_owned(),
            Some(_) => r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/></xenc:EncryptionMethod>"#.to_owned(),
        };
        let key = format!(
            r#"<xenc:EncryptedKey Id="_k">{method}<xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"#,
            STANDARD.encode(wrapped)
        );
        let (within, after) = if self.beside {
            (r##"<ds:RetrievalMethod URI="#_k"/>"##.to_owned(), key)
        } else {
            (key, String::new())
        };
        format!(
            r#"<saml:EncryptedAssertion xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"><xenc:EncryptedData Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="{}"/><ds:KeyInfo>{within}</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>{after}</saml:EncryptedAssertion>"#,
            self.cipher,
            STANDARD.encode(content)
        )
    }

    pub fn wrapped(self, key: &[u8]) -> Vec<u8> {
        let mut encrypter = Encrypter::new(&OWN.key).unwrap();
        encrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
        if self.oaep.is_some() {
            encrypter.set_rsa_oaep_md(MessageDigest::sha256()).unwrap();
            encrypter.set_rsa_mgf1_md(MessageDigest::sha256()).unwrap();
        }
        let mut wrapped = vec![0; encrypter.encrypt_len(key).unwrap()];
        let written = encrypter.encrypt(key, &mut wrapped).unwrap();
        wrapped.truncate(written);
        wrapped
    }
}

fn gcm(cipher: Cipher, key: &[u8], plain: &[u8]) -> Vec<u8> {
    let (iv, mut tag) = ([9; 12], [0; 16]);
    let sealed = encrypt_aead(cipher, key, Some(&iv), &[], plain, &mut tag).unwrap();
    [iv.as_slice(), &sealed, &tag].concat()
}

/// Verifies a document as if it were posted.
pub fn posted(xml: &str, trust: &SamlTrust) -> Result<VerifiedAssertion, ProviderError> {
    verify(&STANDARD.encode(xml), trust, now(), &expected())
}

/// The reason of the rejection.
pub fn reason<T: std::fmt::Debug>(outcome: Result<T, ProviderError>) -> RejectReason {
    match outcome {
        Err(ProviderError::Rejected { reason, .. }) => reason,
        other => panic!("not rejected: {other:?}"),
    }
}
