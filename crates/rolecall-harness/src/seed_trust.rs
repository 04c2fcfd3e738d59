//! The accounts of the AWS emulator that do not trust the gateway itself: those for the gateway's IAM user, for a hub role, for
//! federated users and for the users' own providers.

use std::path::Path;

use aws_credential_types::Credentials;
use rolecall_testkit::aws::{AccessKey, Aws, Role};
use rolecall_testkit::saml::{SamlProvider, ServiceProvider};
use rolecalld::aws::OwnCredentials;
use serde_json::{Value, json};

use crate::clock::TestClock;
use crate::files::write_secret;
use crate::sample_data::{
    AUDITOR, CALLER, CALLER_VIA_HUB, CLIENT_ID, EXTERNAL_ID, FEDERATION_TOKEN,
    FEDERATION_TOKEN_FILES, GATEWAY_ACCOUNT, HUB, PROVIDER_OIDC, PROVIDER_SAML, SAML_PROVIDER_ID,
};
use crate::seed_aws::{PERMISSION_SETS, ROLE_SESSION_MAX, permission_set_names};

/// `SAML:aud` of the responses of the users' SAML provider.
const SIGN_IN_ENDPOINT: &str = "https://signin.aws.amazon.com/saml";

/// Creates the IAM users and the roles that trust them. Writes the access key of the account without roles to `folder`, and
/// returns the gateway's own credentials.
pub(crate) fn seed_callers(
    aws: &Aws,
    folder: &Path,
    clock: TestClock,
) -> anyhow::Result<OwnCredentials> {
    let gateway = aws.account(GATEWAY_ACCOUNT)?;
    let user = gateway.user("rolecall-gateway")?;
    let hub = allow(
        &user.user_arn,
        &json!({
            "StringEquals": { "sts:ExternalId": EXTERNAL_ID },
            "StringLike": { "sts:SourceIdentity": "*@example.com" },
        }),
    );
    let hub = gateway.role(HUB, role(&hub))?;
    for permission_set in PERMISSION_SETS {
        let names = permission_set_names(permission_set);
        let direct = json!({
            "StringEquals": { "sts:ExternalId": EXTERNAL_ID, "aws:RequestTag/rolecall:account": CALLER.id },
            "StringLike": { "aws:RequestTag/rolecall:permission-set": names, "sts:SourceIdentity": "*@example.com" },
        });
        // The tags of the session that the hub role issued.
        let via_hub = json!({
            "StringEquals": { "aws:PrincipalTag/rolecall:account": CALLER_VIA_HUB.id },
            "StringLike": { "aws:PrincipalTag/rolecall:permission-set": names },
        });
        for (account, principal, condition) in [
            (CALLER, &user.user_arn, &direct),
            (CALLER_VIA_HUB, &hub, &via_hub),
        ] {
            let name = format!("rolecall/{permission_set}");
            aws.account(account.id)?
                .role(&name, role(&allow(principal, condition)))?;
        }
    }
    let federating = aws.account(FEDERATION_TOKEN.id)?.user("rolecall")?;
    let [id, secret] = FEDERATION_TOKEN_FILES;
    write_secret(&folder.join(id), federating.access_key_id.as_bytes())?;
    write_secret(
        &folder.join(secret),
        federating.secret_access_key.as_bytes(),
    )?;
    Ok(own_credentials(&user, clock))
}

fn own_credentials(user: &AccessKey, clock: TestClock) -> OwnCredentials {
    let (id, secret) = (&user.access_key_id, &user.secret_access_key);
    let key = Credentials::new(id, secret, None, None, "rolecall-harness");
    OwnCredentials::provided(key, std::sync::Arc::new(clock))
}

/// Registers the OpenID provider in the account whose role trusts it.
pub(crate) fn register_provider(aws: &Aws, issuer: &str) -> anyhow::Result<()> {
    let account = aws.account(PROVIDER_OIDC.id)?;
    let arn = account.oidc_provider(issuer, &[CLIENT_ID])?;
    let host = issuer.split_once("://").map_or(issuer, |(_, host)| host);
    let statement = json!({
        "Effect": "Allow",
        "Principal": { "Federated": arn },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": { format!("{host}:aud"): CLIENT_ID } },
    });
    account.role(AUDITOR, role(&statement))?;
    Ok(())
}

/// Registers AWS at the SAML provider, and the SAML provider in the account whose roles trust it.
pub(crate) fn register_aws(
    provider: &SamlProvider,
    aws: &Aws,
    public_url: &str,
) -> anyhow::Result<()> {
    let account = aws.account(PROVIDER_SAML.id)?;
    let arn = account.saml_provider(SAML_PROVIDER_ID, &provider.metadata()?)?;
    let mut pairs = Vec::new();
    for permission_set in PERMISSION_SETS {
        let statement = json!({
            "Effect": "Allow",
            "Principal": { "Federated": arn },
            "Action": ["sts:AssumeRoleWithSAML", "sts:SetSourceIdentity"],
            "Condition": { "StringEquals": { "SAML:aud": SIGN_IN_ENDPOINT } },
        });
        let name = format!("rolecall/{permission_set}");
        let created = account.role(&name, role(&statement))?;
        pairs.push(format!("{created},{arn}"));
    }
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    let consumer = format!("{public_url}/sign-in/{SAML_PROVIDER_ID}/aws-acs");
    let mut application = ServiceProvider::aws(&consumer, &pairs, "{email}");
    let source_identity = "https://aws.amazon.com/SAML/Attributes/SourceIdentity".to_owned();
    let value = vec!["{email}".to_owned()];
    application.attributes.push((source_identity, value));
    provider.register(application);
    Ok(())
}

/// A statement that lets an AWS principal assume a role.
fn allow(principal: &str, condition: &Value) -> Value {
    json!({
        "Effect": "Allow",
        "Principal": { "AWS": principal },
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        "Condition": condition,
    })
}

fn role(statement: &Value) -> Role {
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    Role::with_trust_policy(policy).with_max_session_duration(ROLE_SESSION_MAX)
}
