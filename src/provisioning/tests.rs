//! Texts of the access files and of metadata stay as they are in every kind of resource.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rolecall_core::access::{
    Files, OidcClientFacts, Policy, PolicyContext, PolicyFile, ProviderFacts, ProviderProtocol,
    UnsupportedFacts,
};
use rolecall_core::aws::{Partition, Region};
use rolecall_core::identity::ProviderId;
use rolecall_core::provisioning::{AccountPlan, GatewayPrincipal, Installation, plan};
use serde_json::{Value, json};
use url::Url;

use super::cloudformation::{self, Delivery};
use super::terraform::{self, Syntax, value_of};

struct KeyFiles;

impl Files for KeyFiles {
    fn read(&self, _: &std::path::Path, path: &str) -> Result<String, String> {
        match path {
            "id" => Ok("AKIAIOSFODNN7EXAMPLE".to_owned()),
            other => Ok(other.to_owned()),
        }
    }
}

/// An account for each kind of resource, with this text wherever one is free.
fn accounts(text: &str, metadata: &str) -> Vec<AccountPlan> {
    let document = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{text}") },
    ] });
    let quoted = |text: &str| Value::from(text).to_string();
    let (description, inline) = (quoted(text), quoted(&document.to_string()));
    let access = format!(
        r#"
account = [
    {{ id = "111122223333", name = "saml", trust = "gateway-saml", saml_provider_arn = "arn:aws:iam::111122223333:saml-provider/rolecall" }},
    {{ id = "222233334444", name = "caller", trust = "caller", via = "arn:aws:iam::999988887777:role/hub" }},
    {{ id = "333344445555", name = "oidc", trust = "provider-oidc", provider = "okta" }},
    {{ id = "444455556666", name = "provider", trust = "provider-saml", saml_provider_arn = "arn:aws:iam::444455556666:saml-provider/okta" }},
    {{ id = "555566667777", name = "user", trust = "federation-token", credentials = {{ access_key_id = {{ file = "id" }}, secret_access_key = {{ file = "secret" }} }} }},
]
permission_set = [{{ name = "P", description = {description}, inline_policy = {inline}, policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] }}]
assignment = [{{ id = "a", who = {{ everyone = true }}, accounts = ["*"], permission_sets = ["P"] }}]
"#
    );
    let provider = ProviderFacts {
        id: ProviderId::parse("okta").unwrap(),
        title: "Okta".to_owned(),
        domains: Vec::new(),
        unsupported: UnsupportedFacts::default(),
        protocol: ProviderProtocol::Oidc(OidcClientFacts {
            issuer: "https://okta.example".to_owned(),
            client_id: text.to_owned(),
            is_confidential: true,
            has_extra_audiences: false,
        }),
    };
    let context = PolicyContext {
        partition: Partition::Aws,
        providers: &[provider],
        files: &KeyFiles,
        trusted_proxies: &[],
    };
    let source = PolicyFile {
        path: "access.toml".into(),
        text: access,
    };
    let policy = Policy::parse(&[source], &context).unwrap();
    let (issuer, region) = (
        Url::parse("https://sso.example.com").unwrap(),
        Region::parse("eu-west-1").unwrap(),
    );
    let principal = GatewayPrincipal::parse("arn:aws:iam::999988887777:user/gateway").unwrap();
    let provider_metadata = BTreeMap::from([("okta".to_owned(), metadata.to_owned())]);
    let installation = Installation {
        principal: Some(&principal),
        saml_metadata: Some(metadata),
        provider_metadata: Some(&provider_metadata),
        ..Installation::new(&issuer, &region)
    };
    plan(&policy, &installation, None).unwrap().accounts
}

/// All strings of a JSON value.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(members) => members.values().for_each(|member| strings(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The strings that a plan must contain in an account: description of the role, resource, metadata, client.
fn expected(plan: &AccountPlan, text: &str, metadata: &str) -> Vec<String> {
    let is_latin = |c: char| matches!(c, ' '..='~' | '\u{a1}'..='\u{ff}');
    let description = text.chars().map(|c| if is_latin(c) { c } else { '?' });
    let description: String = description.collect();
    let resource = format!("arn:aws:s3:::{text}");
    match plan.name.as_ref().map_or("", |name| name.as_str()) {
        "saml" | "provider" => vec![description, resource, metadata.to_owned()],
        "oidc" => vec![description, resource, text.to_owned()],
        "user" => vec![resource],
        "caller" => vec![description, resource],
        _ => Vec::new(),
    }
}

proptest! {
    #[test]
    fn texts_of_every_resource_keep_their_value(
        text in r#"[!-~]([${}%"\\' ]|[^\p{Cc}\p{Z}]){0,60}[!-~]"#,
        metadata in r#"([${}%"\\\n]|[^\p{Cc}])*"#,
    ) {
        for plan in accounts(&text, &metadata) {
            let expected = expected(&plan, &text, &metadata);
            let templates = cloudformation::templates(&plan, Delivery::S3).unwrap();
            let template: Value = serde_json::from_str(&templates[0]).unwrap();
            let mut found = Vec::new();
            strings(&template, &mut found);
            for text in &expected {
                prop_assert!(found.contains(text), "{text:?} in {template:#}");
            }
            // No function of CloudFormation in the template of one account, but references to its own resources.
            prop_assert!(!templates[0].contains("\"Fn::"), "{}", templates[0]);
            let configuration = terraform::configuration(&plan, Syntax::Json);
            let configuration: Value = serde_json::from_str(&configuration).unwrap();
            let (mut templates, mut found) = (Vec::new(), Vec::new());
            strings(&configuration["resource"], &mut templates);
            for template in &templates {
                let Some(value) = value_of(template) else {
                    // A reference to another resource.
                    prop_assert!(template.starts_with("${aws_iam_") && template.ends_with('}'), "{template}");
                    continue;
                };
                // A document in a string.
                let document = value.starts_with('{').then(|| serde_json::from_str::<Value>(&value).ok());
                if let Some(document) = document.flatten() {
                    strings(&document, &mut found);
                }
                found.push(value);
            }
            for text in &expected {
                prop_assert!(found.contains(text), "{text:?} in {configuration:#}");
            }
        }
    }
}
