//! Issuing: a grant and an identity become a proof, an order to STS, and credentials that are handed on at once.
//!
//! The order of events is the guarantee: today's policy, then the durable intent, then the proof, then STS, then the
//! durable outcome, and only then the answer.

use futures_util::future::join;
use url::Url;

use crate::access::{
    AttributeError, ConsoleWay, DurationReason, GatewaySaml, Grant, RoleRequest,
    RoleSessionAttributes, Trust, Unmet,
};
use crate::audit::{Actor, Delivery, Happened, Target};
use crate::aws::{
    Advice, ConsoleSignInError, Credentials, Issued, MintedSaml, RoleSessionDuration,
    RoleSessionName, StsRefusal,
};
use crate::limits;
use crate::port::{Source, StoreError};
use crate::rate_limit::LimitExceeded;
use crate::session::Holder;

use super::at_provider::{Mismatch, Proven, Purpose, Wish};
use super::{Gateway, RequestContext};

mod events;
mod proof;

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

/// A role that may be had, with its intent in the trail.
pub(super) struct Prepared {
    pub(super) grant: Grant,
    attributes: RoleSessionAttributes,
    session_name: RoleSessionName,
    duration: RoleSessionDuration,
    /// What the provider itself says to AWS, where the role is convinced by that.
    proven: Option<Proven>,
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
    /// AWS is to be convinced by the person's own provider, and that takes a browser: it goes there, and comes back.
    #[error("this role is reached by way of your identity provider, in a browser")]
    AtProvider {
        /// Where to; nowhere for programs, and where the provider has no application for AWS.
        start: Option<Url>,
    },
    /// The session was ended after it had been found: nothing was delivered.
    #[error("your session has ended")]
    SessionEnded,
    /// The provider's response for AWS is about somebody else, or about another role.
    #[error("the identity provider's response for AWS is {}", .0.said())]
    Mismatch(Mismatch),
    /// The gateway could not mint its own token.
    #[error("the gateway cannot sign tokens")]
    Token(#[source] Source),
    /// AWS said no.
    #[error("AWS refused: {}", .0.code)]
    Refused(Box<Refused>),
    /// No STS endpoint answered.
    #[error("AWS STS is unavailable")]
    StsUnavailable(#[source] Source),
    /// STS was asked and no answer arrived: credentials may have been issued that nobody has.
    #[error("AWS STS was asked and did not answer")]
    StsUnanswered {
        /// How many tries it may have answered.
        tries: u32,
        /// What happened.
        #[source]
        source: Source,
    },
    /// AWS's sign-in endpoint.
    #[error(transparent)]
    Console(#[from] ConsoleSignInError),
    /// Too many requests of this person, or too many STS calls for this account.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
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
            Self::AtProvider { .. } => "at_provider",
            Self::Mismatch(mismatch) => mismatch.code(),
            Self::SessionEnded => "session_ended",
            Self::Token(_) => "token",
            Self::Refused(refused) => refused.refusal.code(),
            Self::StsUnavailable(_) | Self::StsUnanswered { .. } => "sts_unavailable",
            Self::Console(ConsoleSignInError::Refused { .. }) => "console_refused",
            Self::Console(ConsoleSignInError::Unavailable(_)) => "console_unavailable",
            Self::RateLimited(_) => "rate_limited",
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
        let purpose = Purpose::Credentials;
        let wish = Wish::new(role, delivery).or_at_provider(&purpose);
        self.issue(context, holder, wish).await
    }

    /// Credentials for a role.
    pub(super) async fn issue(
        &self,
        context: &RequestContext,
        holder: Holder<'_>,
        wish: Wish<'_>,
    ) -> Result<IssuedRole, IssueError> {
        let prepared = self.prepare(context, holder, wish).await?;
        let grant = prepared.grant.clone();
        let issued = self.assume(context, holder, prepared).await?;
        let duration = grant.duration();
        Ok(IssuedRole {
            grant,
            credentials: issued.credentials,
            duration,
        })
    }

    /// Asks today's policy and writes the intent down. Who gets a [`Prepared`] must end it: [`Self::assume`] or
    /// [`Self::respond`].
    pub(super) async fn prepare(
        &self,
        context: &RequestContext,
        holder: Holder<'_>,
        wish: Wish<'_>,
    ) -> Result<Prepared, IssueError> {
        let Wish { role, delivery, .. } = wish;
        let found = self.find_grant(context, holder, role);
        let granted = found.as_ref().ok();
        let sts = granted.and_then(|grant| sts_bucket(grant, &wish));
        self.admit_issue(holder.identity, sts.as_deref()).await?;
        let grant = match found {
            Ok(grant) => grant,
            Err(error) => return self.refuse(context, holder, role, error).await,
        };
        let attributes = match grant.attributes(holder.identity) {
            Ok(attributes) => attributes,
            Err(error) => return self.refuse(context, holder, role, error.into()).await,
        };
        let proven = match grant.trust().clone() {
            Trust::GatewayOidc | Trust::GatewaySaml(_) => None,
            Trust::ProviderSaml(provider) => match wish.proven {
                None => return Err(self.go_to_provider(holder, &wish).await?),
                Some(proven) => match proven.fits(&grant, &provider, &attributes) {
                    Ok(()) => Some(proven),
                    Err(mismatch) => {
                        let error = IssueError::Mismatch(mismatch);
                        return self.refuse(context, holder, role, error).await;
                    }
                },
            },
        };
        let prepared = Prepared {
            duration: duration_of(&grant, delivery),
            grant,
            attributes,
            session_name: RoleSessionName::of(holder.identity),
            proven,
        };
        let intent = events::intent(holder, &prepared, delivery);
        self.append(context, intent).await?;
        Ok(prepared)
    }

    /// Passes on whether the session still lives, after an outcome; audits that nothing is delivered where it does not.
    pub(super) async fn or_withheld(
        &self,
        context: &RequestContext,
        lives: Result<(), IssueError>,
    ) -> Result<(), IssueError> {
        if lives.is_err() {
            self.record_undelivered(context).await?;
        }
        lives
    }

    /// Audits that nothing of an issue was delivered: its caller hung up, or its session ended.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_undelivered(&self, context: &RequestContext) -> Result<(), StoreError> {
        self.append_outcome(context, Happened::IssueUndelivered {})
            .await
    }

    /// Credentials from STS, and their outcome in the trail. A session that has ended meanwhile gets none of them.
    pub(super) async fn assume(
        &self,
        context: &RequestContext,
        holder: Holder<'_>,
        prepared: Prepared,
    ) -> Result<Issued, IssueError> {
        let asked = self.ask_sts(holder, prepared).await;
        // While AWS was asked the session may have ended. The trail says what AWS issued, delivered or not.
        let outcome = self.append_outcome(context, events::outcome(&asked));
        let (appended, lives) = join(outcome, self.still_lives(holder)).await;
        appended?;
        let issued = asked?;
        self.or_withheld(context, lives).await?;
        Ok(issued)
    }

    /// A SAML response for the browser to post, and that outcome in the trail.
    pub(super) async fn respond(
        &self,
        context: &RequestContext,
        holder: Holder<'_>,
        prepared: Prepared,
        saml: &GatewaySaml,
    ) -> Result<MintedSaml, IssueError> {
        let minted = self.mint_saml(holder.identity, prepared, saml).await;
        let outcome = match minted {
            Ok(minted) => self.still_lives(holder).await.map(|()| minted),
            Err(error) => Err(error),
        };
        self.append_outcome(context, events::posted(&outcome))
            .await?;
        let minted = outcome?;
        // Nobody holds the response yet.
        let lives = self.still_lives(holder).await;
        self.or_withheld(context, lives).await?;
        Ok(minted)
    }

    pub(super) fn find_grant(
        &self,
        context: &RequestContext,
        holder: Holder<'_>,
        role: &RoleRequest,
    ) -> Result<Grant, IssueError> {
        let grants = self.grants_in(&role.account, holder, &context.origin);
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
    pub(super) async fn refuse<T>(
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
}

/// What counts together against AWS's quota: the calls for one account in one Region. None where STS is not asked.
fn sts_bucket(grant: &Grant, wish: &Wish<'_>) -> Option<String> {
    let asks = match grant.trust() {
        Trust::GatewayOidc => true,
        Trust::GatewaySaml(saml) => {
            saml.console != ConsoleWay::SamlPost || wish.delivery != Delivery::Console
        }
        Trust::ProviderSaml(_) => wish.proven.is_some(),
    };
    let account = grant.account();
    let region = account.sts_region.as_ref().map(ToString::to_string);
    asks.then(|| format!("{}/{}", account.id, region.unwrap_or_default()))
}

/// `aws login` renews every quarter of an hour, and its clients know no longer life.
fn duration_of(grant: &Grant, delivery: Delivery) -> RoleSessionDuration {
    match delivery {
        Delivery::AwsLogin => RoleSessionDuration::MIN,
        Delivery::Console | Delivery::Credentials | Delivery::Client => grant.duration_max(),
    }
}
