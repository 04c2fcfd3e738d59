//! What some programs need besides the block: environment variables, and sections that each person adds where they apply.

use super::NAME;
use crate::shell;

/// Environment variables with the endpoint of a service.
const VARIABLES: [&str; 3] = [
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_SIGNIN",
];

/// The variables for each kind of terminal: its id, its name, and the lines.
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

/// The services of every command without a profile, and of SDKs that ignore the services of a profile named in code.
pub fn default_section() -> String {
    format!("[default]\nservices = {NAME}\n")
}

/// A profile for a role that is assumed from one of ours. Without `services` its credentials are asked of AWS's own endpoints.
pub fn chained_profile(partition: &str, source: &str, region: &str) -> String {
    format!(
        "[profile NAME]\nrole_arn = arn:{partition}:iam::ACCOUNT_ID:role/ROLE_NAME\nsource_profile = {source}\nregion = {region}\nservices = {NAME}\n"
    )
}

/// A profile for programs that neither `services` nor the variables lead here: the AWS CLI gets the credentials for them.
pub fn process_profile(source: &str, region: &str) -> String {
    format!(
        "[profile {source}-process]\ncredential_process = aws configure export-credentials --profile {source} --format process\nregion = {region}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_last_as_long_as_their_terminal() {
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
    fn a_role_of_china_has_its_partition() {
        assert_eq!(
            chained_profile("aws-cn", "prod-Dev", "cn-north-1"),
            "[profile NAME]\nrole_arn = arn:aws-cn:iam::ACCOUNT_ID:role/ROLE_NAME\nsource_profile = prod-Dev\nregion = cn-north-1\nservices = rolecall\n"
        );
    }
}
