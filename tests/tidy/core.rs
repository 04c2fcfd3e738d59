//! The order of the core's modules: none names one that stands above it, so no circle stands between two features.

use crate::Rule;
use crate::floors::named_modules;
use crate::source::{Complaint, Source};

pub const RULES: &[Rule] = &[Rule {
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
}];

/// The modules of the core. Each may name itself and those before it.
const CORE: &[&str] = &[
    "base",
    "config_file",
    "identity",
    "record",
    "aws",
    "caller",
    "access",
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
                "`{module}` has no place among the modules of the core: see `CORE` in tests/tidy/core.rs"
            ),
        }];
    };
    let mut complaints = Vec::new();
    for (line, other) in named_modules(source) {
        if !CORE[..=own].contains(&other.as_str()) {
            let advice = format!(
                "`{module}` must not know `{other}`, which stands above it or in no place of `CORE`"
            );
            complaints.push(Complaint { line, advice });
        }
    }
    complaints
}
