//! Enveloped XML signatures and signatures of the Redirect binding (SAML Core 5.4, Bindings 3.4.4.1), implemented with OpenSSL.
//!
//! Canonicalization is that of [`crate::xml`], so that it is independent of the libraries under test. Verification checks
//! only whether an element was signed with one of the given keys.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{PKey, PKeyRef, Private, Public};
use openssl::sign::{Signer, Verifier};
use openssl::x509::X509;

use super::names::{DSIG, ENVELOPED, EXCLUSIVE};
use crate::certificate;
use crate::keys::{Algorithm, SigningKey};
use crate::xml::Element;

/// Signature methods (RFC 9231 2.3), including weak ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaSha512,
    /// ECDSA with SHA-256.
    EcdsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-1 (weak).
    RsaSha1,
    /// RSASSA-PKCS1-v1_5 with MD5 (weak).
    RsaMd5,
}

impl Method {
    /// The default method for keys of an algorithm.
    pub fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Rs256 => Self::RsaSha256,
            Algorithm::Es256 => Self::EcdsaSha256,
        }
    }

    /// Algorithm identifier (URI).
    pub fn uri(self) -> &'static str {
        match self {
            Self::RsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaSha512 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            Self::EcdsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Self::RsaMd5 => "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        }
    }

    fn from_uri(uri: &str) -> Result<Self> {
        let accepted = [Self::RsaSha256, Self::RsaSha512, Self::EcdsaSha256];
        let method = accepted.into_iter().find(|method| method.uri() == uri);
        method.with_context(|| format!("the signature method `{uri}` is not accepted"))
    }

    fn digest(self) -> MessageDigest {
        match self {
            Self::RsaSha256 | Self::EcdsaSha256 => MessageDigest::sha256(),
            Self::RsaSha512 => MessageDigest::sha512(),
            Self::RsaSha1 => MessageDigest::sha1(),
            Self::RsaMd5 => MessageDigest::md5(),
        }
    }

    fn sign(self, key: &PKeyRef<Private>, message: &[u8]) -> Result<Vec<u8>> {
        let signature = Signer::new(self.digest(), key)?.sign_oneshot_to_vec(message)?;
        if self != Self::EcdsaSha256 {
            return Ok(signature);
        }
        // The value is r and s, not DER (RFC 9231 2.3.6).
        let pair = EcdsaSig::from_der(&signature)?;
        Ok([pair.r().to_vec_padded(32)?, pair.s().to_vec_padded(32)?].concat())
    }

    fn verify(self, key: &PKeyRef<Public>, message: &[u8], signature: &[u8]) -> Result<bool> {
        let der = match self {
            Self::EcdsaSha256 => {
                ensure!(signature.len() == 64, "r and s must have 32 bytes each");
                let (r, s) = signature.split_at(32);
                EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?
                    .to_der()?
            }
            Self::RsaSha256 | Self::RsaSha512 | Self::RsaSha1 | Self::RsaMd5 => signature.to_vec(),
        };
        Ok(Verifier::new(self.digest(), key)?.verify_oneshot(&der, message)?)
    }
}

/// Digest methods, including weak ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-1 (weak).
    Sha1,
    /// MD5 (weak).
    Md5,
}

impl Digest {
    /// Algorithm identifier (URI).
    pub fn uri(self) -> &'static str {
        match self {
            Self::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            Self::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
            Self::Md5 => "http://www.w3.org/2001/04/xmldsig-more#md5",
        }
    }

    /// The digest of `text` in base64.
    pub fn of(self, text: &str) -> Result<String> {
        let digest = match self {
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha512 => MessageDigest::sha512(),
            Self::Sha1 => MessageDigest::sha1(),
            Self::Md5 => MessageDigest::md5(),
        };
        Ok(STANDARD.encode(hash(digest, text.as_bytes())?))
    }
}

/// A signing key with its certificate.
#[derive(Clone)]
pub struct Credential {
    key: SigningKey,
    certificate: X509,
}

impl Credential {
    /// Generates a key with a self-signed certificate.
    pub fn generate(algorithm: Algorithm) -> Result<Self> {
        let key = SigningKey::generate(algorithm)?;
        let certificate = certificate::self_signed("Testkit identity provider", &key)?;
        Ok(Self { key, certificate })
    }

    /// The private key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Self-signed certificate of the key.
    pub fn certificate(&self) -> &X509 {
        &self.certificate
    }

    /// The certificate in base64, as in `ds:X509Certificate`.
    pub fn certificate_text(&self) -> Result<String> {
        Ok(STANDARD.encode(self.certificate.to_der()?))
    }

    /// The default signature method.
    pub fn method(&self) -> Method {
        Method::of(self.key.algorithm())
    }

    /// `ds:KeyInfo` with the certificate.
    pub fn key_info(&self) -> Result<Element> {
        let certificate = Element::new("ds:X509Certificate").text(self.certificate_text()?);
        Ok(Element::new("ds:KeyInfo").child(Element::new("ds:X509Data").child(certificate)))
    }

    /// Signs the query of a Redirect message, `SAMLRequest=…[&RelayState=…]&SigAlg=…`. Returns the value of `Signature`.
    pub fn sign_query(&self, query: &str) -> Result<String> {
        let signature = match self.method() {
            // DER, as in all products: this is not an XML signature.
            Method::EcdsaSha256 => Signer::new(MessageDigest::sha256(), self.key.private_key())?
                .sign_oneshot_to_vec(query.as_bytes())?,
            method @ (Method::RsaSha256 | Method::RsaSha512 | Method::RsaSha1 | Method::RsaMd5) => {
                method.sign(self.key.private_key(), query.as_bytes())?
            }
        };
        Ok(STANDARD.encode(signature))
    }
}

/// The `ds:SignedInfo` of an enveloped signature over `target` (SAML Core 5.4): one reference to its ID.
pub fn signed_info(target: &Element, method: &str, digest: Digest) -> Result<Element> {
    let id = target.attribute("ID").unwrap_or_default();
    Ok(Element::new("ds:SignedInfo")
        .child(Element::new("ds:CanonicalizationMethod").with("Algorithm", EXCLUSIVE))
        .child(Element::new("ds:SignatureMethod").with("Algorithm", method))
        .child(reference(
            &format!("#{id}"),
            digest.uri(),
            &digest.of(&target.canonical(&[]))?,
        )))
}

/// A `ds:Reference` with the two transforms of SAML Core 5.4.4.
pub fn reference(uri: &str, method: &str, value: &str) -> Element {
    let transform = |uri| Element::new("ds:Transform").with("Algorithm", uri);
    let transforms = Element::new("ds:Transforms").children([ENVELOPED, EXCLUSIVE].map(transform));
    Element::new("ds:Reference")
        .with("URI", uri)
        .child(transforms)
        .child(Element::new("ds:DigestMethod").with("Algorithm", method))
        .child(Element::new("ds:DigestValue").text(value))
}

/// A `ds:Signature` of a `ds:SignedInfo`. `sign` returns the signature of its canonical form.
pub fn signature(
    signed_info: Element,
    key_info: Option<Element>,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>>,
) -> Result<Element> {
    let mut signature = Element::new("ds:Signature").with("xmlns:ds", DSIG);
    let value = sign(signed_info.canonical(&[&signature]).as_bytes())?;
    signature = signature
        .child(signed_info)
        .child(Element::new("ds:SignatureValue").text(STANDARD.encode(value)));
    Ok(signature.children(key_info))
}

/// Signs a message or an assertion. The signature follows the issuer, or is the first child if there is no issuer.
///
/// `target` must declare all namespaces that it uses.
pub fn sign(target: &mut Element, credential: &Credential) -> Result<()> {
    let method = credential.method();
    let signed_info = signed_info(target, method.uri(), Digest::Sha256)?;
    let signature = signature(signed_info, Some(credential.key_info()?), |message| {
        sign_with(credential, method, message)
    })?;
    target.insert_after("Issuer", signature);
    Ok(())
}

/// The bytes of a `ds:SignatureValue` over `message`.
pub fn sign_with(credential: &Credential, method: Method, message: &[u8]) -> Result<Vec<u8>> {
    method.sign(credential.key().private_key(), message)
}

/// Verifies the signature of `target` with these certificates. `ancestors` are those of `target`, outermost first.
///
/// # Errors
/// If the signature is missing, is not valid, or does not conform to SAML Core 5.4.
pub fn verify(target: &Element, ancestors: &[&Element], certificates: &[X509]) -> Result<()> {
    let mut unsigned = target.clone();
    let signature = unsigned
        .take("Signature")
        .context("the element is not signed")?;
    let signed_info = signature.find("SignedInfo").context("no SignedInfo")?;
    let references: Vec<_> = signed_info
        .elements()
        .filter(|element| element.local_name() == "Reference")
        .collect();
    let [reference] = references.as_slice() else {
        bail!("expected one reference, not {}", references.len());
    };
    let id = target.attribute("ID").context("no ID")?;
    let uri = reference.attribute("URI").unwrap_or_default();
    ensure!(
        uri == format!("#{id}"),
        "the reference `{uri}` is not to this element"
    );
    let text = |path: &[&str]| {
        let element = signature.at(path).with_context(|| format!("no {path:?}"))?;
        Ok::<_, anyhow::Error>(element.own_text().split_whitespace().collect::<String>())
    };
    let algorithm = |element: &Element, path: &[&str]| {
        let element = element.at(path).with_context(|| format!("no {path:?}"))?;
        Ok::<_, anyhow::Error>(
            element
                .attribute("Algorithm")
                .unwrap_or_default()
                .to_owned(),
        )
    };
    ensure!(
        algorithm(signed_info, &["CanonicalizationMethod"])? == EXCLUSIVE,
        "canonicalization"
    );
    let digest = algorithm(reference, &["DigestMethod"])?;
    let digest = [Digest::Sha256, Digest::Sha512]
        .into_iter()
        .find(|known| known.uri() == digest)
        .context("the digest method is not accepted")?;
    let value = text(&["SignedInfo", "Reference", "DigestValue"])?;
    ensure!(
        digest.of(&unsigned.canonical(ancestors))? == value,
        "the digest does not match"
    );
    let method = Method::from_uri(&algorithm(signed_info, &["SignatureMethod"])?)?;
    let value = STANDARD.decode(text(&["SignatureValue"])?)?;
    let around = [ancestors, &[target, &signature]].concat();
    let message = signed_info.canonical(&around);
    for certificate in certificates {
        let key = certificate.public_key()?;
        if method
            .verify(&key, message.as_bytes(), &value)
            .unwrap_or(false)
        {
            return Ok(());
        }
    }
    bail!(
        "the signature does not match any of {} certificates",
        certificates.len()
    )
}

/// Verifies the signature of the query of a Redirect message, up to and including `SigAlg`.
pub fn verify_query(query: &str, method: &str, value: &str, certificates: &[X509]) -> Result<()> {
    let method = Method::from_uri(method)?;
    let value = STANDARD.decode(value)?;
    for certificate in certificates {
        let key: PKey<Public> = certificate.public_key()?;
        let mut verifier = Verifier::new(method.digest(), &key)?;
        if verifier
            .verify_oneshot(&value, query.as_bytes())
            .unwrap_or(false)
        {
            return Ok(());
        }
    }
    bail!(
        "the signature does not match any of {} certificates",
        certificates.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_certificate_of_signing_key_verifies() -> Result<()> {
        for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
            let (signer, other) = (
                Credential::generate(algorithm)?,
                Credential::generate(algorithm)?,
            );
            let mut target = Element::new("a:b")
                .with("xmlns:a", "urn:a")
                .with("ID", "_1")
                .child(Element::new("a:Issuer").text("x & y"));
            sign(&mut target, &signer)?;
            // Also after serialization and parsing.
            let mut target = Element::parse(&target.write())?;
            verify(
                &target,
                &[],
                &[other.certificate.clone(), signer.certificate.clone()],
            )?;
            assert!(verify(&target, &[], &[other.certificate]).is_err());
            let issuer = target.find_mut("Issuer").context("an issuer")?;
            issuer.set_text("z");
            assert!(verify(&target, &[], &[signer.certificate]).is_err());
        }
        Ok(())
    }
}
