//! Issuing: a grant and an identity become a proof, an order to STS, and credentials that are handed on at once.
//!
//! The order of events is the guarantee: today's policy, then the durable intent, then the token, then STS, then the
//! durable outcome, and only then the answer.

use serde::{Deserialize, Serialize};

use crate::access::{
    AttributeError, Audience, DurationReason, Grant, RoleSessionAttributes, Trust, Unmet,
};
use crate::audit::{Actor, Delivery, Happened, Target};
use crate::aws::{
    AccountId, Advice, AdviceFacts, AssumeRole, ConsoleSignInError, Credentials, Issued, Proof,
    RoleSessionDuration, RoleSessionName, StsError, StsRefusal, WebIdentityClaims, advice,
};
use crate::identity::{Identity, InvalidSubject, Subject};
use crate::limits;
use crate::port::{Source, StoreError};
use crate::session::Holder;

use super::{Gateway, RequestContext};

/// `aud` where the account names none: what AWS's own documentation uses.
const DEFAULT_AUDIENCE: &str = "sts.amazonaws.com";

/// Which role somebody asks for: names only, never an ARN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRequest {
    /// The account.
    pub account: AccountId,
    /// The permission set's name.
    pub permission_set: String,
    /// The variant's name.
    pub variant: Option<String>,
}

/// Credentials and what a person wants to know of them.
#[derive(Debug)]
pub struct IssuedRole {
    /// What was granted.
    pub grant: Grant,
    /// The credentials.
    pub credentials: Credentials,
    /// How long they were asked for, and which limit made it so.
    pub duration: (RoleSessionDuration, DurationReason),
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Today's policy grants no such role; one that exists and one that does not look alike.
    #[error("this role is not available to you")]
    NotGranted,
    /// The role would be granted if a condition were met.
    #[error("this role needs more than this sign-in")]
    Locked {
        /// What is missing.
        unmet: Vec<Unmet>,
        /// Whom to ask.
        owners: Vec<String>,
    },
    /// A template of the permission set needs a claim that the person does not have.
    #[error(transparent)]
    Attributes(#[from] AttributeError),
    /// The gateway could not mint its own token.
    #[error("the gateway cannot sign tokens")]
    Token(#[source] Source),
    /// AWS said no.
    #[error("AWS refused: {}", .0.code)]
    Refused(Box<Refused>),
    /// No STS endpoint answered.
    #[error("AWS STS is unavailable")]
    StsUnavailable(#[source] Source),
    /// AWS's sign-in endpoint.
    #[error(transparent)]
    Console(#[from] ConsoleSignInError),
    /// Our own store or audit trail.
    #[error("credentials cannot be issued now")]
    Unavailable(#[from] StoreError),
}

/// AWS's no, and what to do about it.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What somebody can act on.
    pub refusal: StsRefusal,
    /// AWS's error code.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// STS's request id.
    pub request_id: Option<String>,
    /// What to do about it.
    pub advice: Advice,
}

impl IssueError {
    /// A stable word for metrics and for the audit trail.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotGranted => "not_granted",
            Self::Locked { .. } => "condition",
            Self::Attributes(_) => "template",
            Self::Token(_) => "token",
            Self::Refused(refused) => refused.refusal.code(),
            Self::StsUnavailable(_) => "sts_unavailable",
            Self::Console(ConsoleSignInError::Refused { .. }) => "console_refused",
            Self::Console(ConsoleSignInError::Unavailable(_)) => "console_unavailable",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl Gateway {
    /// Credentials for a role, for the person to take along.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn credentials<'a>(
        &self,
        context: &RequestContext,
        holder: impl Into<Holder<'a>>,
        role: &RoleRequest,
    ) -> Result<IssuedRole, IssueError> {
        let holder = holder.into();
        let delivery = match holder.flow {
            Some(_) => Delivery::Client,
            None => Delivery::Credentials,
        };
        self.issue(context, holder, role, delivery).await
    }

    pub(super) async fn issue(
        &self,
        context: &RequestContext,
        holder: Holder<'_>,
        role: &RoleRequest,
        delivery: Delivery,
    ) -> Result<IssuedRole, IssueError> {
        let grant = match self.find_grant(context, holder, role) {
            Ok(grant) => grant,
            Err(error) => return self.refuse(context, holder, role, error).await,
        };
        let attributes = match grant.attributes(holder.identity) {
            Ok(attributes) => attributes,
            Err(error) => return self.refuse(context, holder, role, error.into()).await,
        };
        let session_name = RoleSessionName::of(holder.identity);
        let duration = grant.duration_max();
        self.append(
            context,
            intent(holder, &grant, &attributes, &session_name, delivery),
        )
        .await?;
        let outcome = self
            .assume(holder.identity, &grant, attributes, session_name)
            .await;
        self.append(context, outcome_event(&outcome)).await?;
        let reason = grant.duration_reason();
        Ok(IssuedRole {
            grant,
            credentials: outcome?.credentials,
            duration: (duration, reason),
        })
    }

    fn find_grant(
        &self,
        context: &RequestContext,
        holder: Holder<'_>,
        role: &RoleRequest,
    ) -> Result<Grant, IssueError> {
        let grants = self.grants(holder, &context.origin);
        if let Some(grant) =
            grants.find(&role.account, &role.permission_set, role.variant.as_deref())
        {
            return Ok(grant);
        }
        let locked = role.find_locked(&grants);
        Err(
            locked.map_or(IssueError::NotGranted, |locked| IssueError::Locked {
                unmet: locked.unmet,
                owners: locked.owners,
            }),
        )
    }

    /// Audits a refusal and returns it.
    async fn refuse<T>(
        &self,
        context: &RequestContext,
        holder: Holder<'_>,
        role: &RoleRequest,
        error: IssueError,
    ) -> Result<T, IssueError> {
        let target = Target {
            account: role.account.to_string(),
            permission_set: role
                .permission_set
                .chars()
                .take(limits::NAME_SHOWN_CHARS_MAX)
                .collect(),
            variant: role
                .variant
                .as_ref()
                .map(|variant| variant.chars().take(limits::NAME_SHOWN_CHARS_MAX).collect()),
        };
        let refused = Happened::IssueRefused {
            actor: Actor::from(holder.identity),
            target,
            reason: error.word().to_owned(),
        };
        self.append(context, refused).await?;
        Err(error)
    }

    async fn assume(
        &self,
        identity: &Identity,
        grant: &Grant,
        attributes: RoleSessionAttributes,
        session_name: RoleSessionName,
    ) -> Result<Issued, IssueError> {
        let account = grant.account();
        let audience = account
            .audience
            .as_ref()
            .map_or(DEFAULT_AUDIENCE, Audience::as_str);
        let proof = match grant.trust() {
            Trust::GatewayOidc => {
                let claims = WebIdentityClaims {
                    subject: web_identity_subject(identity)
                        .map_err(|error| IssueError::Token(error.into()))?,
                    audience: audience.to_owned(),
                    tags: attributes.tags,
                    source_identity: attributes.source_identity,
                };
                let token = self
                    .world
                    .issuer
                    .mint(&claims)
                    .await
                    .map_err(IssueError::Token)?;
                Proof::WebIdentity {
                    session_name,
                    token,
                }
            }
        };
        let order = AssumeRole {
            role: grant.role().clone(),
            proof,
            region: grant.account().sts_region.clone(),
            duration: grant.duration_max(),
            session_policy: grant.session_policy().cloned(),
            policy_arns: grant.policy_arns().to_vec(),
        };
        self.world
            .sts
            .assume(&order)
            .await
            .map_err(|error| match error {
                StsError::Unavailable(source) => IssueError::StsUnavailable(source),
                StsError::Refused {
                    refusal,
                    code,
                    message,
                    request_id,
                } => {
                    let facts = AdviceFacts {
                        issuer: &self.world.public_url,
                        audience,
                        role: &order.role,
                        duration: order.duration,
                    };
                    let advice = advice(refusal, &facts);
                    IssueError::Refused(Box::new(Refused {
                        refusal,
                        code,
                        message,
                        request_id,
                        advice,
                    }))
                }
            })
    }
}

/// `sub` of a token for AWS, 6 to 255 characters: `provider|subject` where that fits, else `provider#digest`. Provider
/// ids hold neither sign, so the two never meet and no two people share one.
fn web_identity_subject(identity: &Identity) -> Result<Subject, InvalidSubject> {
    let plain = format!("{}|{}", identity.provider, identity.subject);
    let fits = (6..=255).contains(&plain.len()) && plain.bytes().all(|b| b.is_ascii_graphic());
    let text = if fits {
        plain
    } else {
        format!("{}#{}", identity.provider, identity.key())
    };
    Subject::parse(&text)
}

fn intent(
    holder: Holder<'_>,
    grant: &Grant,
    attributes: &RoleSessionAttributes,
    session_name: &RoleSessionName,
    delivery: Delivery,
) -> Happened {
    Happened::IssueIntended {
        actor: Actor::from(holder.identity),
        session: holder.session.to_string(),
        target: Target {
            account: grant.account().id.to_string(),
            permission_set: grant.permission_set().name.to_string(),
            variant: grant.variant().map(ToString::to_string),
        },
        role: grant.role().to_string(),
        assignments: grant.assignments().map(str::to_owned).collect(),
        duration: grant.duration_max().seconds(),
        role_session_name: session_name.as_str().to_owned(),
        source_identity: attributes.source_identity.as_ref().map(ToString::to_string),
        tag_keys: attributes
            .tags
            .iter()
            .map(|(key, _)| key.to_owned())
            .collect(),
        delivery,
    }
}

fn outcome_event(outcome: &Result<Issued, IssueError>) -> Happened {
    match outcome {
        Ok(issued) => Happened::IssueDone {
            access_key_id: issued.credentials.access_key_id.clone(),
            assumed_role: issued.assumed_role_arn.clone(),
            expires_at: issued.credentials.expires_at,
            region: issued.region.clone(),
            request_id: issued.request_id.clone(),
        },
        Err(error) => {
            let refused = match error {
                IssueError::Refused(refused) => Some(refused),
                IssueError::NotGranted
                | IssueError::Locked { .. }
                | IssueError::Attributes(_)
                | IssueError::Token(_)
                | IssueError::StsUnavailable(_)
                | IssueError::Console(_)
                | IssueError::Unavailable(_) => None,
            };
            Happened::IssueFailed {
                reason: error.word().to_owned(),
                aws_code: refused.map(|refused| refused.code.clone()),
                request_id: refused.and_then(|refused| refused.request_id.clone()),
            }
        }
    }
}
