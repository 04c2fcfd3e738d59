//! `~/.aws/config` for one person's roles, and the environment variables beside it.
//!
//! A profile names its `[services]`; an `[sso-session]` cannot. A client that has no profile, or that ignores the services of a
//! profile, needs the `[default]` section or the environment variables.

pub mod extra;

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::sso_oidc::ACCOUNT_ACCESS;

/// What the session and the services section are called.
const NAME: &str = "rolecall";
/// The services section's keys.
const SERVICES: [&str; 3] = ["sso", "sso_oidc", "signin"];

/// Where the profiles lead.
pub struct Portal<'a> {
    /// Our own origin, without a trailing slash.
    pub origin: &'a str,
    /// `sso_start_url`
    pub start_url: &'a str,
    /// `sso_region`, and the Region of the profiles.
    pub region: &'a str,
}

/// One `[profile …]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Unique, and without anything that needs quoting.
    pub name: String,
    /// `sso_account_id`
    pub account: String,
    /// `sso_role_name`
    pub role: String,
    /// A comment above it, such as what the role asks for beyond this sign-in. One line.
    pub comment: Option<String>,
}

/// Makes names unique: by the account's number, and by counting where even that is not enough.
pub fn unique_names(mut profiles: Vec<Profile>) -> Vec<Profile> {
    let count = |profiles: &[Profile]| {
        let mut times: HashMap<String, usize> = HashMap::new();
        for profile in profiles {
            *times.entry(profile.name.clone()).or_default() += 1;
        }
        times
    };
    let times = count(&profiles);
    for profile in profiles.iter_mut().filter(|one| times[&one.name] > 1) {
        profile.name = format!("{}-{}", profile.name, profile.account);
    }
    let times = count(&profiles);
    let mut seen: HashMap<String, usize> = HashMap::new();
    for profile in profiles.iter_mut().filter(|one| times[&one.name] > 1) {
        let nth = seen.entry(profile.name.clone()).or_default();
        *nth += 1;
        profile.name = format!("{}-{nth}", profile.name);
    }
    profiles
}

/// The block for `~/.aws/config`, between marks. The AWS CLI and boto3 cannot read a file in which a section occurs twice, so
/// a new block replaces the old one.
pub fn block(portal: &Portal<'_>, profiles: &[Profile]) -> String {
    let Portal {
        origin,
        start_url,
        region,
    } = portal;
    let mut text = format!(
        "# {NAME} begin: replace the old block, if there is one, up to \"{NAME} end\"\n[sso-session {NAME}]\nsso_start_url = {start_url}\nsso_region = {region}\nsso_registration_scopes = {ACCOUNT_ACCESS}\n\n[services {NAME}]\n"
    );
    for service in SERVICES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{service} =\n  endpoint_url = {origin}");
    }
    for Profile {
        name,
        account,
        role,
        comment,
    } in profiles
    {
        text.push('\n');
        if let Some(comment) = comment {
            let _ = writeln!(text, "# {comment}");
        }
        let _ = writeln!(
            text,
            "[profile {name}]\nsso_session = {NAME}\nsso_account_id = {account}\nsso_role_name = {role}\nregion = {region}\nservices = {NAME}"
        );
    }
    let _ = writeln!(text, "# {NAME} end");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str, account: &str, role: &str) -> Profile {
        Profile {
            name: name.to_owned(),
            account: account.to_owned(),
            role: role.to_owned(),
            comment: None,
        }
    }

    #[test]
    fn no_two_profiles_share_a_name() {
        let names = |profiles: Vec<Profile>| -> Vec<String> {
            unique_names(profiles)
                .into_iter()
                .map(|one| one.name)
                .collect()
        };
        let apart = names(vec![
            profile("a-b-Dev", "111122223333", "Dev"),
            profile("a-b-Dev", "444455556666", "Dev"),
            profile("other-Dev", "777788889999", "Dev"),
        ]);
        assert_eq!(
            apart,
            ["a-b-Dev-111122223333", "a-b-Dev-444455556666", "other-Dev"]
        );
        // A variant `readonly` of `Dev`, and a permission set `Dev-readonly`.
        let counted = names(vec![
            profile("a-Dev-readonly", "111122223333", "Dev-readonly"),
            profile("a-Dev-readonly", "111122223333", "Dev@readonly"),
        ]);
        assert_eq!(
            counted,
            [
                "a-Dev-readonly-111122223333-1",
                "a-Dev-readonly-111122223333-2"
            ]
        );
    }

    #[test]
    fn the_file_is_what_aws_clients_read() {
        let portal = Portal {
            origin: "https://sso.example.com",
            start_url: "https://sso.example.com/start",
            region: "eu-west-1",
        };
        let mut locked = profile("prod-Dev", "111122223333", "Dev@ro");
        locked.comment = Some("needs a sign-in with a second factor".to_owned());
        assert_eq!(
            block(&portal, &[locked]),
            "# rolecall begin: replace the old block, if there is one, up to \"rolecall end\"\n\
             [sso-session rolecall]\nsso_start_url = https://sso.example.com/start\nsso_region = eu-west-1\nsso_registration_scopes = sso:account:access\n\n\
             [services rolecall]\nsso =\n  endpoint_url = https://sso.example.com\nsso_oidc =\n  endpoint_url = https://sso.example.com\nsignin =\n  endpoint_url = https://sso.example.com\n\n\
             # needs a sign-in with a second factor\n[profile prod-Dev]\nsso_session = rolecall\nsso_account_id = 111122223333\nsso_role_name = Dev@ro\nregion = eu-west-1\nservices = rolecall\n# rolecall end\n"
        );
    }
}
