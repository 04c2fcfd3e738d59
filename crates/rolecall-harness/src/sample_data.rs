//! Sample data of a stack: three accounts, three permission sets and an access policy for three users, and in addition one
//! account for each of the other trust types.

/// `client_id` of the gateway at the identity provider.
pub const CLIENT_ID: &str = "rolecall";
/// Client secret. It need not be secret, because the provider listens on loopback only.
pub const CLIENT_SECRET: &str = "only-for-the-demo";
/// ID of the identity provider in the gateway's configuration.
pub const PROVIDER_ID: &str = "example";
/// ID of the SAML provider in the gateway's configuration.
pub const SAML_PROVIDER_ID: &str = "corporate";

/// An account of the sample data.
#[derive(Clone, Copy, Debug)]
pub struct SampleAccount {
    /// 12 digits.
    pub id: &'static str,
    /// `name` in the access policy.
    pub name: &'static str,
    /// `trust` in the access policy.
    pub trust: &'static str,
    /// What AWS accepts for the roles of the account.
    pub proof: &'static str,
}

/// The accounts of [`ACCESS_POLICY`].
pub const ACCOUNTS: [SampleAccount; 3] = [
    SampleAccount {
        id: "111122223333",
        name: "payments-prod",
        trust: "gateway-oidc",
        proof: "a token that the gateway signs",
    },
    SampleAccount {
        id: "444455556666",
        name: "payments-dev",
        trust: "gateway-oidc",
        proof: "a token that the gateway signs",
    },
    SampleAccount {
        id: "777788889999",
        name: "sandbox",
        trust: "gateway-saml",
        proof: "a SAML response that the gateway signs",
    },
];

/// The account whose roles trust the gateway's IAM user.
pub const CALLER: SampleAccount = SampleAccount {
    id: "222233334444",
    name: "analytics",
    trust: "caller",
    proof: "the gateway's IAM user",
};
/// The account whose roles trust [`HUB`].
pub const CALLER_VIA_HUB: SampleAccount = SampleAccount {
    id: "333344445555",
    name: "data-lake",
    trust: "caller",
    proof: "a hub role that the gateway's IAM user assumes first",
};
/// The account without roles.
pub const FEDERATION_TOKEN: SampleAccount = SampleAccount {
    id: "555566667777",
    name: "legacy",
    trust: "federation-token",
    proof: "an IAM user of the account; there are no roles",
};
/// The account whose roles trust the users' SAML provider.
pub const PROVIDER_SAML: SampleAccount = SampleAccount {
    id: "666677778888",
    name: "research",
    trust: "provider-saml",
    proof: "a SAML response of the SAML provider, after sign-in with it",
};
/// The account whose role trusts the users' OpenID provider.
pub const PROVIDER_OIDC: SampleAccount = SampleAccount {
    id: "888899990000",
    name: "partners",
    trust: "provider-oidc",
    proof: "the ID token of the OpenID provider, after sign-in with it",
};
/// The only role of [`PROVIDER_OIDC`], with the name of its permission set.
pub const AUDITOR: &str = "Auditor";
/// One account for each trust type that [`ACCOUNTS`] does not have, as in [`access_policy_with_every_trust`].
pub const TRUST_ACCOUNTS: [SampleAccount; 5] = [
    CALLER,
    CALLER_VIA_HUB,
    FEDERATION_TOKEN,
    PROVIDER_OIDC,
    PROVIDER_SAML,
];

/// The account of the gateway's IAM user and of the hub role.
pub const GATEWAY_ACCOUNT: &str = "999988887777";
/// Name of the role in [`GATEWAY_ACCOUNT`] that is assumed before the role of [`CALLER_VIA_HUB`].
pub const HUB: &str = "hub";
/// `external_id` of both accounts with `trust = "caller"`.
pub const EXTERNAL_ID: &str = "rolecall-demo";
/// Files with the two halves of the access key for [`FEDERATION_TOKEN`], relative to the access policy.
pub const FEDERATION_TOKEN_FILES: [&str; 2] = ["legacy.id", "legacy.secret"];

/// The access policy. Two accounts trust the gateway as an OIDC provider. The sandbox trusts it as a SAML provider, where
/// browsers open the console without STS. `alice` is in `platform` and `payments-dev` and uses a second factor, `bob` is in
/// `payments-dev` and does not use one, and `carol` has no groups.
pub const ACCESS_POLICY: &str = r#"
[[account]]
id = "111122223333"
name = "payments-prod"
ou = "Workloads/Prod"
tags = { env = "prod", team = "payments" }

[[account]]
id = "444455556666"
name = "payments-dev"
ou = "Workloads/Dev"
tags = { env = "dev", team = "payments" }

[[account]]
id = "777788889999"
name = "sandbox"
ou = "Sandbox"
tags = { env = "sandbox" }
trust = "gateway-saml"
saml_provider_arn = "arn:aws:iam::777788889999:saml-provider/rolecall"
console = "saml-post"

[[permission_set]]
name = "Administrator"
description = "Full access for one hour"
role = "rolecall/Administrator"
managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
session_duration = "1h"
source_identity = "{email}"

[[permission_set]]
name = "Developer"
description = "Development access"
role = "rolecall/Developer"
managed_policies = ["arn:aws:iam::aws:policy/PowerUserAccess"]
session_duration = "4h"
destination = "https://console.aws.amazon.com/cloudwatch/"
session_tags = { user = "{email}" }
source_identity = "{email}"
variants = { readonly = { policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"], session_duration = "1h" } }

[[permission_set]]
name = "ReadOnly"
description = "Read-only access"
role = "rolecall/ReadOnly"
managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
session_duration = "8h"
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
source_identity = "{email}"

[[assignment]]
id = "payments-developers"
who = { provider = "example", groups = ["payments-dev"] }
accounts = ["payments-dev", "sandbox"]
permission_sets = ["Developer"]
owner = "payments-leads@example.com"

[[assignment]]
id = "payments-look"
who = { provider = "example", groups = ["payments-dev"] }
accounts = ["tag:team=payments"]
permission_sets = ["ReadOnly"]

[[assignment]]
id = "payments-developers-in-production"
who = { provider = "example", groups = ["payments-dev"] }
accounts = ["payments-prod"]
permission_sets = ["Developer"]
when = { mfa = true }
session_duration = "1h"
owner = "payments-leads@example.com"

[[assignment]]
id = "platform"
who = { provider = "example", groups = ["platform"] }
accounts = ["*"]
permission_sets = ["Administrator", "ReadOnly"]
when = { mfa = true }
owner = "platform@example.com"
"#;

/// [`ACCESS_POLICY`] for users of both providers, whose groups have the same names.
pub fn access_policy_for_both_providers() -> String {
    ACCESS_POLICY.replace(&format!("provider = \"{PROVIDER_ID}\", "), "")
}

/// Accounts, permission sets and assignments of [`TRUST_ACCOUNTS`].
const TRUST_POLICY: &str = r#"
# The roles trust the gateway's IAM user, whose key the gateway has.
[[account]]
id = "222233334444"
name = "analytics"
ou = "Data"
trust = "caller"
external_id = "rolecall-demo"

# The roles trust a hub role, which the gateway assumes first. AWS limits such sessions to one hour.
[[account]]
id = "333344445555"
name = "data-lake"
ou = "Data"
trust = "caller"
external_id = "rolecall-demo"
via = "arn:aws:iam::999988887777:role/hub"

# No roles: an IAM user of the account issues sessions, which a session policy must restrict.
[[account]]
id = "555566667777"
name = "legacy"
ou = "Legacy"
trust = "federation-token"
credentials = { access_key_id = { file = "legacy.id" }, secret_access_key = { file = "legacy.secret" } }

# The role trusts the OpenID provider "example", whose ID token the gateway forwards. Only for its users; AWS knows only the client
# and the user.
[[account]]
id = "888899990000"
name = "partners"
ou = "Partners"
trust = "provider-oidc"
provider = "example"

# The roles trust the SAML provider "corporate", whose response for AWS the gateway forwards. Only for its users, in a browser.
[[account]]
id = "666677778888"
name = "research"
ou = "Research"
trust = "provider-saml"
saml_provider_arn = "arn:aws:iam::666677778888:saml-provider/corporate"

[[permission_set]]
name = "Auditor"
description = "Read access to security settings"
session_duration = "2h"
policy_arns = ["arn:aws:iam::aws:policy/SecurityAudit"]
managed_policies = ["arn:aws:iam::aws:policy/SecurityAudit"]

[[assignment]]
id = "data-developers"
who = { groups = ["payments-dev"] }
accounts = ["ou:Data"]
permission_sets = ["Developer"]

[[assignment]]
id = "legacy-auditors"
who = { groups = ["payments-dev"] }
accounts = ["legacy"]
permission_sets = ["Auditor"]

[[assignment]]
id = "partner-auditors"
who = { provider = "example", groups = ["payments-dev"] }
accounts = ["partners"]
permission_sets = ["Auditor"]

[[assignment]]
id = "research-developers"
who = { provider = "corporate", groups = ["payments-dev"] }
accounts = ["research"]
permission_sets = ["Developer"]
"#;

/// [`access_policy_for_both_providers`] with [`TRUST_ACCOUNTS`]: an account for each trust type. Requires the SAML provider
/// with its application for AWS.
pub fn access_policy_with_every_trust() -> String {
    let policy = access_policy_for_both_providers()
        .replace(
            "\n[[account]]\nid = \"111122223333\"",
            "\n# The roles of this account and the next trust the gateway as an OIDC provider, which is the default.\n[[account]]\nid = \"111122223333\"",
        )
        .replace(
            "\n[[account]]\nid = \"777788889999\"",
            "\n# The roles trust the gateway as a SAML provider.\n[[account]]\nid = \"777788889999\"",
        )
        // The permission sets of this assignment have no session policy, which accounts without roles require.
        .replace(
            "accounts = [\"*\"]",
            "accounts = [\"payments-*\", \"sandbox\", \"ou:Data\"]",
        );
    policy + TRUST_POLICY
}
