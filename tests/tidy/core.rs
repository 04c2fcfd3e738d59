//! Rules for the core: the order of its modules, without cycles, and the single place that creates STS requests.

use crate::Rule;
use crate::floors::named_modules;
use crate::source::{Complaint, Source};

pub const RULES: &[Rule] = &[CORE_FLOORS, STS_REQUESTS];

const STS_REQUESTS: Rule = Rule {
    name: "requests to STS",
    check: sts_requests,
    breaks: &[
        (
            "crates/rolecall-core/src/clients/token.rs",
            "let session = RoleSessionParameters { role, region };",
        ),
        (
            "crates/rolecall-core/src/clients/token.rs",
            "let request = GetFederationToken { key, name };",
        ),
        (
            "src/aws/sts/saml.rs",
            "let session = aws::RoleSessionParameters {\n    role,\n};",
        ),
    ],
    keeps: &[
        (
            "crates/rolecall-core/src/issue/proof.rs",
            "let session = RoleSessionParameters { role, region };",
        ),
        (
            "crates/rolecall-core/src/aws/sts.rs",
            "pub struct RoleSessionParameters {",
        ),
        (
            "src/aws/sts/saml.rs",
            "fn a(session: &RoleSessionParameters) {}",
        ),
        (
            "tests/it/aws/fixture.rs",
            "RoleSessionParameters { role, region }",
        ),
    ],
};

/// STS requests are created in one place, from a grant.
fn sts_requests(source: &Source) -> Vec<Complaint> {
    let product = ["src/", "crates/rolecall-core/src/"];
    if !product.iter().any(|folder| source.path.starts_with(folder))
        || source.path == "crates/rolecall-core/src/issue/proof.rs"
    {
        return Vec::new();
    }
    let made = |text: &str| {
        let parameters = text.contains("RoleSessionParameters {")
            && !text.contains("struct RoleSessionParameters {")
            && !text.contains("-> &RoleSessionParameters {");
        let federated =
            text.contains("GetFederationToken {") && !text.contains("struct GetFederationToken {");
        parameters || federated
    };
    let advice = "create STS requests only in `issue/proof.rs`, from a grant";
    source.complain(|text| made(text).then(|| advice.to_owned()))
}

const CORE_FLOORS: Rule = Rule {
    name: "core floors",
    check: core_floors,
    breaks: &[
        (
            "crates/rolecall-core/src/session.rs",
            "use crate::sign_in::SignIns;",
        ),
        (
            "crates/rolecall-core/src/identity/email.rs",
            "use crate::{base::text, access::Policy};",
        ),
        (
            "crates/rolecall-core/src/access/policy.rs",
            "fn a() { crate::gateway::Gateway::new() }",
        ),
        (
            "crates/rolecall-core/src/gateway.rs",
            "use crate::unheard_of::Thing;",
        ),
        (
            "crates/rolecall-core/src/unheard_of/thing.rs",
            "use crate::base::limits;",
        ),
    ],
    keeps: &[
        (
            "crates/rolecall-core/src/sign_in/begin.rs",
            "use crate::session::Session;\nuse crate::sign_in::SignIns;",
        ),
        (
            "crates/rolecall-core/src/session.rs",
            "/// As [`crate::sign_in::SignIns::sign_out`].",
        ),
        ("crates/rolecall-core/src/lib.rs", "pub mod access;"),
    ],
};

/// The modules of the core. Each can use itself and those before it.
const CORE: &[&str] = &[
    "base",
    "config_file",
    "identity",
    "record",
    "aws",
    "caller",
    "access",
    "people",
    "organization",
    "provisioning",
    "drift",
    "audit",
    "entitlements",
    "session",
    "sign_in",
    "issue",
    "clients",
    "aws_login",
    "gateway",
];

fn core_floors(source: &Source) -> Vec<Complaint> {
    let module = source
        .path
        .strip_prefix("crates/rolecall-core/src/")
        .and_then(|path| path.split(['/', '.']).next())
        .filter(|module| source.is_rust() && *module != "lib");
    let Some(module) = module else {
        return Vec::new();
    };
    let Some(own) = CORE.iter().position(|known| *known == module) else {
        return vec![Complaint {
            line: 1,
            advice: format!(
                "`{module}` is not in the list of core modules: add it to `CORE` in tests/tidy/core.rs"
            ),
        }];
    };
    let mut complaints = Vec::new();
    for (line, other) in named_modules(source) {
        if !CORE[..=own].contains(&other.as_str()) {
            let advice = format!(
                "`{module}` must not use `{other}`, which comes later or is missing in `CORE`"
            );
            complaints.push(Complaint { line, advice });
        }
    }
    complaints
}
