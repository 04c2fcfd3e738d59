//! Each partition has its own ARNs, Regions, audiences and limits.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{Credentials, Region};
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use rolecall_testkit::aws::{AccessKey, Aws, AwsSettings, Partition, Role};
use serde_json::json;

const ACCOUNT: &str = "111122223333";

/// A client of this Region with the key of a user.
fn client(aws: &Aws, key: &AccessKey, region: &str) -> aws_sdk_sts::Client {
    let (id, secret) = (&key.access_key_id, &key.secret_access_key);
    let config = aws_sdk_sts::Config::builder()
        .region(Region::new(region.to_owned()))
        .endpoint_url(aws.url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .credentials_provider(Credentials::new(id, secret, None, None, "test"));
    aws_sdk_sts::Client::from_conf(config.build())
}

#[tokio::test]
async fn arns_of_other_partitions_and_regions_are_rejected() -> Result<()> {
    for partition in Partition::ALL {
        let name = partition.name();
        let aws = Aws::start(AwsSettings {
            partition,
            ..AwsSettings::default()
        })?;
        let account = aws.account(ACCOUNT)?;
        let user = account.user("gateway")?;
        assert_eq!(
            user.user_arn,
            format!("arn:{name}:iam::{ACCOUNT}:user/gateway")
        );
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": user.user_arn},
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
        }]});
        let role =
            Role::with_trust_policy(trust).with_max_session_duration(Duration::from_secs(3_600));
        let role = account.role("path/Developer", role)?;
        assert_eq!(
            role,
            format!("arn:{name}:iam::{ACCOUNT}:role/path/Developer")
        );
        let region = partition.regions()[0];
        let sts = client(&aws, &user, region);
        let assume = |role: &str| {
            let request = sts.assume_role().role_arn(role);
            request.role_session_name("alice")
        };
        let output = assume(&role).send().await?;
        let session = output.assumed_role_user().context("a role")?.arn();
        assert_eq!(
            session,
            format!("arn:{name}:sts::{ACCOUNT}:assumed-role/Developer/alice")
        );
        let long = assume(&role).source_identity("a".repeat(65)).send().await;
        assert_eq!(long.is_ok(), partition == Partition::Aws, "{name}");
        for other in Partition::ALL {
            if other == partition {
                continue;
            }
            let foreign = format!("arn:{}:iam::{ACCOUNT}:role/path/Developer", other.name());
            let error = assume(&foreign)
                .send()
                .await
                .err()
                .context("it was issued")?;
            assert_eq!(error.code(), Some("ValidationError"), "{foreign}");
            let elsewhere = client(&aws, &user, other.regions()[0]);
            let error = elsewhere.get_caller_identity().send().await.err();
            let error = error.context("it was answered")?;
            assert_eq!(error.code(), Some("SignatureDoesNotMatch"), "{other:?}");
        }
    }
    Ok(())
}
