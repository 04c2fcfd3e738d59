//! Condition keys that the evaluator knows, with the type and the number of their values (IAM User Guide, "AWS global condition
//! context keys" and "IAM and AWS STS condition context keys").

use anyhow::bail;

/// Type of the values of a condition key. It determines which operators a policy can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Text,
    /// An ARN, for which the String operators can be used as well.
    Arn,
    Bool,
    Date,
    Number,
}

/// A known condition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConditionKey {
    pub kind: KeyKind,
    pub multivalued: bool,
}

const KEYS: [(&str, KeyKind); 34] = [
    ("aws:currenttime", KeyKind::Date),
    ("aws:epochtime", KeyKind::Date),
    ("aws:tokenissuetime", KeyKind::Date),
    ("aws:multifactorauthage", KeyKind::Number),
    ("aws:multifactorauthpresent", KeyKind::Bool),
    ("aws:principalisawsservice", KeyKind::Bool),
    ("aws:securetransport", KeyKind::Bool),
    ("aws:viaawsservice", KeyKind::Bool),
    ("sts:roleauthorizedbyidp", KeyKind::Bool),
    ("aws:federatedprovider", KeyKind::Arn),
    ("aws:principalarn", KeyKind::Arn),
    ("aws:sourcearn", KeyKind::Arn),
    ("aws:principalaccount", KeyKind::Text),
    ("aws:principalorgid", KeyKind::Text),
    ("aws:principaltype", KeyKind::Text),
    ("aws:requestedregion", KeyKind::Text),
    ("aws:resourceaccount", KeyKind::Text),
    ("aws:resourceorgid", KeyKind::Text),
    ("aws:sourceaccount", KeyKind::Text),
    ("aws:sourceidentity", KeyKind::Text),
    ("aws:sourceorgid", KeyKind::Text),
    ("aws:userid", KeyKind::Text),
    ("aws:username", KeyKind::Text),
    ("saml:aud", KeyKind::Text),
    ("saml:cn", KeyKind::Text),
    ("saml:doc", KeyKind::Text),
    ("saml:iss", KeyKind::Text),
    ("saml:mail", KeyKind::Text),
    ("saml:namequalifier", KeyKind::Text),
    ("saml:sub", KeyKind::Text),
    ("saml:sub_type", KeyKind::Text),
    ("sts:externalid", KeyKind::Text),
    ("sts:rolesessionname", KeyKind::Text),
    ("sts:sourceidentity", KeyKind::Text),
];
const MULTIVALUED: [&str; 3] = [
    "aws:tagkeys",
    "saml:edupersonaffiliation",
    "sts:transitivetagkeys",
];
const TAGS: [&str; 3] = ["aws:principaltag/", "aws:requesttag/", "aws:resourcetag/"];

impl ConditionKey {
    /// The key with this name, in any case.
    ///
    /// # Errors
    /// If the evaluator does not know the key.
    pub(super) fn parse(name: &str) -> anyhow::Result<Self> {
        let lower = name.to_ascii_lowercase();
        let single = |kind| ConditionKey {
            kind,
            multivalued: false,
        };
        if let Some((_, kind)) = KEYS.iter().find(|(known, _)| *known == lower) {
            return Ok(single(*kind));
        }
        let tag = TAGS.iter().find_map(|prefix| lower.strip_prefix(prefix));
        if tag.is_some_and(|key| !key.is_empty()) {
            return Ok(single(KeyKind::Text));
        }
        let claim = lower
            .rsplit_once(':')
            .filter(|(issuer, _)| is_issuer(issuer));
        match claim.map(|(_, claim)| claim) {
            Some("aud" | "oaud" | "sub") => Ok(single(KeyKind::Text)),
            Some("amr") => Ok(Self::multivalued()),
            None if MULTIVALUED.contains(&lower.as_str()) => Ok(Self::multivalued()),
            Some(_) | None => bail!("{name:?} is not a condition key that the evaluator knows"),
        }
    }

    fn multivalued() -> Self {
        ConditionKey {
            kind: KeyKind::Text,
            multivalued: true,
        }
    }
}

/// Whether this is the issuer of an OIDC provider without its scheme: a host with a domain, and perhaps port and path.
fn is_issuer(text: &str) -> bool {
    let host = text.split(['/', ':']).next().unwrap_or_default();
    host.contains('.') || host == "localhost"
}
