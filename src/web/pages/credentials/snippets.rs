//! The snippets of the credentials page, one for each shell and file format.

use chrono::SecondsFormat;
use rolecall_core::access::Grant;
use rolecall_core::aws::{AccountId, Credentials};
use rolecall_wire::credentials::{Format, RoleCredentials};
use rolecall_wire::shell::profile_name;
use serde_json::Value;

use super::view::{Snippet, mask};

/// The formats with the ID, title and hint of their snippets. The first one is the default.
const FORMATS: [(Format, &str, &str, &str); 7] = [
    (
        Format::Posix,
        "bash",
        "bash, zsh",
        "Paste into the terminal.",
    ),
    (Format::Fish, "fish", "fish", "Paste into the terminal."),
    (
        Format::PowerShell,
        "powershell",
        "PowerShell",
        "Paste into the terminal.",
    ),
    (Format::Cmd, "cmd", "cmd", "Paste into the command prompt."),
    (
        Format::Dotenv,
        "dotenv",
        ".env",
        "Save as .env and keep it out of version control.",
    ),
    (
        Format::CredentialsFile,
        "file",
        "Credentials file",
        "Add to ~/.aws/credentials, then use --profile.",
    ),
    (
        Format::Json,
        "json",
        "JSON",
        "The output format of credential_process.",
    ),
];

/// The JSON format of `credential_process`.
pub fn process(credentials: &Credentials, account: &AccountId) -> Value {
    written(credentials, account, |credentials| credentials.process())
}

/// One snippet for each format.
pub fn snippets(credentials: &Credentials, grant: &Grant) -> Vec<Snippet> {
    let account = grant.account();
    let profile = profile_name(&[account.name.as_str(), grant.permission_set().name.as_str()]);
    let secrets = [
        credentials.secret_access_key.expose(),
        credentials.session_token.expose(),
    ];
    written(credentials, &account.id, |credentials| {
        let snippet = |(format, id, title, hint)| Snippet {
            id,
            title,
            hint,
            parts: mask(&credentials.text(format, &profile), &secrets),
        };
        FORMATS.into_iter().map(snippet).collect()
    })
}

fn written<T>(
    credentials: &Credentials,
    account: &AccountId,
    write: impl FnOnce(RoleCredentials<'_>) -> T,
) -> T {
    let expires_at = credentials.expires_at;
    write(RoleCredentials {
        access_key_id: &credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose(),
        session_token: credentials.session_token.expose(),
        expires_at: &expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        account_id: account.as_str(),
    })
}
