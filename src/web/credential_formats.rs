//! Credentials, written for each kind of terminal, file and program. AWS's values are quoted all the same.

use rolecall_core::access::Grant;
use rolecall_core::aws::{AccountId, Credentials};
use serde_json::json;

use super::shell::{fish, powershell, profile_name, sh};
use super::view::{Snippet, mask};

/// The JSON that `credential_process` prints (AWS SDKs, "process credential provider").
pub fn process(credentials: &Credentials, account: &AccountId) -> serde_json::Value {
    json!({
        "Version": 1,
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key.expose(),
        "SessionToken": credentials.session_token.expose(),
        "Expiration": credentials.expires_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "AccountId": account.as_str(),
    })
}

/// One snippet for each way to use the credentials; the first is what most people want.
pub fn snippets(credentials: &Credentials, grant: &Grant) -> Vec<Snippet> {
    let variables = variables(credentials);
    let lines = |write: fn(&str, &str) -> String| {
        variables
            .iter()
            .map(|(name, value)| write(name, value))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let account = grant.account();
    let profile = profile_name(&[account.name.as_str(), grant.permission_set().name.as_str()]);
    let file = format!(
        "[{profile}]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}",
        credentials.access_key_id,
        credentials.secret_access_key.expose(),
        credentials.session_token.expose()
    );
    let json = serde_json::to_string_pretty(&process(credentials, &account.id)).unwrap_or_default();
    let secrets = [
        credentials.secret_access_key.expose(),
        credentials.session_token.expose(),
    ];
    [
        (
            "bash",
            "bash, zsh",
            "Paste into the terminal.",
            lines(|name, value| format!("export {name}={}", sh(value))),
        ),
        (
            "fish",
            "fish",
            "Paste into the terminal.",
            lines(|name, value| format!("set -gx {name} {}", fish(value))),
        ),
        (
            "powershell",
            "PowerShell",
            "Paste into the terminal.",
            lines(|name, value| format!("$Env:{name} = {}", powershell(value))),
        ),
        (
            "cmd",
            "cmd",
            "Paste into the command prompt.",
            lines(|name, value| format!("set \"{name}={value}\"")),
        ),
        (
            "dotenv",
            ".env",
            "Save as .env and keep it out of version control.",
            lines(|name, value| format!("{name}={}", sh(value))),
        ),
        (
            "file",
            "Credentials file",
            "Add to ~/.aws/credentials, then use --profile.",
            file,
        ),
        ("json", "JSON", "What credential_process prints.", json),
    ]
    .into_iter()
    .map(|(id, title, hint, text)| Snippet {
        id,
        title,
        hint,
        parts: mask(&text, &secrets),
    })
    .collect()
}

fn variables(credentials: &Credentials) -> [(&'static str, String); 4] {
    [
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
        (
            "AWS_SECRET_ACCESS_KEY",
            credentials.secret_access_key.expose().to_owned(),
        ),
        (
            "AWS_SESSION_TOKEN",
            credentials.session_token.expose().to_owned(),
        ),
        (
            "AWS_CREDENTIAL_EXPIRATION",
            credentials
                .expires_at
                .to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        ),
    ]
}
