//! The report as text for a terminal.

use rolecall_core::access::{Effect, RoleDifference, RuleDifference, RuleEdit};

use super::providers::ProviderDifference;
use super::report::{Named, PeopleReport, Report};
use crate::cli::out::{self, Failure};
use crate::cli::people_source::PersonName;

/// Names of people and of roles in one line.
const NAMES_MAX: usize = 10;

/// Prints the report.
pub fn print(report: &Report) -> Result<(), Failure> {
    if let Some(people) = &report.people {
        print_people(people)?;
    }
    if !report.providers.is_empty() {
        out::line("Providers:")?;
    }
    for provider in &report.providers {
        out::line(format!("  {}", provider_line(provider)))?;
    }
    if report.rules.is_empty() {
        out::line("The rules are the same.")?;
    } else {
        out::line("Rules:")?;
    }
    for rule in &report.rules {
        out::line(format!("  {}", rule_line(rule)))?;
    }
    match &report.people {
        Some(people) => out::line(summary(people)),
        None => out::line(match report.gains {
            true => "Somebody may gain access. --people shows who.",
            false => "Nobody gains access.",
        }),
    }
}

fn print_people(people: &PeopleReport) -> Result<(), Failure> {
    for (title, effect) in [
        ("Gains:", Effect::Gain),
        ("Losses:", Effect::Loss),
        ("Other changes:", Effect::None),
    ] {
        let roles = people.roles.iter();
        let mut roles = roles.filter(|role| role.what.effect == effect).peekable();
        if roles.peek().is_some() {
            out::line(title)?;
        }
        for role in roles {
            let names = names(&role.names, role.what.people);
            let details = details(&role.what);
            out::line(format!(
                "  {}: {names}{details}",
                shortened(&role.what.roles)
            ))?;
        }
    }
    if people.incomplete {
        out::line("  … and more roles")?;
    }
    if !people.unknown.is_empty() {
        out::line("Not known:")?;
    }
    for unknown in &people.unknown {
        out::line(format!("  {}", unknown_line(unknown)))?;
    }
    Ok(())
}

/// Who gains and who loses, in one sentence.
pub fn summary(people: &PeopleReport) -> String {
    let as_of = people.as_of.map(|span| format!(", {span}"));
    let number = |count: usize, one: &str, many: &str| match count {
        0 => format!("nobody {one}"),
        1 => format!("1 person {one}"),
        count => format!("{count} people {many}"),
    };
    let gain = number(people.gaining, "gains access", "gain access");
    let lose = number(people.losing, "loses access", "lose access");
    let unknown = match people.unknown.is_empty() {
        true => "",
        false => ", not counting those for whom it is not known",
    };
    let compared = match people.compared {
        1 => "1 person compared".to_owned(),
        count => format!("{count} people compared"),
    };
    let text = format!(
        "{gain}, {lose}{unknown} ({compared}{})",
        as_of.unwrap_or_default()
    );
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect::<String>() + "."
}

/// What is to be said of a difference beside its roles and people; begins with a separator.
pub fn details(role: &RoleDifference) -> String {
    let kind = match role.kind {
        "changed" => String::new(),
        kind => format!("; {kind}"),
    };
    let requires = match role.requires.as_slice() {
        [_, ..] if role.kind == "gained" => {
            format!(", requires {}", role.requires.join(", or "))
        }
        [] | [_, ..] => String::new(),
    };
    let changes = role.changes.iter();
    let changes: String = changes.map(|change| format!("; {}", change.text)).collect();
    let reasons = role.reasons.iter();
    let reasons: String = reasons.map(|reason| format!("; {reason}")).collect();
    format!("{kind}{requires}{changes}{reasons}")
}

/// A rule whose people are not known.
pub fn unknown_line(unknown: &Named<rolecall_core::access::UnknownMatches>) -> String {
    let what = &unknown.what;
    let claims: Vec<String> = what.claims.iter().map(|name| format!("{name:?}")).collect();
    format!(
        "{} {}: whether it matches {} depends on {}, which was not recorded at the sign-in",
        if what.kind == "deny" {
            "deny rule"
        } else {
            what.kind
        },
        what.id,
        names(&unknown.names, what.people),
        match claims.as_slice() {
            [one] => format!("the claim {one}"),
            claims => format!("the claims {}", claims.join(", ")),
        }
    )
}

/// A provider that differs.
pub fn provider_line(provider: &ProviderDifference) -> String {
    let id = &provider.id;
    match provider.edit {
        RuleEdit::Added => format!("provider {id} added, may give access"),
        RuleEdit::Changed => format!("settings of provider {id} differ, may give access"),
        RuleEdit::Removed => format!("provider {id} removed, may take access"),
    }
}

/// An entry that differs.
pub fn rule_line(rule: &RuleDifference) -> String {
    let kind = match rule.kind {
        "permission_set" => "permission set",
        "deny" => "deny rule",
        kind => kind,
    };
    let edit = match rule.edit {
        RuleEdit::Added => "added",
        RuleEdit::Changed => "changed",
        RuleEdit::Removed => "removed",
    };
    let effect = match rule.effect {
        Effect::Gain => ", may give access",
        Effect::Loss => ", may take access",
        Effect::None => "",
    };
    let place = rule.place.as_ref().map(|place| format!(" ({place})"));
    let changes: Vec<&str> = rule
        .changes
        .iter()
        .map(|change| change.text.as_str())
        .collect();
    let changes = match changes.is_empty() {
        true => String::new(),
        false => format!(": {}", changes.join("; ")),
    };
    let place = place.unwrap_or_default();
    format!("{kind} {}{place} {edit}{effect}{changes}", rule.id)
}

/// The first people, and how many there are beyond them.
pub fn names(people: &[PersonName], count: u64) -> String {
    let first: Vec<String> = people
        .iter()
        .take(NAMES_MAX)
        .map(PersonName::label)
        .collect();
    let more = count.saturating_sub(first.len() as u64);
    match more {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// The first roles, and how many there are beyond them.
pub fn shortened(roles: &[String]) -> String {
    let first = roles.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>();
    match roles.len().saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
