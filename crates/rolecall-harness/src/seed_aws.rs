//! The AWS emulator is set up as an administrator sets up AWS: with the CloudFormation templates that `rolecalld aws
//! cloudformation` generates from the configuration of the stack, and with access keys for the IAM users.

use std::collections::BTreeMap;
use std::path::Path;

use aws_credential_types::Credentials;
use rolecall_core::provisioning::{self, AccountPlan, Installation};
use rolecall_testkit::aws::{AccessKey, Aws, Deployed, Partition};
use rolecalld::aws::OwnCredentials;
use rolecalld::config;
use rolecalld::provisioning::cloudformation::{self, Delivery};

use crate::clock::TestClock;
use crate::files::write_secret;
use crate::sample_data::{FEDERATION_TOKEN, FEDERATION_TOKEN_FILES, GATEWAY_ACCOUNT};

/// Name of the gateway's IAM user.
const GATEWAY_USER: &str = "rolecall-gateway";

/// `[aws] gateway_principal`: ARN of the gateway's IAM user.
pub(crate) fn gateway_principal(partition: Partition) -> String {
    let partition = partition.name();
    format!("arn:{partition}:iam::{GATEWAY_ACCOUNT}:user/{GATEWAY_USER}")
}

/// Creates the IAM user of the gateway, and returns its access key.
pub(crate) fn create_gateway_user(aws: &Aws, clock: TestClock) -> anyhow::Result<OwnCredentials> {
    let user = aws.account(GATEWAY_ACCOUNT)?.user(GATEWAY_USER)?;
    let AccessKey {
        access_key_id,
        secret_access_key,
        ..
    } = user;
    let key = Credentials::new(
        access_key_id,
        secret_access_key,
        None,
        None,
        "rolecall-harness",
    );
    Ok(OwnCredentials::provided(key, std::sync::Arc::new(clock)))
}

/// Deploys the generated templates of all accounts, in place of those that were deployed before. `provider_metadata` is the metadata
/// of SAML providers, by their names in IAM.
///
/// The access key of the account without roles is written to the files that the sample data names. A configuration that cannot be
/// read is reported by the gateway.
pub(crate) fn deploy(
    aws: &Aws,
    config: &Path,
    provider_metadata: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let Ok(loaded) = config::load_offline(config, &[]) else {
        return Ok(());
    };
    let settings = &loaded.settings;
    let domains = settings.access.email_domains();
    let saml_metadata = settings.saml_metadata();
    let installation = Installation {
        email_domains: &domains,
        saml_metadata: saml_metadata.as_deref(),
        provider_metadata: Some(provider_metadata),
        ..settings.installation()
    };
    let plan = provisioning::plan(&loaded.access.policy, &installation, None)
        .map_err(|errors| anyhow::anyhow!("nothing can be generated: {errors:?}"))?;
    for account in &plan.accounts {
        let deployed = deploy_account(aws, account)?;
        if account.id.as_str() == FEDERATION_TOKEN.id
            && let Some(key) = deployed.users.first()
        {
            let folder = config.parent().unwrap_or(Path::new("."));
            let [id, secret] = FEDERATION_TOKEN_FILES;
            write_secret(&folder.join(id), key.access_key_id.as_bytes())?;
            write_secret(&folder.join(secret), key.secret_access_key.as_bytes())?;
        }
    }
    Ok(())
}

fn deploy_account(aws: &Aws, plan: &AccountPlan) -> anyhow::Result<Deployed> {
    let account = aws.account(plan.id.as_str())?;
    let mut all = Deployed::default();
    let templates = cloudformation::templates(plan, Delivery::Inline)?;
    for (number, template) in (1..).zip(templates) {
        let number: usize = number;
        let Deployed { roles, users } =
            account.deploy(&format!("rolecall-{number}"), &template, &[])?;
        all.roles.extend(roles);
        all.users.extend(users);
    }
    Ok(all)
}
