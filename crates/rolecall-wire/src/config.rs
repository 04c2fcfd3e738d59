//! Text for `~/.aws/config`: profiles for a user's roles, and environment variables.
//!
//! A profile references a `[services]` section, which an `[sso-session]` cannot. A client without a profile, or one that ignores
//! the services of a profile, needs the `[default]` section or the environment variables.

pub mod extra;

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::sso_oidc::ACCOUNT_ACCESS;

/// Name of the `[sso-session]` and of the `[services]` section.
const NAME: &str = "rolecall";
/// Services with the endpoint of the gateway.
const SERVICES: [&str; 3] = ["sso", "sso_oidc", "signin"];

/// The portal that the profiles use.
pub struct Portal<'a> {
    /// Origin of the gateway, without a trailing slash.
    pub origin: &'a str,
    /// `sso_start_url`.
    pub start_url: &'a str,
    /// `sso_region`, and the Region of the profiles.
    pub region: &'a str,
    /// Endpoint of STS, for an AWS emulator; `None` for AWS's own endpoints.
    pub sts: Option<&'a str>,
}

/// A `[profile …]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Unique name without characters that need quoting. `default` is the default profile.
    pub name: String,
    /// `sso_account_id`.
    pub account: String,
    /// `sso_role_name`.
    pub role: String,
    /// Comment of one line before the section, such as a requirement of the role.
    pub comment: Option<String>,
}

/// Makes the names of profiles unique: appends the account ID and, if names are still equal, a number.
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

/// The block for `~/.aws/config`, with a first and a last line that mark it. The AWS CLI and boto3 reject a file with duplicate
/// sections, so a new block must replace the previous one.
pub fn block(portal: &Portal<'_>, profiles: &[Profile]) -> String {
    let Portal {
        origin,
        start_url,
        region,
        sts,
    } = portal;
    let mut text = format!(
        "# {NAME} begin: replace the old block, if there is one, up to \"{NAME} end\"\n[sso-session {NAME}]\nsso_start_url = {start_url}\nsso_region = {region}\nsso_registration_scopes = {ACCOUNT_ACCESS}\n\n[services {NAME}]\n"
    );
    let services = SERVICES.map(|service| (service, *origin));
    for (service, endpoint) in services.into_iter().chain(sts.map(|sts| ("sts", sts))) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{service} =\n  endpoint_url = {endpoint}");
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
        let section = match name.as_str() {
            "default" => name.clone(),
            name => format!("profile {name}"),
        };
        let _ = writeln!(
            text,
            "[{section}]\nsso_session = {NAME}\nsso_account_id = {account}\nsso_role_name = {role}\nregion = {region}\nservices = {NAME}"
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
    fn profile_names_are_unique() {
        let names = |profiles: Vec<Profile>| -> Vec<String> {
            unique_names(profiles)
                .into_iter()
                .map(|one| one.name)
                .collect()
        };
        let by_account = names(vec![
            profile("a-b-Dev", "111122223333", "Dev"),
            profile("a-b-Dev", "444455556666", "Dev"),
            profile("other-Dev", "777788889999", "Dev"),
        ]);
        assert_eq!(
            by_account,
            ["a-b-Dev-111122223333", "a-b-Dev-444455556666", "other-Dev"]
        );
        // A variant `readonly` of `Dev`, and a permission set `Dev-readonly`.
        let numbered = names(vec![
            profile("a-Dev-readonly", "111122223333", "Dev-readonly"),
            profile("a-Dev-readonly", "111122223333", "Dev@readonly"),
        ]);
        assert_eq!(
            numbered,
            [
                "a-Dev-readonly-111122223333-1",
                "a-Dev-readonly-111122223333-2"
            ]
        );
    }

    #[test]
    fn block_has_format_of_aws_config() {
        let portal = Portal {
            origin: "https://sso.example.com",
            start_url: "https://sso.example.com/start",
            region: "eu-west-1",
            sts: None,
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

    #[test]
    fn default_profile_and_sts_endpoint_are_written() {
        let portal = Portal {
            origin: "http://127.0.0.1:8400",
            start_url: "http://127.0.0.1:8400/start",
            region: "eu-west-1",
            sts: Some("http://127.0.0.1:8403"),
        };
        let text = block(&portal, &[profile("default", "111122223333", "Dev")]);
        assert!(text.contains("\nsts =\n  endpoint_url = http://127.0.0.1:8403\n\n[default]\n"));
    }
}
