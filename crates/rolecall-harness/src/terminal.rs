//! Settings that make an unmodified `aws`, boto3 or SDK use a stack: an AWS configuration file, and a block of shell commands.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use rolecall_core::aws::Partition;
use rolecall_core::clients::StartUrls;
use url::Url;

use crate::TestStack;

/// The Region of the gateway's configuration.
const REGION: &str = "eu-west-1";
/// The AWS services whose endpoints are in the stack.
const SERVICES: [&str; 4] = ["sso", "sso_oidc", "signin", "sts"];
/// Profiles: name, account and role. Both alice and bob have these roles.
const PROFILES: [(&str, &str, &str); 2] = [
    ("default", "777788889999", "Developer"),
    ("profile readonly", "111122223333", "ReadOnly"),
];

impl TestStack {
    /// Writes the file and returns shell commands that select it, whatever the shell was configured for before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn terminal_setup(&self) -> anyhow::Result<String> {
        let path = self.write_aws_config()?;
        let variable = |service: &str| format!("AWS_ENDPOINT_URL_{}", service.to_uppercase());
        let endpoints = SERVICES.map(|service| {
            format!(
                "export {}='{}'\n",
                variable(service),
                self.endpoint_of(service)
            )
        });
        Ok(format!(
            "unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN\n\
             export AWS_CONFIG_FILE='{}' AWS_EC2_METADATA_DISABLED=true\n{}",
            path.display(),
            endpoints.concat()
        ))
    }

    fn endpoint_of(&self, service: &str) -> String {
        match service {
            "sts" => self.aws.url(),
            _ => self.url().to_owned(),
        }
    }

    fn write_aws_config(&self) -> anyhow::Result<PathBuf> {
        let url = Url::parse(self.url()).context("the gateway's own address")?;
        let start_urls = StartUrls::new(&url, Partition::Aws, None, &[]);
        let services = SERVICES.map(|service| {
            format!(
                "{service} =\n  endpoint_url = {}\n",
                self.endpoint_of(service)
            )
        });
        let profiles = PROFILES.map(|(name, account, role)| {
            format!(
                "\n[{name}]\nsso_session = rolecall\nsso_account_id = {account}\nsso_role_name = {role}\nregion = {REGION}\nservices = rolecall\n"
            )
        });
        let text = format!(
            "[sso-session rolecall]\nsso_start_url = {}\nsso_region = {REGION}\nsso_registration_scopes = sso:account:access\n\n[services rolecall]\n{}{}",
            start_urls.for_profiles(),
            services.concat(),
            profiles.concat()
        );
        let path = self.folder().join("aws-config");
        fs::write(&path, text)?;
        Ok(path)
    }
}
