//! The order of modules in `src/web`: shared modules do not use specific ones, and AWS interfaces do not use each
//! other.

use crate::Rule;
use crate::floors::named_after;
use crate::source::{Complaint, Source};

pub const RULES: &[Rule] = &[Rule {
    name: "order of web",
    check: order,
    breaks: &[
        ("src/web/http/reply.rs", "use crate::web::pages::portal;"),
        ("src/web/errors/sso.rs", "use crate::web::sso::bearer;"),
        (
            "src/web/sso/list_accounts.rs",
            "use crate::web::{http, sso_oidc};",
        ),
        ("src/web/sso.rs", "use crate::web::pages::portal::lock;"),
        ("src/web/unheard_of.rs", "use crate::web::pages::portal;"),
    ],
    keeps: &[
        ("src/web/http/guard.rs", "use crate::web::errors::surface;"),
        (
            "src/web/sso/list_accounts.rs",
            "use crate::web::sso::bearer;\nuse crate::web::{errors, http, site};",
        ),
        (
            "src/web/saml/acs.rs",
            "use crate::web::pages::sign_in::finish;",
        ),
        ("src/web.rs", "use crate::web::pages::portal;"),
        ("src/idp/saml.rs", "// crate::web::pages is not for here"),
    ],
}];

/// The modules of `src/web` that a module can use. Modules that are not listed are interfaces for programs.
fn allowed(module: &str) -> &'static [&'static str] {
    match module {
        "http" => &["assets", "errors", "site"],
        "errors" => &["http", "pages"],
        "site" => &["http", "metrics"],
        "metrics" => &["errors"],
        "pages" => &["errors", "http", "saml", "signin", "site"],
        "saml" | "signin" | "sso_oidc" => &["errors", "http", "pages", "site"],
        _ => &["errors", "http", "site"],
    }
}

fn order(source: &Source) -> Vec<Complaint> {
    let rest = source.path.strip_prefix("src/web/");
    let Some(module) = rest.and_then(|rest| rest.split(['/', '.']).next()) else {
        return Vec::new();
    };
    if !source.is_rust() {
        return Vec::new();
    }
    let named = named_after(source, "crate::web::").into_iter();
    named
        .filter(|(_, other)| other != module && !allowed(module).contains(&other.as_str()))
        .map(|(line, other)| Complaint {
            line,
            advice: format!(
                "`web::{module}` must not use `web::{other}`: move shared code to `http`, `errors` or `pages`"
            ),
        })
        .collect()
}
