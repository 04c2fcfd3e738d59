//! Who and what is in the house when nothing else is asked for: three accounts, three permission sets, three people.

/// The gateway's `client_id` at the identity provider.
pub const CLIENT_ID: &str = "rolecall";
/// Its secret: worth nothing, since the provider is a plaything on loopback.
pub const CLIENT_SECRET: &str = "only-for-the-demo";
/// The identity provider's id in the gateway's configuration.
pub const PROVIDER_ID: &str = "example";
/// The SAML provider's, where there is one.
pub const SAML_PROVIDER_ID: &str = "corporate";

/// The name of the gateway as a SAML provider in every account.
pub const SAML_PROVIDER: &str = "rolecall";

/// Number and name of the accounts.
pub const ACCOUNTS: [(&str, &str, &str); 3] = [
    ("111122223333", "payments-prod", "as an OIDC provider"),
    ("444455556666", "payments-dev", "as an OIDC provider"),
    ("777788889999", "sandbox", "as a SAML provider"),
];

/// The access policy. One account for each way of trust: the gateway as OpenID provider, but in the sandbox as SAML
/// provider, where browsers go to the console without STS. `alice` is in `platform` and `payments-dev` and signs in with a second factor, `bob` is in
/// `payments-dev` and does not, `carol` is in no group.
pub const ACCESS: &str = r#"
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

/// [`ACCESS`] for people of either provider: their groups are called the same.
pub fn access_by_both() -> String {
    ACCESS.replace(&format!("provider = \"{PROVIDER_ID}\", "), "")
}
