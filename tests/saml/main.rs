//! Tests of the SAML verifier: third-party documents, comparison with another verifier, endurance and load.

mod corpus;
mod costs;
mod endurance;
mod findings;
mod pure_rust;
mod samples;
mod second_opinion;

use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::x509::X509;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use rolecalld::idp::saml::{InvalidMetadata, SamlPolicy, SamlTrust, TrustOptions};

/// Resources used by this thread (proc(5)), to measure the cost of a verification and detect file access.
#[derive(Clone, Copy, Debug)]
struct Used {
    /// CPU time (`schedstat`).
    cpu: Duration,
    /// Calls of `read` and similar functions (`io`, `syscr`): files, pipes, and sockets read like files.
    reads: u64,
}

impl Used {
    fn so_far() -> Result<Self> {
        let io = std::fs::read_to_string("/proc/thread-self/io")?;
        let reads = io.lines().find_map(|line| line.strip_prefix("syscr: "));
        let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
        let spent = schedstat.split(' ').next().context("a number")?;
        Ok(Self {
            cpu: Duration::from_nanos(spent.parse()?),
            reads: reads.context("no syscr")?.parse()?,
        })
    }

    /// The resources used by `work`, and its result.
    fn by<T>(work: impl FnOnce() -> T) -> Result<(Self, T)> {
        // The measurement itself has a constant number of reads.
        let (first, second) = (Self::so_far()?, Self::so_far()?);
        let done = work();
        let last = Self::so_far()?;
        let looking = second.reads - first.reads;
        let used = Self {
            cpu: last.cpu - second.cpu,
            reads: last.reads - second.reads - looking,
        };
        Ok((used, done))
    }
}

/// The code of a rejection; `None` for other results.
fn reason<T>(ended: &Result<T, ProviderError>) -> Option<RejectReason> {
    match ended {
        Ok(_) | Err(ProviderError::Misconfigured(_) | ProviderError::Unavailable(_)) => None,
        Err(ProviderError::Rejected { reason, .. }) => Some(*reason),
        Err(ProviderError::Refused { .. }) => Some(RejectReason::Status),
    }
}

/// Prints what was run (visible with `--nocapture`).
#[expect(
    clippy::print_stdout,
    reason = "the number of executed cases must be visible"
)]
fn tell(line: &str) {
    println!("{line}");
}

/// A provider with this entity ID and these certificates.
fn trust(
    entity_id: &str,
    certificates: &[X509],
    policy: SamlPolicy,
) -> Result<SamlTrust, InvalidMetadata> {
    let keys: String = certificates
        .iter()
        .filter_map(|certificate| certificate.to_der().ok())
        .map(|der| {
            format!(
                r#"<KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>"#,
                STANDARD.encode(der)
            )
        })
        .collect();
    let entity_id = entity_id.replace('&', "&amp;").replace('"', "&quot;");
    let metadata = format!(
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{entity_id}"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>"#
    );
    let options = TrustOptions {
        policy,
        ..TrustOptions::default()
    };
    SamlTrust::parse(&metadata, &options)
}
