//! `rolecalld who-can`: who may use a role, and who is denied.

use std::collections::BTreeSet;

use rolecall_core::access::{PersonAccess, Policy, RoleRules, RuleView};
use rolecall_core::base::{Clock as _, text};
use rolecall_core::caller::{Circumstances, Facts};
use rolecall_core::config_file::suggest;
use serde::Serialize;

use super::out::{self, CommandStatus, Failure};
use super::people_source::{self, PeopleSource, Person, PersonName, Profile, TimeSpan, is_zero};
use super::{AccessArg, ConfigArg, names};
use crate::world::SystemClock;

/// Characters of the reason of a deny rule, which is as long as the access files allow.
const REASON_CHARS_MAX: usize = 256;

/// Show who may use a role, through which assignment and under which conditions, and who is denied.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld who-can --config rolecall.toml --account payments-prod --permission-set Developer\n  rolecalld who-can --config rolecall.toml --account payments-prod --permission-set Developer --people people/\n  rolecalld who-can --config rolecall.toml --account 111122223333 --permission-set Developer --people known --json"
)]
pub struct WhoCan {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    access: AccessArg,
    /// Account: name or 12-digit ID
    #[arg(long)]
    account: String,
    /// Permission set, with or without a variant (`Developer@readonly`)
    #[arg(long)]
    permission_set: String,
    /// People: a directory of claim files, a JSONL file, or `known` for those who have signed in
    #[arg(long, value_name = "DIR|FILE|known")]
    people: Option<PeopleSource>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Output<'p> {
    account: NamedAccount<'p>,
    permission_set: &'p str,
    roles: Vec<Role>,
    assignments: Vec<RuleView>,
    denies: Vec<RuleView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<PeopleOutput>,
}

#[derive(Serialize)]
struct NamedAccount<'p> {
    id: &'p str,
    name: &'p str,
}

#[derive(Serialize)]
struct Role {
    label: String,
    role: String,
}

#[derive(Serialize)]
struct PeopleOutput {
    /// Number of people that were evaluated.
    evaluated: usize,
    /// Number of recorded people whose provider is not configured.
    #[serde(skip_serializing_if = "is_zero")]
    skipped: usize,
    /// The sign-ins as of which recorded people are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<TimeSpan>,
    /// People who may use the role when the conditions of one of the assignments are met.
    allowed: Vec<PersonOutput>,
    /// People whom an assignment matches and a deny rule denies the role.
    denied: Vec<PersonOutput>,
    /// People who have no session although an assignment matches.
    unusable: Vec<PersonOutput>,
    /// People for whom it depends on a claim that is not known.
    unknown: Vec<PersonOutput>,
}

#[derive(Serialize)]
struct PersonOutput {
    #[serde(flatten)]
    name: PersonName,
    #[serde(flatten)]
    access: PersonAccess,
    /// Claims that the policy names and that are not known of the person.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    unknown_claims: BTreeSet<String>,
    #[serde(skip)]
    number: u32,
}

impl WhoCan {
    /// Runs the command. Exit code 1: nobody may use the role.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        self.show().map_err(Failure::not_a_result)
    }

    fn show(&self) -> Result<CommandStatus, Failure> {
        let loaded = self.config.load_offline(&self.access)?;
        let policy = &loaded.access.policy;
        let account = names::account(policy, &self.account)?;
        let (set, variant) = match self.permission_set.split_once('@') {
            Some((set, variant)) => (set, Some(variant)),
            None => (self.permission_set.as_str(), None),
        };
        names::permission_set(policy, set)?;
        let now = SystemClock.now();
        let rules = policy.role_rules(&account.id, set, now).ok_or_else(|| {
            Failure::configuration(format!("unknown role {}/{set}", account.name))
        })?;
        check_variant(&rules, variant)?;
        let people = match &self.people {
            None => None,
            Some(source) => {
                let profile = Profile {
                    config: &self.config.config,
                    providers: &loaded.settings.providers,
                    policy,
                    now,
                };
                Some(people(source, &profile, &rules)?)
            }
        };
        let output = output(policy, rules, variant, people);
        if self.json {
            out::json(&output)?;
        } else {
            print(&output)?;
        }
        Ok(match output.is_usable() {
            true => CommandStatus::Success,
            false => CommandStatus::Negative,
        })
    }
}

impl Output<'_> {
    /// Whether somebody may use the role, as far as is known.
    fn is_usable(&self) -> bool {
        match &self.people {
            Some(people) => !people.allowed.is_empty() || !people.unknown.is_empty(),
            None => self.assignments.iter().any(|one| !one.expired),
        }
    }
}

fn check_variant(rules: &RoleRules<'_>, variant: Option<&str>) -> Result<(), Failure> {
    let names = || {
        rules
            .permission_set
            .variants
            .iter()
            .map(|one| one.name.as_str())
    };
    match variant {
        Some(wanted) if !names().any(|name| name == wanted) => {
            let otherwise = format!(
                "the variants of {} are in the access files",
                rules.permission_set.name
            );
            Err(
                Failure::configuration(format!("unknown variant {wanted}")).hint(suggest::hint(
                    wanted,
                    names(),
                    &otherwise,
                )),
            )
        }
        Some(_) | None => Ok(()),
    }
}

fn output<'p>(
    policy: &Policy,
    rules: RoleRules<'p>,
    variant: Option<&str>,
    people: Option<PeopleOutput>,
) -> Output<'p> {
    let wanted = variant.map(|variant| format!("@{variant}"));
    let roles = rules.roles(policy).into_iter();
    let roles = roles.filter(|(label, _)| wanted.as_ref().is_none_or(|end| label.ends_with(end)));
    Output {
        account: NamedAccount {
            id: rules.account.id.as_str(),
            name: rules.account.name.as_str(),
        },
        permission_set: rules.permission_set.name.as_str(),
        roles: roles
            .map(|(label, role)| Role {
                label,
                role: role.to_string(),
            })
            .collect(),
        assignments: rules.assignments,
        denies: rules.denies,
        people,
    }
}

/// Evaluates the role for everyone.
fn people(
    source: &PeopleSource,
    profile: &Profile<'_>,
    rules: &RoleRules<'_>,
) -> Result<PeopleOutput, Failure> {
    let circumstances = Circumstances {
        now: profile.now,
        address: None,
        device_flow: false,
    };
    let (account, set) = (&rules.account.id, rules.permission_set.name.as_str());
    let (raw, skipped) = people_source::read(source, profile, None)?;
    let evaluated = people_source::evaluate(raw, |found: &mut Vec<PersonOutput>, number, raw| {
        let person = Person::parse(raw)?;
        let identity = person.identity(profile)?;
        let name = person.name(&identity);
        let facts = Facts::new(&identity, circumstances);
        let access = profile.policy.access_of(&facts, account, set);
        if !access.assignments.is_empty() || access.is_unknown() {
            found.push(PersonOutput {
                name: name.clone(),
                unknown_claims: match access.is_unknown() {
                    true => person.unknown_claims(profile.policy),
                    false => BTreeSet::new(),
                },
                access,
                number,
            });
        }
        Ok(name)
    })?;
    let mut found: Vec<PersonOutput> = evaluated.results.into_iter().flatten().collect();
    found.sort_by_key(|person| person.number);
    let (allowed, rest): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|person| person.access.is_allowed());
    let (denied, rest): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .partition(|person| person.access.is_denied());
    let (unknown, unusable) = rest
        .into_iter()
        .partition(|person| person.access.is_unknown());
    Ok(PeopleOutput {
        evaluated: evaluated.people.len(),
        skipped: skipped.report(),
        as_of: TimeSpan::of(evaluated.people.iter().map(|person| &person.name)),
        allowed,
        denied,
        unusable,
        unknown,
    })
}

fn print(output: &Output<'_>) -> Result<(), Failure> {
    for role in &output.roles {
        out::line(format!("{}  {}", role.label, role.role))?;
    }
    out::line(match output.assignments.is_empty() {
        true => "No assignment grants it.",
        false => "Assignments:",
    })?;
    for rule in &output.assignments {
        let requires = requires(&rule.requires);
        let expired = if rule.expired { "; expired" } else { "" };
        out::line(format!(
            "  {} ({}): {}{requires}{expired}",
            rule.id, rule.place, rule.who
        ))?;
    }
    if !output.denies.is_empty() {
        out::line("Deny rules:")?;
    }
    for rule in &output.denies {
        let reason = rule.reason.as_ref();
        let reason = reason.map(|reason| format!(": {}", text::one_line(reason, REASON_CHARS_MAX)));
        let reason = reason.unwrap_or_default();
        out::line(format!(
            "  {} ({}): {}{reason}",
            rule.id, rule.place, rule.who
        ))?;
    }
    match &output.people {
        Some(people) => print_people(people),
        None => Ok(()),
    }
}

fn print_people(people: &PeopleOutput) -> Result<(), Failure> {
    let as_of = people.as_of.map(|span| format!(", {span}"));
    let evaluated = match people.evaluated {
        1 => "1 person was evaluated".to_owned(),
        number => format!("{number} people were evaluated"),
    };
    let nobody = match people.allowed.is_empty() {
        true => "Nobody may use it",
        false => "May use it",
    };
    let colon = if people.allowed.is_empty() { "." } else { ":" };
    out::line(format!(
        "{nobody} ({evaluated}{}){colon}",
        as_of.unwrap_or_default()
    ))?;
    for person in &people.allowed {
        let ways = person.access.assignments.iter();
        let ways: Vec<String> = ways
            .map(|way| format!("{}{}", way.id, requires(&way.requires)))
            .collect();
        line_of(person, &format!("through {}", ways.join(", or ")))?;
    }
    section("Denied:", &people.denied, |person| {
        format!("denied by {}", person.access.denied_by.join(", "))
    })?;
    section(
        "Granted, but without a session:",
        &people.unusable,
        |person| person.access.unusable.clone().unwrap_or_default(),
    )?;
    section("Not known:", &people.unknown, |person| {
        let access = &person.access;
        let rules = match access.assignments.is_empty() {
            true => &access.possible,
            false => &access.possible_denies,
        };
        let claims: Vec<String> = person
            .unknown_claims
            .iter()
            .map(|name| format!("{name:?}"))
            .collect();
        format!(
            "depends on the claim {}, which was not recorded at the sign-in ({})",
            claims.join(", "),
            rules.join(", ")
        )
    })
}

fn section(
    title: &str,
    people: &[PersonOutput],
    text: impl Fn(&PersonOutput) -> String,
) -> Result<(), Failure> {
    if !people.is_empty() {
        out::line(title)?;
    }
    people
        .iter()
        .try_for_each(|person| line_of(person, &text(person)))
}

fn line_of(person: &PersonOutput, text: &str) -> Result<(), Failure> {
    let as_of = person.name.signed_in_at.map(|at| {
        let day = people_source::day(at);
        format!("; as of the sign-in of {day}")
    });
    out::line(format!(
        "  {}: {text}{}",
        person.name.label(),
        as_of.unwrap_or_default()
    ))
}

fn requires(requires: &[String]) -> String {
    match requires {
        [] => String::new(),
        [_, ..] => format!("; requires {}", requires.join(" and ")),
    }
}
