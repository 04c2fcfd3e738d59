//! The access policies of the tests. Each text is parsed once in a process, because nearly every test needs the same one.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rolecall_core::access::{
    Files, Policy, PolicyContext, ProviderFacts, Source, UnsupportedFacts,
};
use rolecall_core::aws::Partition;

use super::id;

/// Payments' two accounts; a sandbox for whoever signed in; a permission set for each thing that can be said.
pub const ACCESS: &str = r#"
[[account]]
id = "111122223333"
name = "payments-prod"
audience = "rolecall-payments"
sts_region = "eu-central-1"
[[account]]
id = "777788889999"
name = "sandbox"

[[permission_set]]
name = "Developer"
role = "rolecall/Developer"
session_duration = "4h"
destination = "https://console.aws.amazon.com/cloudwatch/"
session_policy = { file = "no-delete.json" }
session_tags = { team = "{claims.department}", user = "{email}" }
source_identity = "{email}"
variants = { readonly = { policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"], session_duration = "30m" } }
[[permission_set]]
name = "Plain"
[[permission_set]]
name = "Careful"
[[permission_set]]
name = "Elsewhere"

[[assignment]]
id = "payments-developers"
who = { groups = ["payments-dev"] }
accounts = ["payments-prod"]
permission_sets = ["Developer"]
session_duration = "2h"
[[assignment]]
id = "sandbox-for-all"
who = { everyone = true }
accounts = ["sandbox"]
permission_sets = ["Plain"]
[[assignment]]
id = "careful-with-two-factors"
who = { everyone = true }
accounts = ["sandbox"]
permission_sets = ["Careful"]
when = { mfa = true, network = ["10.0.0.0/8"] }
[[assignment]]
id = "others"
who = { groups = ["somebody-else"] }
accounts = ["payments-prod"]
permission_sets = ["Elsewhere"]
"#;

pub const NO_DELETE: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}}"#;

struct OneFile;

impl Files for OneFile {
    fn read(&self, _: &std::path::Path, path: &str) -> Result<String, String> {
        match path {
            "no-delete.json" => Ok(NO_DELETE.to_owned()),
            other => Err(format!("{other} is not there")),
        }
    }
}

/// The policy of a text without a mistake.
#[track_caller]
pub fn policy(access: &str) -> Policy {
    static PARSED: Mutex<BTreeMap<String, Policy>> = Mutex::new(BTreeMap::new());
    if let Some(policy) = PARSED.lock().unwrap().get(access) {
        return policy.clone();
    }
    let policy = parse(access);
    let mut parsed = PARSED.lock().unwrap();
    parsed.entry(access.to_owned()).or_insert(policy).clone()
}

#[track_caller]
fn parse(access: &str) -> Policy {
    let provider = |name: &str| ProviderFacts {
        id: id(name),
        title: name.to_owned(),
        domains: vec![],
        unsupported: UnsupportedFacts::default(),
    };
    let context = PolicyContext {
        partition: Partition::Aws,
        providers: &[provider("okta"), provider("google")],
        files: &OneFile,
        trusted_proxies: &[],
    };
    let source = Source {
        path: "access.toml".into(),
        text: access.to_owned(),
    };
    match Policy::parse(&[source], &context) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}"),
    }
}
