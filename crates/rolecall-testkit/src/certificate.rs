//! Certificate authorities for tests, and server certificates for loopback.
//!
//! Clients trust an authority by file (`SSL_CERT_FILE`) or PEM. It is not installed.

use std::net::Ipv4Addr;

use anyhow::Result;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use crate::keys::{Algorithm, SigningKey};

/// A certificate authority. Its certificates are valid for one day.
pub struct CertificateAuthority {
    certificate: X509,
    key: PKey<Private>,
}

/// A certificate and its key in PEM.
pub struct Certificate {
    /// Certificate in PEM.
    pub certificate_pem: Vec<u8>,
    /// Private key in PEM (PKCS#8).
    pub key_pem: Vec<u8>,
}

impl CertificateAuthority {
    /// Generates an authority with a P-256 key.
    pub fn generate() -> Result<Self> {
        let key = SigningKey::generate(Algorithm::Es256)?
            .private_key()
            .clone();
        let mut builder = builder("Testkit authority", &key)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_text("CN", "Testkit authority")?;
        builder.set_issuer_name(&name.build())?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(
            KeyUsage::new()
                .critical()
                .key_cert_sign()
                .crl_sign()
                .build()?,
        )?;
        // Python 3.13 and newer require both key identifiers (RFC 5280 4.2.1.1 and 4.2.1.2).
        let own = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(own)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self {
            certificate: builder.build(),
            key,
        })
    }

    /// Certificate of the authority in PEM.
    pub fn pem(&self) -> Result<Vec<u8>> {
        Ok(self.certificate.to_pem()?)
    }

    /// Issues a server certificate for `localhost`, 127.0.0.1 and these names.
    pub fn issue(&self, names: &[&str]) -> Result<Certificate> {
        let key = SigningKey::generate(Algorithm::Es256)?
            .private_key()
            .clone();
        let mut builder = builder("localhost", &key)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        let mut alternatives = SubjectAlternativeName::new();
        alternatives
            .dns("localhost")
            .ip(&Ipv4Addr::LOCALHOST.to_string());
        for name in names {
            alternatives.dns(name);
        }
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let alternatives = alternatives.build(&context)?;
        let authority = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
        builder.append_extension(alternatives)?;
        builder.append_extension(authority)?;
        builder.append_extension(BasicConstraints::new().build()?)?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(Certificate {
            certificate_pem: builder.build().to_pem()?,
            key_pem: key.private_key_to_pem_pkcs8()?,
        })
    }
}

/// A self-signed certificate for `key`, as in SAML metadata, where trust does not depend on an authority.
pub fn self_signed(common_name: &str, key: &SigningKey) -> Result<X509> {
    let key = key.private_key();
    let mut builder = builder(common_name, key)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", common_name)?;
    builder.set_issuer_name(&name.build())?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}

/// A builder of a version 3 certificate for `key`, valid for one day, without issuer and signature.
fn builder(common_name: &str, key: &PKey<Private>) -> Result<X509Builder> {
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(120, MsbOption::MAYBE_ZERO, false)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", common_name)?;
    builder.set_subject_name(&name.build())?;
    builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(1)?)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_verifies_with_its_authority() -> Result<()> {
        let (authority, other) = (
            CertificateAuthority::generate()?,
            CertificateAuthority::generate()?,
        );
        let issued = X509::from_pem(&authority.issue(&["sso.example.com"])?.certificate_pem)?;
        assert!(issued.verify(&authority.key)?);
        assert!(!issued.verify(&other.key)?);
        Ok(())
    }
}
