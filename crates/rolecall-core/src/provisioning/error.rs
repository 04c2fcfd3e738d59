//! Why a plan cannot be made, and what an administrator should know about one.

use crate::base::limits;

/// Why a plan cannot be made. The access policy is valid, but IAM would not accept the result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum PlanError {
    /// No principal for the roles of `trust = "caller"`.
    #[error(
        "{account} has trust = \"caller\": the owner of the gateway's AWS credentials is not known"
    )]
    NoGatewayPrincipal {
        /// Name of the account.
        account: String,
    },
    /// No metadata for the provider of `trust = "gateway-saml"`.
    #[error("{account} has trust = \"gateway-saml\": the metadata of the gateway is not known")]
    NoSamlMetadata {
        /// Name of the account.
        account: String,
    },
    /// The Region of the account has no sign-in endpoint.
    #[error("{account} has trust = \"gateway-saml\": its Region has no sign-in endpoint")]
    NoRecipient {
        /// Name of the account.
        account: String,
    },
    /// A managed policy or a boundary of an account other than that of the role.
    #[error("{role} cannot have the policy {policy}, which is in another account")]
    PolicyOfOtherAccount {
        /// ARN of the role.
        role: String,
        /// ARN of the policy.
        policy: String,
    },
    /// Two roles whose names IAM does not distinguish.
    #[error(
        "the roles {one} and {other} have the same name: IAM does not distinguish names by path or case"
    )]
    SameName {
        /// Path and name of one role.
        one: String,
        /// Path and name of the other.
        other: String,
    },
    /// Permission sets that share a role and differ in its permissions.
    #[error("{one} and {other} have the same role, {role}, with different permissions")]
    SharedRole {
        /// ARN of the role.
        role: String,
        /// A permission set.
        one: String,
        /// Another permission set.
        other: String,
    },
    /// A statement of an inline policy that does not fit into a managed policy.
    #[error("statement {number} of the inline policy of {role} has {chars} characters; AWS accepts {max}", max = limits::MANAGED_POLICY_CHARS_MAX)]
    StatementTooLong {
        /// ARN of the role.
        role: String,
        /// Number of the statement, from 1.
        number: usize,
        /// Its characters, in a policy of its own.
        chars: usize,
    },
    /// More managed policies than a role can have.
    #[error("{role} needs {count} managed policies; AWS accepts {max}", max = limits::ROLE_MANAGED_POLICIES_MAX)]
    TooManyPolicies {
        /// ARN of the role.
        role: String,
        /// Number of managed policies.
        count: usize,
    },
    /// Permission sets of an account without roles whose boundaries differ: its user has only one.
    #[error(
        "{account} has trust = \"federation-token\": its permission sets have different permissions boundaries, but its IAM user has only one"
    )]
    UserBoundaries {
        /// Name of the account.
        account: String,
    },
    /// The gateway's principal or a role of `via` assumes too many roles.
    #[error(
        "the policy with which {principal} assumes roles has {chars} characters; AWS accepts {max}"
    )]
    AssumesTooMany {
        /// ARN of the principal.
        principal: String,
        /// Characters of the policy.
        chars: usize,
        /// Characters that AWS accepts.
        max: usize,
    },
    /// A trust policy that exceeds the highest quota.
    #[error("the trust policy of {role} has {chars} characters; AWS accepts {max}", max = limits::TRUST_POLICY_CHARS_MAX)]
    TrustTooLong {
        /// ARN of the role.
        role: String,
        /// Characters of the policy.
        chars: usize,
    },
}

impl PlanError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoGatewayPrincipal { .. } => {
                "set `gateway_principal` in [aws], or --gateway-principal, to the ARN of the role or user that the gateway runs as; `rolecalld check --online` prints whose credentials it has"
            }
            Self::NoSamlMetadata { .. } => {
                "save https://…/saml/metadata of the gateway, and set --saml-metadata to the file"
            }
            Self::NoRecipient { .. } => "set `recipient` or `sts_region` of the account",
            Self::PolicyOfOtherAccount { .. } => {
                "a role can have policies of AWS and of its own account only: write arn:aws:iam::{account}:policy/NAME, and create the policy in every account"
            }
            Self::SameName { .. } => "rename one of them: change `role` of a permission set",
            Self::SharedRole { .. } => {
                "give them the same managed_policies, inline_policy and permissions_boundary, or different roles"
            }
            Self::StatementTooLong { .. } => "divide the statement into several",
            Self::TooManyPolicies { .. } => "use fewer managed_policies, or shorten inline_policy",
            Self::TrustTooLong { .. } => {
                "use fewer permission sets or variants with this role, or trust the identity providers for fewer mail domains; for a role of `via`, give the accounts behind it the same external_id"
            }
            Self::UserBoundaries { .. } => {
                "give the permission sets of this account the same permissions_boundary"
            }
            Self::AssumesTooMany { .. } => "give permission sets the same `role`",
        }
    }
}

/// What an administrator should know about a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlanNote {
    /// IAM accepts only issuers with HTTPS.
    IssuerNotHttps,
    /// A role or user may do nothing.
    NoPermissions {
        /// `role` or `user`, with path and name.
        of: String,
    },
    /// A policy that permits to assume roles of every account, because the list of accounts would be too long.
    AssumesInAllAccounts {
        /// ARN of the principal.
        principal: String,
    },
    /// Roles that accept every person for whom the identity provider issues a token.
    EveryUserOfClient {
        /// Name of the account.
        account: String,
        /// `client_id` of the gateway at the provider.
        client_id: String,
    },
    /// The roles of `via` and the policy of the gateway's principal are not generated.
    NoGatewayPrincipal,
    /// A SAML provider whose metadata is not known.
    ProviderNotGenerated {
        /// Name of the account.
        account: String,
        /// Name of the SAML provider.
        name: String,
    },
    /// More managed policies than the default quota.
    PoliciesQuota {
        /// `role` or `user`, with path and name.
        of: String,
        /// Number of managed policies.
        count: usize,
    },
    /// A trust policy that exceeds the default quota.
    TrustQuota {
        /// Path and name of the role.
        role: String,
        /// Characters of the policy.
        chars: usize,
    },
}

impl std::fmt::Display for PlanNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::IssuerNotHttps => {
                f.write_str("the issuer, which is public_url unless `url` is set in [issuer], does not use https: AWS does not accept it")
            }
            Self::NoPermissions { of } => write!(
                f,
                "the {of} has no permissions: set managed_policies or inline_policy of its permission set"
            ),
            Self::AssumesInAllAccounts { principal } => write!(
                f,
                "{principal} may assume its roles in every account: a list of the accounts would be too long for a policy"
            ),
            Self::EveryUserOfClient { account, client_id } => write!(
                f,
                "the roles in {account} accept the ID token of every person who uses the client {client_id}: AWS knows neither groups nor assignments"
            ),
            Self::NoGatewayPrincipal => f.write_str(
                "the roles of `via`, and the permission of the gateway to assume roles, are not generated: set `gateway_principal` in [aws]",
            ),
            Self::ProviderNotGenerated { account, name } => write!(
                f,
                "the SAML provider {name} in {account} is not generated: set --provider-metadata {name}=FILE to its metadata, or create it yourself"
            ),
            Self::PoliciesQuota { of, count } => write!(
                f,
                "the {of} has {count} managed policies: raise the quota of IAM, which is {} by default",
                limits::ROLE_MANAGED_POLICIES_DEFAULT
            ),
            Self::TrustQuota { role, chars } => write!(
                f,
                "the trust policy of {role} has {chars} characters: raise the quota of IAM, which is {} by default",
                limits::TRUST_POLICY_CHARS_DEFAULT
            ),
        }
    }
}
