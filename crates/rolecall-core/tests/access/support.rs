//! Policies from text and people: the common base of the access tests.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::access::{
    ConfigErrors, Files, Grants, OidcClientFacts, Policy, PolicyContext, PolicyFile, ProviderFacts,
    ProviderProtocol, UnsupportedFacts,
};
use rolecall_core::aws::Partition;
use rolecall_core::base::secret::SecretText;
use rolecall_core::caller::{Circumstances, Facts};
use rolecall_core::identity::{
    AuthTime, Claims, EmailAddress, EmailDomain, Evidence, Identity, ProviderId, Subject,
};

/// Files that a policy refers to.
pub struct Texts(pub &'static [(&'static str, &'static str)]);

impl Files for Texts {
    fn read(&self, _: &Path, path: &str) -> Result<String, String> {
        let found = self.0.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| "no such file".to_owned())
    }
}

pub const FILES: Texts = Texts(&[
    ("key.id", "AKIAIOSFODNN7EXAMPLE"),
    ("key.secret", "canary-secret-access-key-of-a-user"),
    (
        "no-delete.json",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}}"#,
    ),
    ("broken.json", "{"),
]);

/// One account and one permission set for everybody. The keys of the permission set can be appended.
pub const ONE_ROLE: &str = r#"
[[account]]
id = "111122223333"
name = "one"
[[assignment]]
id = "a"
who = { everyone = true }
accounts = ["one"]
permission_sets = ["P"]
[[permission_set]]
name = "P"
"#;

/// A provider that is trusted for these domains.
pub fn provider(id: &str, domains: &[&str]) -> ProviderFacts {
    let domains = domains.iter();
    ProviderFacts {
        id: ProviderId::parse(id).unwrap(),
        title: id.to_owned(),
        domains: domains
            .map(|domain| EmailDomain::parse(domain).unwrap())
            .collect(),
        unsupported: UnsupportedFacts::default(),
        protocol: ProviderProtocol::Oidc(OidcClientFacts {
            issuer: format!("https://{id}.example"),
            client_id: format!("client-at-{id}"),
            is_confidential: true,
            has_extra_audiences: false,
        }),
    }
}

/// `okta`, trusted for example.com, and `google`, trusted for google.example.
pub fn providers() -> Vec<ProviderFacts> {
    vec![
        provider("okta", &["example.com"]),
        provider("google", &["google.example"]),
    ]
}

pub fn parse_files(files: &[(&str, &str)]) -> Result<Policy, ConfigErrors> {
    parse_for(&providers(), files)
}

/// Parses files for these providers.
pub fn parse_for(
    providers: &[ProviderFacts],
    files: &[(&str, &str)],
) -> Result<Policy, ConfigErrors> {
    let sources: Vec<PolicyFile> = files
        .iter()
        .map(|(path, text)| PolicyFile {
            path: (*path).into(),
            text: (*text).to_owned(),
        })
        .collect();
    let context = PolicyContext {
        partition: Partition::Aws,
        providers,
        files: &FILES,
        trusted_proxies: &["192.0.2.0/28".parse().unwrap()],
    };
    Policy::parse(&sources, &context)
}

pub fn parse(text: &str) -> Result<Policy, ConfigErrors> {
    parse_files(&[("access.toml", text)])
}

/// Parses a valid policy.
#[track_caller]
pub fn policy(text: &str) -> Policy {
    match parse(text) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}"),
    }
}

pub fn now() -> DateTime<Utc> {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

/// Facts about a person under the default circumstances.
pub fn facts(identity: &Identity) -> Facts<'_> {
    Facts::new(identity, circumstances())
}

/// At noon, in the company network, with a browser.
pub fn circumstances() -> Circumstances {
    Circumstances {
        now: now(),
        address: Some("10.1.2.3".parse().unwrap()),
        device_flow: false,
    }
}

/// A person of okta without groups or claims, who signed in ten minutes ago with one factor.
pub fn person(name: &str) -> Identity {
    Identity {
        provider: ProviderId::parse("okta").unwrap(),
        subject: Subject::parse(name).unwrap(),
        email: EmailAddress::parse(&format!("{name}@example.com")).ok(),
        name: Some(name.to_owned()),
        groups: vec![],
        claims: Claims::default(),
        unread_claims: Default::default(),
        untrusted_email: None,
        mfa: false,
        unconfirmed_mfa: None,
        auth_time: AuthTime::Stated,
        asserted_at: now() - TimeDelta::minutes(10),
        evidence: Evidence::IdToken {
            token: SecretText::new(String::new()),
            sid: None,
        },
    }
}

pub fn in_groups(mut identity: Identity, groups: &[&str]) -> Identity {
    identity.groups = groups.iter().map(|group| (*group).to_owned()).collect();
    identity
}

pub fn with_claims(mut identity: Identity, claims: &[(&str, &[&str])]) -> Identity {
    let claims: BTreeMap<_, _> = claims
        .iter()
        .map(|(name, values)| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            ((*name).to_owned(), values)
        })
        .collect();
    identity.claims = Claims::parse(claims).unwrap();
    identity
}

pub fn labels(grants: &Grants) -> Vec<String> {
    grants.iter().map(|grant| grant.label()).collect()
}

/// The labels of the person's grants under the default circumstances.
pub fn granted(policy: &Policy, identity: &Identity) -> Vec<String> {
    labels(&policy.grants(&facts(identity)))
}
