//! Accounts of the AWS emulator. Each trusts the gateway as an OIDC provider and as a SAML provider, and has the roles that the
//! gateway issues. The access policy determines which trust is used.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rolecall_core::aws::Region;
use rolecall_testkit::aws::{Aws, Partition, Role};
use rolecalld::aws::keys::KeyDirectory;
use rolecalld::aws::{AwsSettings, ResponseIssuer};
use rolecalld::world::SystemEntropy;

use crate::clock::TestClock;
use crate::sample_data::{ACCOUNTS, SAML_PROVIDER, SampleAccount};

/// The permission sets with a role in every account.
pub(crate) const PERMISSION_SETS: [&str; 3] = ["Administrator", "Developer", "ReadOnly"];
/// `MaxSessionDuration` of the roles. The permission sets use less.
pub(crate) const ROLE_SESSION_MAX: Duration = Duration::from_secs(12 * 3_600);

/// The tag `rolecall:permission-set` of sessions of a permission set, with and without a variant.
pub(crate) fn permission_set_names(permission_set: &str) -> [String; 2] {
    [permission_set.to_owned(), format!("{permission_set}@*")]
}

/// Registers the gateway in every account and creates the roles that it issues.
pub(crate) fn seed_aws(
    aws: &Aws,
    issuer: &str,
    keys: KeyDirectory,
    clock: TestClock,
) -> anyhow::Result<()> {
    let saml = ResponseIssuer::open(
        issuer,
        keys,
        AwsSettings {
            partition: rolecall_core::aws::Partition::Aws,
            role_claim: true,
            sts_region: Region::parse("eu-west-1")?,
            sts_fallback_regions: Vec::new(),
            sts_endpoint: None,
            signin_endpoint: Some(aws.url().parse()?),
        },
        Arc::new(clock),
        Arc::new(SystemEntropy),
    )?;
    let metadata = saml.metadata().context("there is a key for SAML")?.body;
    let host = issuer
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    for SampleAccount { id, .. } in ACCOUNTS {
        let account = aws.account(id)?;
        let oidc = account.oidc_provider(issuer, &["sts.amazonaws.com"])?;
        let by_saml = account.saml_provider(SAML_PROVIDER, &metadata)?;
        for permission_set in PERMISSION_SETS {
            let statement = |provider: &str, action: &str, (key, value): (String, String)| {
                serde_json::json!({
                    "Effect": "Allow",
                    "Principal": { "Federated": provider },
                    "Action": [action, "sts:TagSession", "sts:SetSourceIdentity"],
                    "Condition": {
                        "StringEquals": { key: value, "aws:RequestTag/rolecall:account": id },
                        "StringLike": { "aws:RequestTag/rolecall:permission-set": permission_set_names(permission_set), "sts:SourceIdentity": "*@example.com" },
                    },
                })
            };
            let mut by_token = statement(
                &oidc,
                "sts:AssumeRoleWithWebIdentity",
                (format!("{host}:aud"), "sts.amazonaws.com".to_owned()),
            );
            // Elsewhere the gateway does not send the claim by default.
            if aws.partition() == Partition::Aws {
                by_token["Condition"]["Bool"] =
                    serde_json::json!({ "sts:RoleAuthorizedByIdp": "true" });
            }
            let trust = serde_json::json!({ "Version": "2012-10-17", "Statement": [
                by_token,
                statement(&by_saml, "sts:AssumeRoleWithSAML", ("SAML:aud".to_owned(), format!("{}/saml", aws.url()))),
            ] });
            account.role(
                &format!("rolecall/{permission_set}"),
                Role::with_trust_policy(trust).with_max_session_duration(ROLE_SESSION_MAX),
            )?;
        }
    }
    Ok(())
}
