//! Attributes of a role session: session tags and source identity, rendered from claims.
//!
//! A missing claim is an error: an IAM policy could match an empty or a guessed tag.

use std::collections::VecDeque;

use crate::access::grant::Grant;
use crate::access::permission_set::PermissionSet;
use crate::access::template::{Placeholder, RenderError, Template};
use crate::aws::{InvalidTag, PackedSize, Partition, RoleSessionTags, SourceIdentity, TagKey};
use crate::caller::Facts;
use crate::identity::{Identity, UntrustedEmail};

/// Session tag of every role session: the account ID.
pub const ACCOUNT_TAG: &str = "rolecall:account";
/// Session tag of every role session: the name of the permission set, with `@` and the variant.
pub const PERMISSION_SET_TAG: &str = "rolecall:permission-set";

/// Session tags and source identity of one role session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleSessionAttributes {
    /// Session tags (`Tags`), at most 50.
    pub tags: RoleSessionTags,
    /// `SourceIdentity`; `None` if the permission set configures none.
    pub source_identity: Option<SourceIdentity>,
    /// Keys of the optional tags, in the order in which they are left out.
    optional: VecDeque<TagKey>,
    /// Optional tags that were left out.
    omitted: Vec<TagKey>,
}

impl RoleSessionAttributes {
    /// Leaves out the next optional tag. Returns false if there is none.
    pub(crate) fn drop_optional_tag(&mut self) -> bool {
        let Some(key) = self.optional.pop_front() else {
            return false;
        };
        self.tags.remove(&key);
        self.omitted.push(key);
        true
    }

    /// The keys of optional tags that were left out: the person has no valid value, or there was no space.
    pub fn omitted_tags(&self) -> impl Iterator<Item = &TagKey> {
        self.omitted.iter()
    }

    /// Without any optional tag.
    fn required(mut self) -> Self {
        while self.drop_optional_tag() {}
        self
    }
}

/// Why the attributes of a role session cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// The person has no value, or an empty one, for the placeholder.
    #[error("{attribute} uses {{{placeholder}}}, but your identity provider sent no value")]
    Missing {
        /// The session tag, or the source identity.
        attribute: String,
        /// The placeholder without a value.
        placeholder: String,
    },
    /// The provider sent an e-mail address that is not trusted.
    #[error("{attribute} uses {{email}}, but the address {untrusted}")]
    UntrustedEmail {
        /// The session tag, or the source identity.
        attribute: String,
        /// The address, and the reason.
        untrusted: UntrustedEmail,
    },
    /// The person has more than one value for the placeholder.
    #[error("{attribute} uses {{{placeholder}}}, but your identity provider sent several values")]
    Several {
        /// The session tag, or the source identity.
        attribute: String,
        /// The placeholder with several values.
        placeholder: String,
    },
    /// STS does not have enough space for the session policies and session tags.
    #[error(
        "the session policies and session tags of this role take {percent} % of the space that AWS STS has for them"
    )]
    TooLarge {
        /// Percentage of the space that they take, at least.
        percent: usize,
    },
    /// AWS does not accept the value.
    #[error("{attribute} cannot contain the value that your identity provider sent: {rule}")]
    Unfit {
        /// The session tag, or the source identity.
        attribute: String,
        /// The rule of AWS that the value violates.
        rule: String,
    },
}

impl AttributeError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "ask the administrators of your identity provider to send it, or the administrators of Rolecall to change the permission set"
            }
            Self::UntrustedEmail { untrusted, .. } => untrusted.hint(),
            Self::Several { .. } => {
                "ask the administrators of Rolecall to use a claim that has one value"
            }
            Self::Unfit { .. } => "ask the administrators of Rolecall to use another claim",
            Self::TooLarge { .. } => {
                "ask the administrators of Rolecall to shorten session_policy, or to use fewer or optional session_tags"
            }
        }
    }
}

impl Grant {
    /// Renders the session tags and the source identity for the person: those of every session, and the configured
    /// ones.
    ///
    /// # Errors
    /// [`AttributeError`].
    pub fn attributes(&self, facts: &Facts<'_>) -> Result<RoleSessionAttributes, AttributeError> {
        if self.trust().provider_oidc().is_some() {
            // The token of the provider is sent as it is.
            return Ok(RoleSessionAttributes::default());
        }
        let account = self.account().id.as_str();
        let partition = self.role().partition();
        let attributes = attributes_of(
            self.permission_set(),
            partition,
            account,
            self.role_name(),
            facts,
        )?;
        Ok(match self.trust().assumes_role() {
            true => attributes,
            false => RoleSessionAttributes {
                source_identity: None,
                ..attributes
            },
        })
    }
}

/// Why the person cannot have a session of this permission set in any account; `None` if they can.
pub(super) fn unusable(
    set: &PermissionSet,
    partition: Partition,
    facts: &Facts<'_>,
) -> Option<AttributeError> {
    set.templates().next()?;
    // The account ID does not matter: all have the same format.
    let attributes = attributes_of(set, partition, "000000000000", set.role_name(None), facts);
    match attributes {
        Err(error) => Some(error),
        // Variants have the same tags, and can have other policies.
        Ok(attributes) => {
            let percent = PackedSize::of(None, &[], &attributes.required().tags).minimum();
            (percent > 100).then_some(AttributeError::TooLarge { percent })
        }
    }
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
    let (mut optional, mut omitted) = (VecDeque::new(), Vec::new());
    for tag in &set.session_tags {
        let title = || tag_title(tag.key.as_str());
        let value = render(&tag.value, identity, RoleSessionTags::accepts, title);
        let added = value.and_then(|value| add(&mut tags, tag.key.clone(), &value));
        match added {
            Ok(()) if tag.optional => optional.push_back(tag.key.clone()),
            Ok(()) => {}
            Err(_) if tag.optional => omitted.push(tag.key.clone()),
            Err(error) => return Err(error),
        }
    }
    let source_identity = match &set.source_identity {
        None => None,
        Some(template) => {
            let title = "the source identity";
            let accepted = SourceIdentity::accepts;
            let text = render(template, identity, accepted, || title.to_owned())?;
            Some(SourceIdentity::parse(&text, partition).map_err(|error| unfit(title, error))?)
        }
    };
    Ok(RoleSessionAttributes {
        tags,
        source_identity,
        optional,
        omitted,
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
    accepted: impl Fn(char) -> bool,
    attribute: impl Fn() -> String,
) -> Result<String, AttributeError> {
    let name = |placeholder: Placeholder| placeholder.to_string();
    let untrusted = identity.untrusted_email.as_ref();
    let rendered = template.render(identity, accepted);
    rendered.map_err(|missing| match missing {
        RenderError::Absent(placeholder) => {
            match untrusted.filter(|_| placeholder == Placeholder::Email) {
                Some(untrusted) => AttributeError::UntrustedEmail {
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
