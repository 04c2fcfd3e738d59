//! AWS as an application of the users' SAML provider, for accounts whose roles trust it.

use rolecall_testkit::aws::Partition;
use rolecall_testkit::saml::{SamlProvider, ServiceProvider};

use crate::sample_data::{PROVIDER_SAML, SAML_PROVIDER_ID};

/// The permission sets of the sample data with a role in such an account.
const PERMISSION_SETS: [&str; 3] = ["Administrator", "Developer", "ReadOnly"];

/// The pairs of role and provider that the application offers, in the account of the sample data.
fn pairs(partition: Partition) -> Vec<String> {
    let account = format!("arn:{}:iam::{}", partition.name(), PROVIDER_SAML.id);
    let pairs = PERMISSION_SETS.iter().map(|name| {
        format!("{account}:role/rolecall/{name},{account}:saml-provider/{SAML_PROVIDER_ID}")
    });
    pairs.collect()
}

/// Registers AWS at the provider. Its responses are for AWS, and posted to the gateway.
pub(crate) fn register(provider: &SamlProvider, partition: Partition, public_url: &str) {
    let pairs = pairs(partition);
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    let consumer = format!("{public_url}/sign-in/{SAML_PROVIDER_ID}/aws-acs");
    let mut application = ServiceProvider::aws(&consumer, &pairs, "{email}");
    let source_identity = "https://aws.amazon.com/SAML/Attributes/SourceIdentity".to_owned();
    let value = vec!["{email}".to_owned()];
    application.attributes.push((source_identity, value));
    provider.register(application);
}
