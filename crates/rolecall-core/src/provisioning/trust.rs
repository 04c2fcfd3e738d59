//! Trust policies: each accepts the sessions that the gateway requests for the role, by account, permission set and source
//! identity. Session name, duration, session policies and other session tags are not restricted.

use std::collections::BTreeMap;

use super::document::{Action, Condition, Effect, Operator, PolicyDocument, Principal, Statement};
use super::role::RoleUse;
use super::{AccountText, Installation, PlanError};
use crate::access::{ACCOUNT_TAG, Account, CallerTrust, GatewaySaml, PERMISSION_SET_TAG, Trust};
use crate::aws::Recipient;

/// Prefix of the condition keys for tags of the request.
const REQUEST_TAG: &str = "aws:RequestTag/";
/// Prefix of the condition keys for tags of the session that makes the request.
const PRINCIPAL_TAG: &str = "aws:PrincipalTag/";
/// The source identity that the request sets.
const REQUESTED_SOURCE_IDENTITY: &str = "sts:SourceIdentity";
/// The source identity of the session that makes the request.
const SOURCE_IDENTITY: &str = "aws:SourceIdentity";

/// What convinces the roles of an account; `None` if it has no roles, or if they trust an identity provider other than the
/// gateway.
struct Proof {
    principal: Principal,
    action: Action,
    conditions: Vec<Condition>,
    tag_prefix: &'static str,
    source_identity_key: &'static str,
}

/// Whether the roles of an account can be generated.
pub(super) fn is_supported(trust: &Trust) -> bool {
    match trust {
        Trust::GatewayOidc | Trust::GatewaySaml(_) | Trust::Caller(_) => true,
        Trust::ProviderSaml(_) | Trust::ProviderOidc(_) | Trust::FederationToken(_) => false,
    }
}

/// The trust policy of a role; `None` if the account is not [supported](is_supported).
pub(super) fn trust_policy(
    account: &Account,
    installation: &Installation<'_>,
    uses: &[RoleUse<'_>],
) -> Result<Option<PolicyDocument>, PlanError> {
    let Some(proof) = Proof::of(account, installation)? else {
        return Ok(None);
    };
    // Permission sets with the same source identity share a statement.
    let mut names_by_source: BTreeMap<Option<Vec<String>>, Vec<String>> = BTreeMap::new();
    for role_use in uses {
        let template = role_use.permission_set.source_identity.as_ref();
        let patterns = template.map(|template| template.patterns(installation.email_domains));
        let names = names_by_source.entry(patterns).or_default();
        names.extend(role_use.names());
    }
    let statements = names_by_source
        .into_iter()
        .map(|(source, names)| proof.statement(names, source));
    Ok(Some(PolicyDocument::new(statements.collect())))
}

impl Proof {
    fn of(account: &Account, installation: &Installation<'_>) -> Result<Option<Self>, PlanError> {
        match &account.trust {
            Trust::GatewayOidc => Ok(Some(Self::token(account, installation))),
            Trust::GatewaySaml(saml) => Self::saml(account, saml, installation).map(Some),
            Trust::Caller(caller) => Self::caller(account, caller, installation).map(Some),
            Trust::ProviderSaml(_) | Trust::ProviderOidc(_) | Trust::FederationToken(_) => Ok(None),
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
            tag_prefix: REQUEST_TAG,
            source_identity_key: REQUESTED_SOURCE_IDENTITY,
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
            tag_prefix: REQUEST_TAG,
            source_identity_key: REQUESTED_SOURCE_IDENTITY,
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
                tag_prefix: PRINCIPAL_TAG,
                source_identity_key: SOURCE_IDENTITY,
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
            tag_prefix: REQUEST_TAG,
            source_identity_key: REQUESTED_SOURCE_IDENTITY,
        })
    }

    /// The statement for the permission sets with these names and one of these source identities.
    fn statement(&self, names: Vec<String>, source_identity: Option<Vec<String>>) -> Statement {
        let tag = |name: &str| format!("{}{name}", self.tag_prefix);
        let mut conditions = self.conditions.clone();
        conditions.extend([
            Condition::one(
                Operator::StringEquals,
                tag(ACCOUNT_TAG),
                AccountText::account_id(),
            ),
            Condition::any(Operator::StringEquals, tag(PERMISSION_SET_TAG), names),
        ]);
        let mut actions = vec![self.action, Action::TagSession];
        if let Some(patterns) = source_identity {
            actions.push(Action::SetSourceIdentity);
            let key = self.source_identity_key;
            conditions.push(Condition::any(Operator::StringLike, key, patterns));
        }
        Statement {
            sid: None,
            effect: Effect::Allow,
            principal: Some(self.principal.clone()),
            actions,
            resource: None,
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
