//! The report as text and as JSON.

use rolecall_core::access::Policy;
use rolecall_core::aws::AccountId;
use rolecall_core::drift::{Finding, Report, Severity};
use serde::Serialize;

use crate::cli::out::{self, Failure};

/// What no comparison of this kind can see.
const NEVER_SEEN: [&str; 4] = [
    "policies of the organization (SCPs and RCPs), and what permissions boundaries deny",
    "accounts for which there is no output",
    "who may change these roles and identity providers in AWS",
    "sessions that exist already",
];

#[derive(Serialize)]
struct ReportOutput<'r> {
    findings: Vec<FindingOutput<'r>>,
    checked: Checked<'r>,
    not_checked: Vec<&'r str>,
}

#[derive(Serialize)]
struct Checked<'r> {
    accounts: Vec<&'r str>,
    roles: usize,
}

#[derive(Serialize)]
struct FindingOutput<'r> {
    id: String,
    severity: &'static str,
    account: Option<&'r str>,
    account_name: Option<&'r str>,
    resource: Option<&'r str>,
    found: &'r str,
    why: &'static str,
    fix: FixOutput<'r>,
}

#[derive(Serialize)]
struct FixOutput<'r> {
    commands: &'r [String],
    note: Option<&'static str>,
}

fn account_name<'p>(policy: &'p Policy, id: &AccountId) -> Option<&'p str> {
    let mut accounts = policy.accounts();
    let account = accounts.find(|account| account.id == *id);
    account.map(|account| account.name.as_str())
}

fn not_checked(report: &Report) -> Vec<&str> {
    let unseen = report.unseen.iter().map(String::as_str);
    unseen.chain(NEVER_SEEN).collect()
}

/// Prints JSON.
pub fn json(policy: &Policy, report: &Report) -> Result<(), Failure> {
    let findings = report.findings.iter().map(|finding| FindingOutput {
        id: finding.kind.id(),
        severity: finding.kind.severity().as_str(),
        account: finding.account.as_ref().map(AccountId::as_str),
        account_name: finding
            .account
            .as_ref()
            .and_then(|id| account_name(policy, id)),
        resource: finding.resource.as_deref(),
        found: &finding.found,
        why: finding.kind.why(),
        fix: FixOutput {
            commands: &finding.fix.commands,
            note: finding.fix.note,
        },
    });
    out::json(&ReportOutput {
        findings: findings.collect(),
        checked: Checked {
            accounts: report.accounts.iter().map(AccountId::as_str).collect(),
            roles: report.roles,
        },
        not_checked: not_checked(report),
    })
}

/// Prints text.
pub fn text(policy: &Policy, report: &Report) -> Result<(), Failure> {
    for finding in &report.findings {
        out::line(block(policy, finding))?;
    }
    out::line("not checked:")?;
    for text in not_checked(report) {
        out::line(format!("  {text}"))?;
    }
    out::line(summary(report))
}

fn block(policy: &Policy, finding: &Finding) -> String {
    let account = finding
        .account
        .as_ref()
        .map(|id| match account_name(policy, id) {
            Some(name) => format!(" {name} ({id})"),
            None => format!(" account {id}, which is not in the access files"),
        });
    let mut lines = vec![format!(
        "{}: {}{}",
        finding.kind.severity().as_str(),
        finding.kind,
        account.unwrap_or_default()
    )];
    lines.extend(
        finding
            .resource
            .iter()
            .map(|resource| format!("  {resource}")),
    );
    lines.push(format!("  found: {}", finding.found));
    lines.push(format!("  why:   {}", finding.kind.why()));
    let commands = finding.fix.commands.iter();
    lines.extend(commands.map(|command| format!("  fix:   {command}")));
    lines.extend(
        finding
            .fix
            .note
            .iter()
            .map(|note| format!("  note:  {note}")),
    );
    lines.push(String::new());
    lines.join("\n")
}

fn summary(report: &Report) -> String {
    let compared = format!(
        "{} and {} compared",
        out::count(report.accounts.len(), "account"),
        out::count(report.roles, "role")
    );
    let of = |severity: Severity| {
        let findings = report.findings.iter();
        findings
            .filter(|one| one.kind.severity() == severity)
            .count()
    };
    match report.findings.len() {
        0 => format!("no findings; {compared}"),
        count => format!(
            "{}: {} high, {} medium, {} low; {compared}",
            out::count(count, "finding"),
            of(Severity::High),
            of(Severity::Medium),
            of(Severity::Low)
        ),
    }
}
