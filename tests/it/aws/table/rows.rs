//! The rows.

use rolecall_testkit::aws::{Fault, Partition};

use super::row::Outcome::{Issued, Refused, RefusedOnce};
use super::row::Way::{
    Caller, FederationToken, GatewayOidc, GatewaySaml, ProviderOidc, ProviderSaml, Via,
};
use super::row::{Change, Outcome, Row, Way};

const ALL: &[Way] = &[
    GatewayOidc,
    GatewaySaml,
    Caller,
    Via,
    FederationToken,
    ProviderSaml,
    ProviderOidc,
];
/// Those with a role.
const ROLES: &[Way] = &[
    GatewayOidc,
    GatewaySaml,
    Caller,
    Via,
    ProviderSaml,
    ProviderOidc,
];
/// Those with a proof, whose requests are not signed.
const PROOFS: &[Way] = &[GatewayOidc, GatewaySaml, ProviderSaml, ProviderOidc];
/// Those with a token.
const TOKENS: &[Way] = &[GatewayOidc, ProviderOidc];
/// Those with a proof of the gateway, which sets tags and a source identity.
const GATEWAY_PROOFS: &[Way] = &[GatewayOidc, GatewaySaml];
/// Those with a SAML response.
const SAML: &[Way] = &[GatewaySaml, ProviderSaml];
/// Those whose sessions can be long whatever a person's own provider says.
const ANY_LENGTH: &[Way] = &[GatewayOidc, GatewaySaml, Caller, Via, FederationToken];
/// Those with a signed request for a role.
const SIGNED: &[Way] = &[Caller, Via];
/// Those that issue sessions longer than an hour.
const LONG: &[Way] = &[GatewayOidc, GatewaySaml, Caller];

const EVERYWHERE: &[Partition] = &Partition::ALL;
/// Where tokens carry the claim `https://aws.amazon.com/roles` by default.
const WITH_ROLES_CLAIM: &[Partition] = &[Partition::Aws];
const WITHOUT_ROLES_CLAIM: &[Partition] = &[
    Partition::China,
    Partition::GovCloud,
    Partition::EuropeanSovereign,
];

/// A permission set with everything that STS can be asked for, for an hour.
const FULL: &str = r#"
session_duration = "1h"
source_identity = "{email}"
session_tags = { team = "payments" }
policy_arns = ["arn:PARTITION:iam::aws:policy/ReadOnlyAccess"]
"#;

fn row(name: &'static str, ways: &'static [Way], change: Change, outcome: Outcome) -> Row {
    Row {
        name,
        ways,
        partitions: EVERYWHERE,
        account: "",
        set: FULL,
        change,
        outcome,
    }
}

/// The row with another permission set.
fn set(row: Row, set: &'static str) -> Row {
    Row { set, ..row }
}

/// The row with additional lines of the account.
fn account(row: Row, account: &'static str) -> Row {
    Row { account, ..row }
}

fn within(row: Row, partitions: &'static [Partition]) -> Row {
    Row { partitions, ..row }
}

const EXTERNAL_ID: &str = r#"external_id = "rolecall-1""#;
const REQUIRES_EXTERNAL_ID: Change =
    Change::Condition(r#"{"StringEquals": {"sts:ExternalId": "rolecall-1"}}"#);
const REQUIRES_ROLES_CLAIM: Change =
    Change::Condition(r#"{"Bool": {"sts:RoleAuthorizedByIdp": "true"}}"#);
const DENIES_WITHOUT_ROLES_CLAIM: Change = Change::ResourceControl(
    r#"{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity", "Resource": "*",
        "Condition": {"BoolIfExists": {"sts:RoleAuthorizedByIdp": "false"}}}"#,
);
const TWELVE_HOURS: &str = r#"
session_duration = "12h"
source_identity = "{email}"
policy_arns = ["arn:PARTITION:iam::aws:policy/ReadOnlyAccess"]
"#;
const SESSION_POLICY: &str = r#"
session_duration = "15m"
session_policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}'
"#;

/// Rows are independent: each has accounts and roles of its own.
pub fn rows() -> Vec<Row> {
    let mut rows = issued();
    rows.extend(refused_by_policies());
    rows.extend(refused_otherwise());
    rows
}

fn issued() -> Vec<Row> {
    vec![
        row("full", ALL, Change::Nothing, Issued),
        set(
            row("long", ANY_LENGTH, Change::Nothing, Issued),
            TWELVE_HOURS,
        ),
        set(row("policy", ALL, Change::Nothing, Issued), SESSION_POLICY),
        account(
            row("external-id", &[Caller], REQUIRES_EXTERNAL_ID, Issued),
            EXTERNAL_ID,
        ),
        account(
            row("external-id-via", &[Via], Change::Nothing, Issued),
            EXTERNAL_ID,
        ),
        within(
            row("claim", &[GatewayOidc], REQUIRES_ROLES_CLAIM, Issued),
            WITH_ROLES_CLAIM,
        ),
        within(
            row(
                "claim-rcp",
                &[GatewayOidc],
                DENIES_WITHOUT_ROLES_CLAIM,
                Issued,
            ),
            WITH_ROLES_CLAIM,
        ),
    ]
}

fn refused_by_policies() -> Vec<Row> {
    let denied = Refused("access_denied");
    let (service, resource) = (
        Refused("service_control_policy"),
        Refused("resource_control_policy"),
    );
    let tags = Change::Without("sts:TagSession");
    let source = Change::Without("sts:SetSourceIdentity");
    vec![
        within(
            row("no-claim", &[GatewayOidc], REQUIRES_ROLES_CLAIM, denied),
            WITHOUT_ROLES_CLAIM,
        ),
        within(
            row(
                "no-claim-rcp",
                &[GatewayOidc],
                DENIES_WITHOUT_ROLES_CLAIM,
                resource,
            ),
            WITHOUT_ROLES_CLAIM,
        ),
        row("no-role", ROLES, Change::NoRole, denied),
        // Errors of requests that are not signed do not tell which action is missing.
        row("no-tags", GATEWAY_PROOFS, tags.clone(), denied),
        row("no-tags-signed", SIGNED, tags, Refused("tag_session")),
        row("no-source", GATEWAY_PROOFS, source.clone(), denied),
        row(
            "no-source-signed",
            SIGNED,
            source,
            Refused("set_source_identity"),
        ),
        row(
            "condition",
            ROLES,
            Change::Condition(r#"{"StringLike": {"sts:RoleSessionName": "bob@*"}}"#),
            denied,
        ),
        row("no-external-id", &[Caller], REQUIRES_EXTERNAL_ID, denied),
        account(
            row("other-external-id", &[Caller], REQUIRES_EXTERNAL_ID, denied),
            r#"external_id = "rolecall-2""#,
        ),
        row(
            "mfa",
            SIGNED,
            Change::Condition(r#"{"Bool": {"aws:MultiFactorAuthPresent": "true"}}"#),
            denied,
        ),
        row(
            "scp",
            SIGNED,
            Change::ServiceControl(
                r#"{"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "ROLE"}"#,
            ),
            service,
        ),
        row(
            "scp-token",
            &[FederationToken],
            Change::ServiceControl(
                r#"{"Effect": "Deny", "Action": "sts:GetFederationToken", "Resource": "*"}"#,
            ),
            service,
        ),
        // The session of the hub is older than the time, and alice's. The key of the gateway is neither.
        row(
            "scp-leaver",
            &[Via],
            Change::ServiceControl(
                r#"{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
                    "StringEquals": {"aws:SourceIdentity": "alice@example.com"},
                    "DateLessThan": {"aws:TokenIssueTime": "2100-01-01T00:00:00Z"}}}"#,
            ),
            service,
        ),
        row(
            "rcp",
            ROLES,
            Change::ResourceControl(
                r#"{"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Resource": "*"}"#,
            ),
            resource,
        ),
        row(
            "permissions",
            &[Caller],
            Change::Permissions(
                r#"{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:*:iam::*:role/other"}"#,
            ),
            denied,
        ),
        row(
            "permissions-token",
            &[FederationToken],
            Change::Permissions(r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#),
            denied,
        ),
        row(
            "permissions-tags",
            &[FederationToken],
            Change::Permissions(
                r#"{"Effect": "Allow", "Action": "sts:GetFederationToken", "Resource": "*"}"#,
            ),
            Refused("tag_session"),
        ),
    ]
}

fn refused_otherwise() -> Vec<Row> {
    let provider = Refused("provider_not_registered");
    let expired = Refused("expired");
    vec![
        row("no-provider", PROOFS, Change::NoProvider, provider),
        row(
            "client-id",
            TOKENS,
            Change::OtherClientId,
            Refused("audience"),
        ),
        account(
            row(
                "audience",
                &[GatewaySaml],
                Change::Nothing,
                Refused("audience"),
            ),
            r#"audience = "urn:example:other""#,
        ),
        row(
            "certificate",
            SAML,
            Change::OtherCertificate,
            Refused("metadata"),
        ),
        row(
            "no-key",
            &[FederationToken],
            Change::NoKey,
            Refused("invalid_credentials"),
        ),
        set(
            row(
                "short",
                LONG,
                Change::ShortRole,
                RefusedOnce("duration_too_long"),
            ),
            TWELVE_HOURS,
        ),
        row(
            "region",
            ALL,
            Change::Fault(Fault::RegionDisabled),
            Refused("region_disabled"),
        ),
        row(
            "malformed",
            ALL,
            Change::Fault(Fault::MalformedPolicy),
            Refused("malformed_policy"),
        ),
        row(
            "expired",
            PROOFS,
            Change::Fault(Fault::ExpiredToken),
            expired,
        ),
        row(
            "claim-rejected",
            PROOFS,
            Change::Fault(Fault::IdpRejectedClaim),
            Refused("rejected_claim"),
        ),
        row(
            "unreachable",
            &[GatewayOidc],
            Change::Fault(Fault::IdpCommunicationError { times: 1_000 }),
            Refused("provider_unreachable"),
        ),
        row(
            "throttled",
            &[GatewayOidc, Caller],
            Change::Fault(Fault::Throttle { times: 1_000 }),
            Refused("throttled"),
        ),
        // The gateway remembers the size of this person's sessions, so that this is the last row, and of one way.
        row(
            "packed",
            &[GatewayOidc],
            Change::Fault(Fault::PackedPolicyTooLarge),
            Refused("packed_too_large"),
        ),
    ]
}
