//! Configuration that some programs require in addition to the block: environment variables and more sections.

use super::NAME;
use crate::shell;

/// Environment variables for the endpoints of the services.
const VARIABLES: [&str; 3] = [
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_SIGNIN",
];

/// The lines that set the variables in each shell, with the ID and the name of the shell.
pub fn variables(origin: &str) -> [(&'static str, &'static str, String); 4] {
    let lines = |write: fn(&str, &str) -> String| {
        VARIABLES.map(|variable| write(variable, origin)).join("\n")
    };
    [
        (
            "bash",
            "bash, zsh",
            lines(|name, value| format!("export {name}={}", shell::sh(value))),
        ),
        (
            "fish",
            "fish",
            lines(|name, value| format!("set -gx {name} {}", shell::fish(value))),
        ),
        (
            "powershell",
            "PowerShell",
            lines(|name, value| format!("$Env:{name} = {}", shell::powershell(value))),
        ),
        (
            "cmd",
            "cmd",
            lines(|name, value| format!("set \"{name}={value}\"")),
        ),
    ]
}

/// The `[default]` section, for commands without a profile and for SDKs that ignore the services of a profile named in code.
pub fn default_section() -> String {
    format!("[default]\nservices = {NAME}\n")
}

/// A profile for a role that is assumed from the role of `source`. Without `services`, its credentials are requested from AWS.
pub fn chained_profile(partition: &str, source: &str, region: &str) -> String {
    format!(
        "[profile NAME]\nrole_arn = arn:{partition}:iam::ACCOUNT_ID:role/ROLE_NAME\nsource_profile = {source}\nregion = {region}\nservices = {NAME}\n"
    )
}

/// A profile for programs that support neither `services` nor the variables: the AWS CLI provides the credentials.
pub fn process_profile(source: &str, region: &str) -> String {
    format!(
        "[profile {source}-process]\ncredential_process = aws configure export-credentials --profile {source} --format process\nregion = {region}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_syntax_of_each_shell() {
        let lines = variables("https://sso.example.com").map(|(id, _, text)| {
            let first = text.lines().next().map(str::to_owned);
            (id, first.unwrap_or_default())
        });
        let url = "https://sso.example.com";
        assert_eq!(
            lines,
            [
                ("bash", format!("export AWS_ENDPOINT_URL_SSO='{url}'")),
                ("fish", format!("set -gx AWS_ENDPOINT_URL_SSO '{url}'")),
                ("powershell", format!("$Env:AWS_ENDPOINT_URL_SSO = '{url}'")),
                ("cmd", format!("set \"AWS_ENDPOINT_URL_SSO={url}\"")),
            ]
        );
    }

    #[test]
    fn chained_profile_has_partition() {
        assert_eq!(
            chained_profile("aws-cn", "prod-Dev", "cn-north-1"),
            "[profile NAME]\nrole_arn = arn:aws-cn:iam::ACCOUNT_ID:role/ROLE_NAME\nsource_profile = prod-Dev\nregion = cn-north-1\nservices = rolecall\n"
        );
    }
}
