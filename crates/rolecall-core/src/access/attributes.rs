//! What a role session says about its person: session tags and source identity, rendered from claims.
//!
//! A claim that is missing refuses the session: an empty or a guessed tag would be matched by somebody's IAM policy.

use crate::access::catalog::PermissionSet;
use crate::access::grant::Grant;
use crate::access::template::{Placeholder, RenderError, Template};
use crate::aws::{InvalidTag, Partition, RoleSessionTags, SourceIdentity, TagKey};
use crate::caller::Facts;
use crate::identity::{Identity, UntrustedEmail};

/// The tag that is always there: the account's id.
pub const ACCOUNT_TAG: &str = "rolecall:account";
/// The tag that is always there: the permission set's name, with `@` and the variant.
pub const PERMISSION_SET_TAG: &str = "rolecall:permission-set";

/// Session tags and source identity of one role session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSessionAttributes {
    /// `Tags`
    pub tags: RoleSessionTags,
    /// `SourceIdentity`
    pub source_identity: Option<SourceIdentity>,
}

/// Why a role session cannot say what its permission set asks it to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// The person lacks a value, or has it empty.
    #[error("{attribute} is made of {{{placeholder}}}, and your identity provider sent none")]
    Missing {
        /// Which tag, or the source identity.
        attribute: String,
        /// What is lacking.
        placeholder: String,
    },
    /// An address was sent that is not believed.
    #[error("{attribute} is made of {{email}}, and the address {unbelieved}")]
    Unbelieved {
        /// Which tag, or the source identity.
        attribute: String,
        /// Which address, and why.
        untrusted: UntrustedEmail,
    },
    /// The person has more than one value.
    #[error("{attribute} is made of {{{placeholder}}}, and your identity provider sent several")]
    Several {
        /// Which tag, or the source identity.
        attribute: String,
        /// What there is too much of.
        placeholder: String,
    },
    /// AWS does not take the value.
    #[error("{attribute} cannot hold what your identity provider sent: {rule}")]
    Unfit {
        /// Which tag, or the source identity.
        attribute: String,
        /// AWS's rule.
        rule: String,
    },
}

impl AttributeError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "ask the administrators of your identity provider to release it, or Rolecall's to change the permission set"
            }
            Self::Unbelieved { untrusted, .. } => untrusted.hint(),
            Self::Several { .. } => {
                "ask the administrators of Rolecall to use a claim that has one value"
            }
            Self::Unfit { .. } => "ask the administrators of Rolecall to make it of something else",
        }
    }
}

impl Grant {
    /// Session tags and source identity for the person: those of every session, and those that are configured.
    ///
    /// # Errors
    /// [`AttributeError`].
    pub fn attributes(&self, facts: &Facts<'_>) -> Result<RoleSessionAttributes, AttributeError> {
        let account = self.account().id.as_str();
        let partition = self.role().partition();
        attributes_of(
            self.permission_set(),
            partition,
            account,
            self.role_name(),
            facts,
        )
    }
}

/// Why no session of this permission set can be had for the person, in whichever account; none when one can.
pub(super) fn unusable(
    set: &PermissionSet,
    partition: Partition,
    facts: &Facts<'_>,
) -> Option<AttributeError> {
    set.templates().next()?;
    // Any account's id will do: they are all of one form.
    attributes_of(set, partition, "000000000000", set.role_name(None), facts).err()
}

fn attributes_of(
    set: &PermissionSet,
    partition: Partition,
    account: &str,
    role_name: String,
    facts: &Facts<'_>,
) -> Result<RoleSessionAttributes, AttributeError> {
    let identity = facts.identity();
    let always = [
        (ACCOUNT_TAG, account.to_owned()),
        (PERMISSION_SET_TAG, role_name),
    ];
    let mut tags = RoleSessionTags::default();
    for (key, value) in always {
        let key = TagKey::parse(key).map_err(|error| unfit(key, error))?;
        add(&mut tags, key, &value)?;
    }
    for (key, template) in &set.session_tags {
        let value = render(template, identity, || tag_title(key.as_str()))?;
        add(&mut tags, key.clone(), &value)?;
    }
    let source_identity = match &set.source_identity {
        None => None,
        Some(template) => {
            let title = "the source identity";
            let text = render(template, identity, || title.to_owned())?;
            Some(SourceIdentity::parse(&text, partition).map_err(|error| unfit(title, error))?)
        }
    };
    Ok(RoleSessionAttributes {
        tags,
        source_identity,
    })
}

fn add(tags: &mut RoleSessionTags, key: TagKey, value: &str) -> Result<(), AttributeError> {
    let title = tag_title(key.as_str());
    tags.add(key, value)
        .map_err(|error: InvalidTag| unfit(&title, error))
}

fn tag_title(key: &str) -> String {
    format!("the session tag {key}")
}

fn unfit(attribute: &str, rule: impl std::fmt::Display) -> AttributeError {
    AttributeError::Unfit {
        attribute: attribute.to_owned(),
        rule: rule.to_string(),
    }
}

fn render(
    template: &Template,
    identity: &Identity,
    attribute: impl Fn() -> String,
) -> Result<String, AttributeError> {
    let name = |placeholder: Placeholder| placeholder.to_string();
    let untrusted = identity.untrusted_email.as_ref();
    template.render(identity).map_err(|missing| match missing {
        RenderError::Absent(placeholder) => {
            match untrusted.filter(|_| placeholder == Placeholder::Email) {
                Some(untrusted) => AttributeError::Unbelieved {
                    attribute: attribute(),
                    untrusted: untrusted.clone(),
                },
                None => AttributeError::Missing {
                    attribute: attribute(),
                    placeholder: name(placeholder),
                },
            }
        }
        RenderError::Several(placeholder) => AttributeError::Several {
            attribute: attribute(),
            placeholder: name(placeholder),
        },
    })
}
