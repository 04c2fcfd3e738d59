//! A row: what is configured, how AWS differs from one that issues the session, and the outcome.

use rolecall_testkit::aws::{Fault, Partition};

/// How an account trusts the gateway, which determines the operation of STS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `gateway-oidc`: AssumeRoleWithWebIdentity.
    GatewayOidc,
    /// `gateway-saml`: AssumeRoleWithSAML.
    GatewaySaml,
    /// `caller`: AssumeRole with the key of an IAM user.
    Caller,
    /// `caller` with `via`: AssumeRole twice.
    Via,
    /// `federation-token`: GetFederationToken.
    FederationToken,
    /// `provider-saml`: AssumeRoleWithSAML with the response of the person's own provider. It requires a browser, and the response
    /// has no source identity and no session tags.
    ProviderSaml,
    /// `provider-oidc`: AssumeRoleWithWebIdentity with the ID token of the person's own provider, which has no source identity and
    /// no session tags either.
    ProviderOidc,
}

impl Way {
    /// Whether the person's own provider makes the proof.
    pub fn is_of_provider(self) -> bool {
        matches!(self, Way::ProviderSaml | Way::ProviderOidc)
    }
}

/// How AWS differs from one that issues the session.
#[derive(Clone, Debug)]
pub enum Change {
    Nothing,
    NoRole,
    NoProvider,
    /// The OIDC provider accepts another audience only.
    OtherClientId,
    /// The SAML provider has the certificate of another key.
    OtherCertificate,
    /// The trust policy does not allow this action.
    Without(&'static str),
    /// The trust policy has this condition, as JSON.
    Condition(&'static str),
    /// `MaxSessionDuration` is one hour.
    ShortRole,
    /// A service control policy of the caller's account has this statement, as JSON. `ROLE` stands for the ARN.
    ServiceControl(&'static str),
    /// A resource control policy of the role's account has this statement, as JSON.
    ResourceControl(&'static str),
    /// The only identity-based policy of the IAM user whose key signs has this statement, as JSON.
    Permissions(&'static str),
    /// The key of the IAM user is deleted.
    NoKey,
    Fault(Fault),
}

/// What happens to a request for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Issued,
    /// Refused with this reason.
    Refused(&'static str),
    /// Refused with this reason; from the second request on, sessions of one hour are issued.
    RefusedOnce(&'static str),
}

pub struct Row {
    /// Name of the permission set.
    pub name: &'static str,
    pub ways: &'static [Way],
    pub partitions: &'static [Partition],
    /// Additional lines of the account in the access policy.
    pub account: &'static str,
    /// Lines of the permission set. `PARTITION` stands for the partition.
    pub set: &'static str,
    pub change: Change,
    pub outcome: Outcome,
}
