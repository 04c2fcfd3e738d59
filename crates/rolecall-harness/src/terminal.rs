//! Configuration of unmodified AWS clients for a stack: an AWS configuration file and shell commands.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use rolecall_core::aws::Partition;
use rolecall_core::clients::StartUrls;
use rolecall_wire::config::{self, Portal, Profile, extra};
use url::Url;

use crate::TestStack;

/// The Region in the gateway's configuration.
const REGION: &str = "eu-west-1";
/// Profiles: name, account ID and role. Both alice and bob have these roles.
const PROFILES: [(&str, &str, &str); 2] = [
    ("default", "777788889999", "Developer"),
    ("readonly", "111122223333", "ReadOnly"),
];

impl TestStack {
    /// Writes the configuration file and returns shell commands that select it and unset other AWS variables.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn terminal_setup(&self) -> anyhow::Result<String> {
        let path = self.write_aws_config()?;
        let [(_, _, endpoints), ..] = extra::variables(self.url());
        Ok(format!(
            "unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN\n\
             export AWS_CONFIG_FILE='{}' AWS_EC2_METADATA_DISABLED=true\n\
             {endpoints}\nexport AWS_ENDPOINT_URL_STS='{}'\n",
            path.display(),
            self.aws.url()
        ))
    }

    fn write_aws_config(&self) -> anyhow::Result<PathBuf> {
        let url = Url::parse(self.url()).context("the gateway's URL")?;
        let start_urls = StartUrls::new(&url, Partition::Aws, None, &[]);
        let sts = self.aws.url();
        let portal = Portal {
            origin: self.url(),
            start_url: start_urls.for_profiles(),
            region: REGION,
            sts: Some(&sts),
        };
        let profiles = PROFILES.map(|(name, account, role)| Profile {
            name: name.to_owned(),
            account: account.to_owned(),
            role: role.to_owned(),
            comment: None,
        });
        let path = self.folder().join("aws-config");
        fs::write(&path, config::block(&portal, &profiles))?;
        Ok(path)
    }
}
