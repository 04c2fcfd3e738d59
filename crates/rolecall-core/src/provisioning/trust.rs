//! Trust policies: each accepts the sessions that the gateway requests for the role, by account, permission set and source
//! identity. Session name, duration, session policies and other session tags are not restricted.

use std::collections::BTreeMap;

use super::document::{Action, Condition, Effect, Operator, PolicyDocument, Principal, Statement};
use super::role::RoleUse;
use super::{AccountText, Installation, PlanError};
use crate::access::{
    ACCOUNT_TAG, Account, CallerTrust, GatewaySaml, PERMISSION_SET_TAG, ProviderOidc, Trust,
};
use crate::aws::{Recipient, SamlProviderArn};

/// Prefix of the condition keys for tags of the request.
const REQUEST_TAG: &str = "aws:RequestTag/";
/// Prefix of the condition keys for tags of the session that makes the request.
const PRINCIPAL_TAG: &str = "aws:PrincipalTag/";
/// The source identity that the request sets.
const REQUESTED_SOURCE_IDENTITY: &str = "sts:SourceIdentity";
/// The source identity of the session that makes the request.
const SOURCE_IDENTITY: &str = "aws:SourceIdentity";

/// The issuer that IAM knows without an OIDC provider.
pub(super) const GOOGLE: &str = "accounts.google.com";

/// What convinces the roles of an account.
struct Proof {
    principal: Principal,
    action: Action,
    conditions: Vec<Condition>,
    session: SessionKeys,
}

/// What a role can require of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SessionKeys {
    /// Tags and source identity that the request sets.
    OfRequest,
    /// Tags and source identity of the session that makes the request.
    OfPrincipal,
    /// The source identity that the request sets. Tags are not those of the gateway.
    SourceIdentity,
    /// Nothing: neither tags nor source identity are those of the gateway.
    Nothing,
}

impl SessionKeys {
    /// Prefix of the condition keys of session tags.
    pub fn tag_prefix(self) -> Option<&'static str> {
        match self {
            Self::OfRequest => Some(REQUEST_TAG),
            Self::OfPrincipal => Some(PRINCIPAL_TAG),
            Self::SourceIdentity | Self::Nothing => None,
        }
    }

    /// Condition key of the source identity.
    pub fn source_identity(self) -> Option<&'static str> {
        match self {
            Self::OfRequest | Self::SourceIdentity => Some(REQUESTED_SOURCE_IDENTITY),
            Self::OfPrincipal => Some(SOURCE_IDENTITY),
            Self::Nothing => None,
        }
    }
}

/// Names of permission sets, by the patterns of their source identities: those with the same patterns share a statement.
pub(super) type NamesBySource = BTreeMap<Option<Vec<String>>, Vec<String>>;

/// The names of the permission sets that use a role.
pub(super) fn names_by_source(
    uses: &[RoleUse<'_>],
    installation: &Installation<'_>,
) -> NamesBySource {
    let mut names_by_source = NamesBySource::new();
    for role_use in uses {
        let template = role_use.permission_set.source_identity.as_ref();
        let patterns = template.map(|template| template.patterns(installation.email_domains));
        let names = names_by_source.entry(patterns).or_default();
        names.extend(role_use.names());
    }
    names_by_source
}

/// The trust policy of a role; `None` if the account has no roles.
pub(super) fn trust_policy(
    account: &Account,
    installation: &Installation<'_>,
    uses: &[RoleUse<'_>],
) -> Result<Option<PolicyDocument>, PlanError> {
    let Some(proof) = Proof::of(account, installation)? else {
        return Ok(None);
    };
    let mut statements: Vec<Statement> = Vec::new();
    for (source, names) in names_by_source(uses, installation) {
        let statement = proof.statement(names, source);
        if !statements.contains(&statement) {
            statements.push(statement);
        }
    }
    Ok(Some(PolicyDocument::new(statements)))
}

impl Proof {
    fn of(account: &Account, installation: &Installation<'_>) -> Result<Option<Self>, PlanError> {
        match &account.trust {
            Trust::GatewayOidc => Ok(Some(Self::token(account, installation))),
            Trust::GatewaySaml(saml) => Self::saml(account, saml, installation).map(Some),
            Trust::Caller(caller) => Self::caller(account, caller, installation).map(Some),
            Trust::ProviderOidc(provider) => Ok(Some(Self::id_token(provider, installation))),
            Trust::ProviderSaml(arn) => Ok(Some(Self::provider_saml(account, arn, installation))),
            Trust::FederationToken(_) => Ok(None),
        }
    }

    /// An ID token of the identity provider, of which IAM compares only the client.
    fn id_token(provider: &ProviderOidc, installation: &Installation<'_>) -> Self {
        let name = provider.condition_prefix();
        let principal = match name {
            GOOGLE => AccountText::from(GOOGLE),
            _ => AccountText::around_account_id(
                format!("arn:{}:iam::", installation.partition),
                format!(":oidc-provider/{name}"),
            ),
        };
        Self {
            principal: Principal::Federated(principal),
            action: Action::AssumeRoleWithWebIdentity,
            conditions: vec![Condition::one(
                Operator::StringEquals,
                format!("{name}:aud"),
                provider.client_id.as_str(),
            )],
            session: SessionKeys::Nothing,
        }
    }

    /// A SAML response that the identity provider issues for AWS, for the sign-in endpoint of the partition or of the Region.
    fn provider_saml(
        account: &Account,
        arn: &SamlProviderArn,
        installation: &Installation<'_>,
    ) -> Self {
        let partition = installation.partition;
        let global = format!("https://{}/saml", partition.sign_in_domain());
        let region = account.sts_region.as_ref();
        let regional = Recipient::of(partition, region.unwrap_or(installation.sts_region));
        let regional = regional.map(|recipient| recipient.to_string());
        let regional = regional.filter(|recipient| *recipient != global);
        let (before, after) = arn.around_account();
        Self {
            principal: Principal::Federated(AccountText::around_account_id(before, after)),
            action: Action::AssumeRoleWithSaml,
            conditions: vec![Condition::any(
                Operator::StringEquals,
                "SAML:aud",
                std::iter::once(global).chain(regional),
            )],
            session: SessionKeys::SourceIdentity,
        }
    }

    /// A token of the gateway.
    fn token(account: &Account, installation: &Installation<'_>) -> Self {
        let provider = installation.oidc_provider();
        let (before, after) = provider.arn_around(installation.partition);
        let mut conditions = vec![Condition::one(
            Operator::StringEquals,
            provider.condition_key("aud"),
            account.token_audience(),
        )];
        if installation.enforces_role_claim() {
            conditions.push(role_named());
        }
        Self {
            principal: Principal::Federated(AccountText::around_account_id(before, after)),
            action: Action::AssumeRoleWithWebIdentity,
            conditions,
            session: SessionKeys::OfRequest,
        }
    }

    /// A SAML response of the gateway.
    fn saml(
        account: &Account,
        saml: &GatewaySaml,
        installation: &Installation<'_>,
    ) -> Result<Self, PlanError> {
        let region = account.sts_region.as_ref();
        let recipient = Recipient::for_account(
            saml.recipient.as_ref(),
            installation.signin_endpoint,
            installation.partition,
            region.unwrap_or(installation.sts_region),
        );
        let recipient = recipient.ok_or_else(|| PlanError::NoRecipient {
            account: account.name.to_string(),
        })?;
        let (before, after) = saml.provider.around_account();
        let entity_id = installation.saml_entity_id();
        Ok(Self {
            principal: Principal::Federated(AccountText::around_account_id(before, after)),
            action: Action::AssumeRoleWithSaml,
            conditions: vec![
                Condition::one(Operator::StringEquals, "SAML:aud", recipient.to_string()),
                Condition::one(Operator::StringEquals, "SAML:iss", entity_id),
            ],
            session: SessionKeys::OfRequest,
        })
    }

    /// The gateway's own AWS credentials, or those of the last intermediate role. External ID, tags and source identity are
    /// parameters of the first call; the session of the intermediate role has the tags and the source identity.
    fn caller(
        account: &Account,
        caller: &CallerTrust,
        installation: &Installation<'_>,
    ) -> Result<Self, PlanError> {
        if let Some(hop) = caller.via.last() {
            return Ok(Self {
                principal: Principal::Aws(hop.as_str().into()),
                action: Action::AssumeRole,
                conditions: Vec::new(),
                session: SessionKeys::OfPrincipal,
            });
        }
        let principal = installation
            .principal
            .ok_or_else(|| PlanError::NoGatewayPrincipal {
                account: account.name.to_string(),
            })?;
        let external_id = caller
            .external_id
            .as_ref()
            .map(|id| Condition::one(Operator::StringEquals, "sts:ExternalId", id.as_str()));
        Ok(Self {
            principal: Principal::Aws(principal.as_str().into()),
            action: Action::AssumeRole,
            conditions: external_id.into_iter().collect(),
            session: SessionKeys::OfRequest,
        })
    }

    /// The statement for the permission sets with these names and one of these source identities.
    fn statement(&self, names: Vec<String>, source_identity: Option<Vec<String>>) -> Statement {
        let (mut actions, mut conditions) = (vec![self.action], self.conditions.clone());
        if let Some(prefix) = self.session.tag_prefix() {
            let tag = |name: &str| format!("{prefix}{name}");
            let account = AccountText::account_id();
            actions.push(Action::TagSession);
            conditions.extend([
                Condition::one(Operator::StringEquals, tag(ACCOUNT_TAG), account),
                Condition::any(Operator::StringEquals, tag(PERMISSION_SET_TAG), names),
            ]);
        }
        if let Some((key, patterns)) = self.session.source_identity().zip(source_identity) {
            actions.push(Action::SetSourceIdentity);
            conditions.push(Condition::any(Operator::StringLike, key, patterns));
        }
        Statement {
            sid: None,
            effect: Effect::Allow,
            principal: Some(self.principal.clone()),
            actions,
            resources: Vec::new(),
            conditions,
        }
    }
}

/// The token names the role, so STS has compared it with the requested one. Without the claim the key is absent.
fn role_named() -> Condition {
    Condition::one(Operator::Bool, ROLE_AUTHORIZED_BY_IDP, "true")
}

/// Whether the token has a list of roles that contains the requested one.
pub(super) const ROLE_AUTHORIZED_BY_IDP: &str = "sts:RoleAuthorizedByIdp";
