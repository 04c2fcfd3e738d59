//! Sample data of a stack: three accounts, three permission sets and an access policy for three users.

/// `client_id` of the gateway at the identity provider.
pub const CLIENT_ID: &str = "rolecall";
/// Client secret. It need not be secret, because the provider listens on loopback only.
pub const CLIENT_SECRET: &str = "only-for-the-demo";
/// ID of the identity provider in the gateway's configuration.
pub const PROVIDER_ID: &str = "example";
/// ID of the SAML provider in the gateway's configuration.
pub const SAML_PROVIDER_ID: &str = "corporate";

/// Name of the gateway as a SAML provider in all accounts.
pub const SAML_PROVIDER: &str = "rolecall";

/// The accounts: ID, name and how the account trusts the gateway.
pub const ACCOUNTS: [(&str, &str, &str); 3] = [
    ("111122223333", "payments-prod", "as an OIDC provider"),
    ("444455556666", "payments-dev", "as an OIDC provider"),
    ("777788889999", "sandbox", "as a SAML provider"),
];

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
session_duration = "1h"
source_identity = "{email}"

[[permission_set]]
name = "Developer"
description = "Development access"
role = "rolecall/Developer"
session_duration = "4h"
destination = "https://console.aws.amazon.com/cloudwatch/"
session_tags = { user = "{email}" }
source_identity = "{email}"
variants = { readonly = { policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"], session_duration = "1h" } }

[[permission_set]]
name = "ReadOnly"
description = "Read-only access"
role = "rolecall/ReadOnly"
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
