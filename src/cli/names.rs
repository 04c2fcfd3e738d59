//! Accounts and permission sets as they are named on the command line.

use rolecall_core::access::{Account, Policy};
use rolecall_core::config_file::suggest;

use super::out::Failure;

/// The account with this name or ID.
pub fn account<'p>(policy: &'p Policy, wanted: &str) -> Result<&'p Account, Failure> {
    let is_it =
        |account: &&Account| account.id.as_str() == wanted || account.name.as_str() == wanted;
    let names = || policy.accounts().map(|account| account.name.as_str());
    let found = policy.accounts().find(is_it);
    found.ok_or_else(|| unknown("account", wanted, names()))
}

/// Checks that the permission set exists.
pub fn permission_set(policy: &Policy, wanted: &str) -> Result<(), Failure> {
    let names = || policy.permission_sets().map(|set| set.name.as_str());
    match names().any(|name| name == wanted) {
        true => Ok(()),
        false => Err(unknown("permission set", wanted, names())),
    }
}

fn unknown<'a>(kind: &str, wanted: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let otherwise = format!("every {kind} is listed in the access files");
    Failure::configuration(format!("unknown {kind} {wanted}"))
        .hint(suggest::hint(wanted, known, &otherwise))
}
