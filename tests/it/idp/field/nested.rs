//! Values nested in arrays, which rules cannot be compared with: never ignored, because a deny rule might depend on them.

use std::path::Path;

use rolecall_core::access::{
    Files, Policy, PolicyContext, PolicyFile, ProviderFacts, ProviderProtocol, UnsupportedFacts,
};
use rolecall_core::aws::Partition;
use rolecall_core::identity::ProviderId;

use super::*;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &Path, _: &str) -> Result<String, String> {
        Err("there are no files".to_owned())
    }
}

/// The policy of a case, or a similar one.
fn policy(access: &str) -> Result<Policy> {
    let source = PolicyFile {
        path: "access.toml".into(),
        text: access.to_owned(),
    };
    let providers = [ProviderFacts {
        id: ProviderId::parse("idp")?,
        title: "The provider".to_owned(),
        domains: Vec::new(),
        unsupported: UnsupportedFacts::default(),
        protocol: ProviderProtocol::default(),
    }];
    let context = PolicyContext {
        partition: Partition::Aws,
        providers: &providers,
        files: &NoFiles,
        trusted_proxies: &[],
    };
    Ok(Policy::parse(&[source], &context)?)
}

const ACCESS: &str = r#"
[[account]]
id = "111122223333"
name = "payments-prod"
[[permission_set]]
name = "Admin"
[[assignment]]
id = "devs"
who = { groups = ["aws-payments"] }
accounts = ["*"]
permission_sets = ["Admin"]
[[deny]]
id = "contractors"
who = { claims = { employment = ["contractor"] } }
permission_sets = ["Admin"]
"#;

/// The claim that causes a rejection, by the provider or by the policy.
async fn refusing(case: &str, sent: Value, access: &str) -> Result<String> {
    let answers = Variation {
        claims: object(sent),
        ..Variation::default()
    };
    match alice_at(answers).await {
        Ok(mut alice) => match policy(access)?.check_claims(&mut alice) {
            Ok(()) => bail!("{case}: signed in with {:?}", alice.groups),
            Err(why) => Ok(why.to_string()),
        },
        Err(ended) => {
            let (word, message) = refused(case, Err(ended))?;
            ensure!(word == "claims", "{case}: {word}, {message}");
            Ok(message)
        }
    }
}

#[tokio::test]
async fn nested_values_are_rejected_with_the_claim_name() -> Result<()> {
    for id in ["F1", "F3"] {
        if let Some(case) = corpus(id)? {
            let sent = case.pointer("/case/claims").cloned().unwrap_or_default();
            let access = case["access"].as_str().unwrap_or(ACCESS);
            let message = refusing(id, sent, access).await?;
            ensure!(message.contains("\"groups\""), "{id}: {message}");
        }
    }
    for (vendor, sent, name) in [
        (
            "Ping: groups as SCIM has them",
            json!({"groups": [{"value": "aws-payments", "display": "Payments"}, {"value": "contractors"}]}),
            "groups",
        ),
        (
            "Keycloak: a script mapper that nests",
            json!({"groups": ["aws-payments", ["contractors", ["x"]]]}),
            "groups",
        ),
        (
            "Auth0: an Action that copies objects",
            json!({"groups": ["aws-payments"], "employment": [{"type": "contractor"}]}),
            "employment",
        ),
        (
            "Curity: a list of lists",
            json!({"groups": ["aws-payments"], "employment": [["contractor"]]}),
            "employment",
        ),
    ] {
        let message = refusing(vendor, sent, ACCESS).await?;
        ensure!(
            message.contains(&format!("\"{name}\"")),
            "{vendor}: {message}"
        );
    }
    // Unused claims can be nested.
    let nested =
        json!({"groups": ["aws-payments"], "addresses": [{"street": "x"}], "photos": [["x"]]});
    let answers = Variation {
        claims: object(nested),
        ..Variation::default()
    };
    let mut alice = alice_at(answers).await?;
    policy(ACCESS)?.check_claims(&mut alice)?;
    Ok(())
}
