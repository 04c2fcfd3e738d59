//! A certificate authority for one test, and server certificates for loopback.
//!
//! Trust it by file (`SSL_CERT_FILE`) or by PEM; nothing installs it anywhere.

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

/// Signs certificates that are good for one day.
pub struct CertificateAuthority {
    certificate: X509,
    key: PKey<Private>,
}

/// A certificate and its key, both PEM.
pub struct Certificate {
    /// The certificate.
    pub certificate_pem: Vec<u8>,
    /// PKCS#8.
    pub key_pem: Vec<u8>,
}

impl CertificateAuthority {
    /// A new authority with a new P-256 key.
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
        // Python demands both key identifiers from 3.13 on (RFC 5280 4.2.1.1 and 4.2.1.2).
        let own = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(own)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self {
            certificate: builder.build(),
            key,
        })
    }

    /// The authority's own certificate.
    pub fn pem(&self) -> Result<Vec<u8>> {
        Ok(self.certificate.to_pem()?)
    }

    /// A server certificate for `localhost`, 127.0.0.1 and these names.
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

/// A certificate for `key` that vouches for itself, as SAML metadata carries them: trust is in the metadata, not in an authority.
pub fn self_signed(common_name: &str, key: &SigningKey) -> Result<X509> {
    let key = key.private_key();
    let mut builder = builder(common_name, key)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", common_name)?;
    builder.set_issuer_name(&name.build())?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}

/// A version 3 certificate for `key`, valid from today for a day, neither issued nor signed yet.
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
    fn a_certificate_is_its_authoritys() -> Result<()> {
        let (ours, theirs) = (
            CertificateAuthority::generate()?,
            CertificateAuthority::generate()?,
        );
        let issued = X509::from_pem(&ours.issue(&["sso.example.com"])?.certificate_pem)?;
        assert!(issued.verify(&ours.key)?);
        assert!(!issued.verify(&theirs.key)?);
        Ok(())
    }
}
