//! Who makes a request, and `Principal` of a statement.

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::arn::account;
use super::condition::strings;

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A person for whom the identity provider with this ARN vouches, before a session exists.
    Federated(String),
    /// An IAM user.
    User {
        /// `arn:aws:iam::…:user/…`
        arn: String,
    },
    /// A session of a role, or a federated user.
    Session {
        /// `arn:aws:sts::…:assumed-role/…` or `…:federated-user/…`
        arn: String,
        /// ARN of the role, or of the user who called GetFederationToken.
        issuer: String,
    },
}

impl Principal {
    /// The ARN of the provider, user or session.
    #[must_use]
    pub fn arn(&self) -> &str {
        match self {
            Principal::Federated(arn)
            | Principal::User { arn }
            | Principal::Session { arn, .. } => arn,
        }
    }

    /// The account of the principal.
    pub(super) fn account(&self) -> &str {
        account(self.arn())
    }
}

/// How a statement includes a principal, from the least to the most specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// By its account, which leaves the decision to the identity-based policies there.
    Account,
    /// By its user, role or provider, or with `*`.
    Itself,
    /// By the ARN of the session.
    Session,
}

/// `Principal` of a statement.
pub(super) enum Principals {
    Everyone,
    Listed {
        federated: Vec<String>,
        /// ARNs of users, roles and sessions.
        aws: Vec<String>,
        /// Partition and ID.
        accounts: Vec<(String, String)>,
    },
}

impl Principals {
    /// Parses the element. Services and canonical users are valid and never match a request to STS.
    pub(super) fn parse(value: &Value) -> anyhow::Result<Self> {
        let kinds = match value {
            Value::String(star) if star == "*" => return Ok(Principals::Everyone),
            Value::Object(kinds) => kinds,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => bail!("Principal must be \"*\" or an object"),
        };
        let (mut federated, mut aws, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, value) in kinds {
            let names = strings(value).with_context(|| format!("Principal {kind}"))?;
            match kind.as_str() {
                "Federated" => federated.extend(names),
                "AWS" if names.iter().any(|name| name == "*") => return Ok(Principals::Everyone),
                "AWS" => {
                    for name in names {
                        match account_named(&name) {
                            Some(found) => accounts.push(found),
                            None => aws.push(checked(name)?),
                        }
                    }
                }
                "Service" | "CanonicalUser" => {}
                other => bail!("{other:?} is not a type of Principal"),
            }
        }
        Ok(Principals::Listed {
            federated,
            aws,
            accounts,
        })
    }

    /// How the principal is included, if it is.
    pub(super) fn include(&self, principal: &Principal) -> Option<Named> {
        let Principals::Listed {
            federated,
            aws,
            accounts,
        } = self
        else {
            return Some(Named::Itself);
        };
        let listed = |arn: &String| aws.contains(arn);
        let (arn, issuer) = match principal {
            Principal::Federated(arn) => return federated.contains(arn).then_some(Named::Itself),
            Principal::User { arn } => (None, arn),
            Principal::Session { arn, issuer } => (Some(arn), issuer),
        };
        if arn.is_some_and(listed) {
            return Some(Named::Session);
        }
        if listed(issuer) {
            return Some(Named::Itself);
        }
        let partition = issuer.split(':').nth(1).unwrap_or_default();
        let account = account(issuer);
        let named =
            |(of, id): &(String, String)| id == account && (of.is_empty() || of == partition);
        accounts.iter().any(named).then_some(Named::Account)
    }
}

/// Partition and ID of an account: `arn:aws:iam::111122223333:root`, or the ID alone.
fn account_named(name: &str) -> Option<(String, String)> {
    let id = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if id(name) {
        return Some((String::new(), name.to_owned()));
    }
    let (partition, rest) = name.strip_prefix("arn:")?.split_once(":iam::")?;
    let account = rest.strip_suffix(":root").filter(|account| id(account))?;
    Some((partition.to_owned(), account.to_owned()))
}

fn checked(name: String) -> anyhow::Result<String> {
    let mut parts = name.splitn(6, ':');
    let (arn, partition, service) = (parts.next(), parts.next(), parts.next());
    ensure!(
        arn == Some("arn")
            && partition.is_some_and(|partition| partition.starts_with("aws"))
            && matches!(service, Some("iam" | "sts"))
            && parts.count() == 3
            && !name.contains('*'),
        "Invalid principal in policy: \"AWS\":\"{name}\""
    );
    Ok(name)
}
