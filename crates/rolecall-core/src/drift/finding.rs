//! What a comparison finds.

use std::fmt;

use crate::aws::AccountId;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody may get access that the access files do not grant.
    High,
    /// Sessions are refused or end early, or permissions differ.
    Medium,
    /// A difference that changes nothing for sessions of the gateway, or a limit of AWS.
    Low,
}

impl Severity {
    /// The name in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// A condition of the model, by what it compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustKey {
    /// `aud` of the token, or the recipient of the SAML response.
    Audience,
    /// The issuer of the SAML response.
    Issuer,
    /// The session tag with the account.
    AccountTag,
    /// The session tag with the permission set.
    PermissionSetTag,
    /// Whether the token names the role.
    RoleClaim,
    /// The source identity.
    SourceIdentity,
    /// The external ID.
    ExternalId,
    /// Another key.
    Condition,
}

/// Every [`TrustKey`].
const TRUST_KEYS: [TrustKey; 8] = [
    TrustKey::Audience,
    TrustKey::Issuer,
    TrustKey::AccountTag,
    TrustKey::PermissionSetTag,
    TrustKey::RoleClaim,
    TrustKey::SourceIdentity,
    TrustKey::ExternalId,
    TrustKey::Condition,
];

impl TrustKey {
    /// What a condition key, in lower case, compares.
    pub(super) fn of(key: &str) -> Self {
        let tag = |name: &str| {
            let tag = key.strip_prefix("aws:requesttag/");
            tag.or_else(|| key.strip_prefix("aws:principaltag/")) == Some(name)
        };
        match key {
            "saml:iss" => Self::Issuer,
            "sts:roleauthorizedbyidp" => Self::RoleClaim,
            "sts:sourceidentity" | "aws:sourceidentity" => Self::SourceIdentity,
            "sts:externalid" => Self::ExternalId,
            _ if key.ends_with(":aud") => Self::Audience,
            _ if tag(crate::access::ACCOUNT_TAG) => Self::AccountTag,
            _ if tag(crate::access::PERMISSION_SET_TAG) => Self::PermissionSetTag,
            _ => Self::Condition,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Audience => "audience",
            Self::Issuer => "issuer",
            Self::AccountTag => "account-tag",
            Self::PermissionSetTag => "permission-set-tag",
            Self::RoleClaim => "role-claim",
            Self::SourceIdentity => "source-identity",
            Self::ExternalId => "external-id",
            Self::Condition => "condition",
        }
    }

    /// What an attacker gains without the condition.
    fn purpose(self) -> &'static str {
        match self {
            Self::Audience => {
                "tokens and responses that were issued for another purpose are accepted"
            }
            Self::Issuer => "responses of another issuer are accepted",
            Self::AccountTag => "sessions that were issued for another account are accepted",
            Self::PermissionSetTag => {
                "sessions that were issued for another permission set are accepted"
            }
            Self::RoleClaim => "a token that does not name this role is accepted",
            Self::SourceIdentity => "sessions of persons outside your domains are accepted",
            Self::ExternalId => {
                "another party that makes the gateway's principal call AWS can use the role"
            }
            Self::Condition => "sessions that the access files do not grant are accepted",
        }
    }
}

/// What is wrong with a condition of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionProblem {
    /// There is none on this key.
    Missing,
    /// It accepts more values.
    Wider,
    /// It does not accept the values that the gateway sends.
    Differs,
    /// It accepts only some of the values that the gateway sends.
    Narrower,
}

/// Every [`ConditionProblem`].
const PROBLEMS: [ConditionProblem; 4] = [
    ConditionProblem::Missing,
    ConditionProblem::Wider,
    ConditionProblem::Differs,
    ConditionProblem::Narrower,
];

impl ConditionProblem {
    fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wider => "wider",
            Self::Differs => "differs",
            Self::Narrower => "narrower",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident, $id:literal, $severity:ident, $why:literal;)*) => {
        /// What was found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FindingKind {
            /// A condition of the model in a trust policy: `trust-audience-missing`.
            Trust(TrustKey, ConditionProblem),
            $($(#[$doc])* $name,)*
        }

        impl FindingKind {
            /// Every kind.
            pub fn all() -> impl Iterator<Item = Self> {
                let conditions = TRUST_KEYS
                    .into_iter()
                    .flat_map(|key| PROBLEMS.map(|problem| Self::Trust(key, problem)));
                conditions.chain([$(Self::$name,)*])
            }

            /// The stable name.
            pub fn id(self) -> String {
                match self {
                    Self::Trust(key, problem) => {
                        format!("trust-{}-{}", key.as_str(), problem.as_str())
                    }
                    $(Self::$name => $id.to_owned(),)*
                }
            }

            /// How serious it is.
            pub fn severity(self) -> Severity {
                match self {
                    Self::Trust(_, ConditionProblem::Missing | ConditionProblem::Wider) => Severity::High,
                    Self::Trust(_, ConditionProblem::Differs | ConditionProblem::Narrower) => Severity::Medium,
                    $(Self::$name => Severity::$severity,)*
                }
            }

            /// Why it matters.
            pub fn why(self) -> &'static str {
                match self {
                    Self::Trust(key, ConditionProblem::Missing | ConditionProblem::Wider) => key.purpose(),
                    Self::Trust(_, ConditionProblem::Differs) => "AWS refuses the sessions that the gateway requests",
                    Self::Trust(_, ConditionProblem::Narrower) => "AWS refuses some of the sessions that the gateway requests",
                    $(Self::$name => $why,)*
                }
            }
        }
    };
}

kinds! {
    /// A principal besides that of the model.
    TrustPrincipalWider, "trust-principal-wider", High, "principals that the access files do not know can assume the role";
    /// `NotPrincipal` in a statement that allows.
    TrustNotPrincipal, "trust-not-principal", High, "a statement with NotPrincipal allows everyone who is not listed";
    /// `NotAction` in a statement that allows.
    TrustNotAction, "trust-not-action", High, "a statement with NotAction allows every action that is not listed";
    /// An action that the model does not have.
    TrustActionExtra, "trust-action-extra", High, "more is allowed than the gateway needs";
    /// A statement for another principal.
    TrustStatementExtra, "trust-statement-extra", High, "principals that the access files do not know can assume the role";
    /// A pattern where the model has exact values.
    TrustWildcard, "trust-wildcard", High, "a pattern also accepts values that the gateway does not send for this role";
    /// `ForAllValues` on a key that the model requires.
    TrustForAllValues, "trust-for-all-values", High, "ForAllValues also holds if the request does not have the key";
    /// `…IfExists` on a key that the model requires.
    TrustIfExists, "trust-if-exists", High, "an operator with IfExists also holds if the request does not have the key";
    /// An operator that cannot be compared.
    TrustOperator, "trust-operator", High, "this comparison cannot tell what the operator accepts: check it";
    /// No statement for the principal.
    TrustPrincipalDiffers, "trust-principal-differs", Medium, "AWS refuses the sessions that the gateway requests";
    /// The unique ID of a deleted principal.
    TrustPrincipalDeleted, "trust-principal-deleted", Medium, "the principal was deleted and created again; IAM recognizes the new one only after the policy is saved again";
    /// The role cannot be assumed.
    TrustAssumeMissing, "trust-assume-missing", Medium, "AWS refuses the sessions that the gateway requests";
    /// `sts:TagSession` is missing.
    TrustTagSessionMissing, "trust-tag-session-missing", Medium, "AWS refuses sessions with session tags, and all sessions of the gateway have some";
    /// `sts:SetSourceIdentity` is missing.
    TrustSetSourceIdentityMissing, "trust-set-source-identity-missing", Medium, "AWS refuses sessions with a source identity";
    /// A condition that the model does not have.
    TrustConditionAdded, "trust-condition-added", Medium, "AWS refuses sessions for which this condition does not hold";
    /// A statement that denies.
    TrustDenyAdded, "trust-deny-added", Medium, "AWS refuses sessions to which this statement applies";
    /// Not a policy.
    TrustUnreadable, "trust-unreadable", High, "the trust policy cannot be evaluated";
    /// An assigned role does not exist.
    RoleMissing, "role-missing", Medium, "AWS refuses the sessions that the access files grant";
    /// A role with another path.
    RolePath, "role-path", Medium, "the ARN of the role differs from the one that the gateway requests, so AWS refuses the sessions";
    /// A role of a permission set that is not assigned in the account.
    RoleNotAssigned, "role-not-assigned", High, "the role trusts the gateway, but no assignment grants it through the gateway; a stolen signing key could use it";
    /// A role that trusts the gateway and is not of a permission set.
    RoleNotInModel, "role-not-in-model", High, "the role trusts the gateway, but the access files do not know it; a stolen signing key could use it";
    /// `MaxSessionDuration` is shorter than the permission set.
    DurationShort, "duration-short", Medium, "AWS refuses sessions with the duration of the permission set";
    /// `MaxSessionDuration` is longer than the permission set.
    DurationLong, "duration-long", Low, "whoever can assume the role can have longer sessions than the access files permit";
    /// Role chaining limits sessions to an hour.
    DurationChaining, "duration-chaining", Low, "AWS limits sessions that are requested with the credentials of a role to one hour";
    /// A managed policy of the model is not attached.
    ManagedPolicyMissing, "managed-policy-missing", Medium, "sessions cannot do everything that the permission set describes";
    /// A managed policy that the model does not have.
    ManagedPolicyExtra, "managed-policy-extra", High, "sessions can do more than the permission set describes";
    /// A generated managed policy has another content.
    ManagedPolicyDiffers, "managed-policy-differs", High, "sessions can do something else than the permission set describes";
    /// The inline policy of the model is missing.
    InlinePolicyMissing, "inline-policy-missing", Medium, "sessions cannot do everything that the permission set describes";
    /// The inline policy has another content.
    InlinePolicyDiffers, "inline-policy-differs", High, "sessions can do something else than the permission set describes";
    /// An inline policy that the model does not have.
    InlinePolicyExtra, "inline-policy-extra", High, "sessions can do more than the permission set describes";
    /// An inline policy that the model does not have, which only denies.
    InlineDenyExtra, "inline-deny-extra", Low, "sessions cannot do everything that the permission set describes; the policy may revoke sessions";
    /// The permissions boundary of the model is missing.
    BoundaryMissing, "boundary-missing", High, "the limit of the permission set does not apply";
    /// Another permissions boundary.
    BoundaryDiffers, "boundary-differs", High, "another limit than that of the permission set applies";
    /// A permissions boundary that the model does not have.
    BoundaryExtra, "boundary-extra", Low, "sessions may not be able to do everything that the permission set describes";
    /// The OIDC provider does not exist.
    OidcProviderMissing, "oidc-provider-missing", Medium, "AWS refuses every token of the gateway in this account";
    /// The OIDC provider has another URL.
    OidcProviderUrl, "oidc-provider-url", Medium, "IAM compares the issuer of a token with the URL of the provider, character by character";
    /// The audience of the account is not registered.
    OidcClientIdMissing, "oidc-client-id-missing", Medium, "AWS refuses tokens whose audience is not registered";
    /// Another audience is registered.
    OidcClientIdExtra, "oidc-client-id-extra", Low, "tokens for another audience pass the identity provider; only the trust policies reject them";
    /// The provider has thumbprints of other certificates.
    OidcThumbprint, "oidc-thumbprint", Low, "IAM uses thumbprints if the certificate does not chain to a CA that AWS trusts; it then refuses the keys of the gateway";
    /// The SAML provider does not exist.
    SamlProviderMissing, "saml-provider-missing", Medium, "AWS refuses every response of the gateway in this account";
    /// The metadata have another entity ID.
    SamlEntityId, "saml-entity-id", Medium, "AWS refuses responses of an issuer that is not in the metadata";
    /// The metadata do not contain the active certificate.
    SamlKeyMissing, "saml-key-missing", Medium, "AWS refuses responses that are signed with a key that is not in the metadata";
    /// The metadata contain a certificate that the gateway does not publish.
    SamlKeyExtra, "saml-key-extra", Medium, "responses that are signed with a retired key are still accepted";
    /// The metadata have expired.
    SamlExpired, "saml-expired", Medium, "AWS refuses responses after the metadata have expired";
    /// The URL of the issuer.
    IssuerUrl, "issuer-url", Medium, "IAM does not accept this issuer as OIDC provider";
    /// The discovery document.
    IssuerDiscovery, "issuer-discovery", Medium, "AWS cannot find the keys of the gateway and refuses its tokens";
    /// The key set.
    IssuerKeys, "issuer-keys", Medium, "AWS refuses tokens whose key it does not find or does not support";
    /// The published key set contains a key of somebody else.
    IssuerForeignKey, "issuer-foreign-key", High, "whoever owns it can assume every role that trusts this issuer";
    /// The published key set is not that of the gateway.
    IssuerKeysStale, "issuer-keys-stale", Medium, "AWS refuses tokens that are signed with a key that is not published";
    /// The documents cannot be fetched.
    IssuerUnreachable, "issuer-unreachable", Medium, "AWS cannot fetch the keys of the gateway either, if the same network path fails for it";
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id())
    }
}

/// What was found, where, and how to correct it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub kind: FindingKind,
    /// The account; `None` for documents of the gateway.
    pub account: Option<AccountId>,
    /// ARN of the role or identity provider, or a URL.
    pub resource: Option<String>,
    /// The difference, in one line.
    pub found: String,
    /// How to correct it.
    pub fix: Fix,
}

/// How to correct a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fix {
    /// Commands for a POSIX shell, to be run in order with credentials of the account.
    pub commands: Vec<String>,
    /// What to know or to do besides.
    pub note: Option<&'static str>,
}
