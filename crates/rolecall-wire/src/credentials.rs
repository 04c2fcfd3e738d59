//! Formats of role credentials for shells, files and programs. Values are always quoted.

use serde_json::{Value, json};

use crate::shell::{fish, powershell, sh};

/// Temporary credentials. They do not implement `Debug` because they are secrets.
#[derive(Clone, Copy)]
pub struct RoleCredentials<'a> {
    /// `AccessKeyId`.
    pub access_key_id: &'a str,
    /// `SecretAccessKey`.
    pub secret_access_key: &'a str,
    /// `SessionToken`.
    pub session_token: &'a str,
    /// Time of expiry: RFC 3339, UTC, in whole seconds.
    pub expires_at: &'a str,
    /// `AccountId`: 12 digits.
    pub account_id: &'a str,
}

/// Formats of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `export`, for bash, zsh and other POSIX shells.
    Posix,
    /// `set -gx`, for fish.
    Fish,
    /// `$Env:`, for PowerShell.
    PowerShell,
    /// `set`, for Windows' command prompt.
    Cmd,
    /// A `.env` file.
    Dotenv,
    /// A section of `~/.aws/credentials`.
    CredentialsFile,
    /// The output of `credential_process`.
    Json,
}

impl RoleCredentials<'_> {
    /// The JSON output of `credential_process` (AWS SDKs and Tools Reference Guide, "Process credential provider").
    pub fn process(&self) -> Value {
        json!({
            "Version": 1,
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "SessionToken": self.session_token,
            "Expiration": self.expires_at,
            "AccountId": self.account_id,
        })
    }

    /// Names and values of the environment variables.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ACCESS_KEY_ID", self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key),
            ("AWS_SESSION_TOKEN", self.session_token),
            ("AWS_CREDENTIAL_EXPIRATION", self.expires_at),
        ]
    }

    /// The credentials in a format. `profile` is the section of a credentials file and must not need quoting: see
    /// [`profile_name`](crate::shell::profile_name).
    pub fn text(&self, format: Format, profile: &str) -> String {
        let lines = |write: fn(&str, &str) -> String| {
            let lines = self.variables().map(|(name, value)| write(name, value));
            lines.join("\n")
        };
        match format {
            Format::Posix => lines(|name, value| format!("export {name}={}", sh(value))),
            Format::Fish => lines(|name, value| format!("set -gx {name} {}", fish(value))),
            Format::PowerShell => {
                lines(|name, value| format!("$Env:{name} = {}", powershell(value)))
            }
            Format::Cmd => lines(|name, value| format!("set \"{name}={value}\"")),
            Format::Dotenv => lines(|name, value| format!("{name}={}", sh(value))),
            Format::CredentialsFile => format!(
                "[{profile}]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}",
                self.access_key_id, self.secret_access_key, self.session_token
            ),
            Format::Json => serde_json::to_string_pretty(&self.process()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_expected_syntax() {
        let credentials = RoleCredentials {
            access_key_id: "ASIA1",
            secret_access_key: "s/+'",
            session_token: "t=",
            expires_at: "2026-03-01T09:00:00Z",
            account_id: "111122223333",
        };
        for (format, line) in [
            (Format::Posix, r"export AWS_SECRET_ACCESS_KEY='s/+'\'''"),
            (Format::Fish, r"set -gx AWS_SECRET_ACCESS_KEY 's/+\''"),
            (Format::PowerShell, "$Env:AWS_SECRET_ACCESS_KEY = 's/+'''"),
            (Format::Cmd, "set \"AWS_SECRET_ACCESS_KEY=s/+'\""),
            (Format::Dotenv, r"AWS_SECRET_ACCESS_KEY='s/+'\'''"),
            (Format::CredentialsFile, "aws_secret_access_key = s/+'"),
        ] {
            let text = credentials.text(format, "prod-Dev");
            assert!(text.lines().any(|one| one == line), "{format:?}: {text}");
        }
        let file = credentials.text(Format::CredentialsFile, "prod-Dev");
        assert!(file.starts_with("[prod-Dev]\n"));
        let json: Value = serde_json::from_str(&credentials.text(Format::Json, "")).unwrap();
        assert_eq!(json["Version"], 1);
        assert_eq!(json["Expiration"], "2026-03-01T09:00:00Z");
        assert_eq!(json["AccountId"], "111122223333");
    }
}
