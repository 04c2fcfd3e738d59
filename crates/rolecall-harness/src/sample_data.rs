//! The sample data of a stack: three accounts, three permission sets, and an access policy for three people.

/// The gateway's `client_id` at the identity provider.
pub const CLIENT_ID: &str = "rolecall";
/// Its secret. It protects nothing: the provider listens on loopback only.
pub const CLIENT_SECRET: &str = "only-for-the-demo";
/// The identity provider's id in the gateway's configuration.
pub const PROVIDER_ID: &str = "example";
/// The SAML provider's id, if there is one.
pub const SAML_PROVIDER_ID: &str = "corporate";

/// The name of the gateway as a SAML provider in every account.
pub const SAML_PROVIDER: &str = "rolecall";

/// The accounts: number, name, and how each trusts the gateway.
pub const ACCOUNTS: [(&str, &str, &str); 3] = [
    ("111122223333", "payments-prod", "as an OIDC provider"),
    ("444455556666", "payments-dev", "as an OIDC provider"),
    ("777788889999", "sandbox", "as a SAML provider"),
];

/// The access policy. Two accounts trust the gateway as an OpenID provider. The sandbox trusts it as a SAML provider, where
/// browsers reach the console without STS. `alice` is in `platform` and `payments-dev` and signs in with a second factor, `bob`
/// is in `payments-dev` and does not, `carol` is in no group.
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
description = "Everything, for an hour"
role = "rolecall/Administrator"
session_duration = "1h"
source_identity = "{email}"

[[permission_set]]
name = "Developer"
description = "Build and look around"
role = "rolecall/Developer"
session_duration = "4h"
destination = "https://console.aws.amazon.com/cloudwatch/"
session_tags = { user = "{email}" }
source_identity = "{email}"
variants = { readonly = { policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"], session_duration = "1h" } }

[[permission_set]]
name = "ReadOnly"
description = "Look, do not touch"
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

/// [`ACCESS_POLICY`] for people of either provider, whose groups have the same names.
pub fn access_policy_for_both_providers() -> String {
    ACCESS_POLICY.replace(&format!("provider = \"{PROVIDER_ID}\", "), "")
}
