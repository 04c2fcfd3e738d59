//! Compares the documents at `[issuer] url` with the keys of this installation, for `check --online`.

use super::Issuers;
use crate::aws::keys::{KeyDirectory, KeyId};
use crate::aws::{DISCOVERY_PATH, Difference, IssuerDocuments, JWKS_PATH, Severity};
use crate::config::Settings;
use crate::idp::ProbeReport;
use crate::server::published::DifferentDocument;

/// One report if there is no difference; otherwise one error for each difference. Nothing, if there is no `[issuer] url` or
/// this host has no keys.
pub async fn compare(
    settings: &Settings,
    own: Option<&Issuers>,
) -> Vec<anyhow::Result<ProbeReport>> {
    let Some((published, own)) = own.and_then(|own| Some((own.published.as_ref()?, own))) else {
        return Vec::new();
    };
    let documents = own.tokens.documents();
    let comparison = match published.compare(&documents).await {
        Ok(comparison) => comparison,
        Err(error) => return vec![Err(error.into())],
    };
    let (warnings, faults): (Vec<Difference>, Vec<Difference>) = comparison
        .differences
        .into_iter()
        .partition(|one| one.severity() == Severity::Warning);
    if faults.is_empty() {
        let warnings = warnings.iter();
        let warnings = warnings.map(|one| format!("{one}; {}", one.hint()));
        return vec![Ok(ProbeReport {
            warnings: warnings.collect(),
            ..report(settings, &documents)
        })];
    }
    let faults = faults.into_iter();
    faults
        .map(|fault| Err(DifferentDocument(fault).into()))
        .collect()
}

fn report(settings: &Settings, own: &IssuerDocuments) -> ProbeReport {
    let mut report = ProbeReport {
        notes: vec![format!(
            "{DISCOVERY_PATH} and {JWKS_PATH} match the issuer and keys of this installation"
        )],
        ..ProbeReport::default()
    };
    let record = KeyDirectory::new(&settings.issuer_keys).served(own.issuer());
    let record = record.ok().flatten();
    let since = |id: &KeyId| record.as_ref().and_then(|record| record.since(id));
    for id in own.next_keys() {
        report.notes.push(match since(id) {
            Some(since) => format!(
                "the next key, {id}, was first recorded there at {}",
                since.format("%Y-%m-%d %H:%M UTC")
            ),
            None => format!(
                "the next key, {id}, is not recorded there yet: run `rolecalld keys confirm`"
            ),
        });
    }
    report
}
