//! Rules for dependencies between modules: the layers of ARCHITECTURE.md, restricted crates, and the pure core.

use crate::Rule;
use crate::source::{Complaint, Source, names};

pub const RULES: &[Rule] = &[
    Rule {
        name: "floors",
        check: floors,
        breaks: &[
            (
                "src/web/pages/portal.rs",
                "use crate::store::redis::RedisStore;",
            ),
            (
                "src/aws/sts.rs",
                "use crate::{config::Aws, idp::http::Client};",
            ),
            (
                "src/aws/sts.rs",
                "use crate::{\n    config::Aws,\n    idp,\n};",
            ),
            ("src/config/parse.rs", "fn a() { crate::web::routes() }"),
            ("src/store.rs", "use crate::server::bind;"),
            ("src/store.rs", "use crate::config::Settings;"),
            ("src/server.rs", "use crate::cli::Options;"),
            ("src/telemetry.rs", "use crate::web::urls;"),
            ("src/web/pages/portal.rs", "use crate::unheard_of::Thing;"),
            ("src/unheard_of.rs", "use crate::store::Thing;"),
        ],
        keeps: &[
            (
                "src/web/pages/portal.rs",
                "use crate::web::page::Page;\nuse crate::regions;",
            ),
            (
                "src/web/pages/portal.rs",
                "// unlike crate::store, this is not stored",
            ),
            ("src/server.rs", "use crate::{aws, idp::http, store, web};"),
            ("src/cli/serve.rs", "use crate::server;"),
            ("src/config/provider.rs", "use crate::idp::OidcSettings;"),
            ("src/idp/oidc.rs", "use crate::telemetry::Reference;"),
            ("tests/it/main.rs", "use crate::fixture::Fixture;"),
        ],
    },
    Rule {
        name: "fences",
        check: fences,
        breaks: &[
            ("src/web/pages/portal.rs", "use redis::Client;"),
            ("src/idp/oidc.rs", "let app = actix_web::App::new();"),
            ("src/server.rs", "use sqlx::SqlitePool;"),
            ("src/idp/http.rs", "use aws_sdk_sts::Client;"),
            ("src/cli/check.rs", "use openidconnect::IssuerUrl;"),
        ],
        keeps: &[
            ("src/store/redis.rs", "use redis::Client;"),
            (
                "src/server.rs",
                "use crate::store::redis::RedisStore;\nuse actix_web::HttpServer;",
            ),
            (
                "src/idp/oidc/jwks.rs",
                "use openidconnect::core::CoreJsonWebKey;",
            ),
            ("src/cli/check.rs", "// redis::Client is not for here"),
            ("tests/it/store.rs", "use redis::Client;"),
        ],
    },
    Rule {
        name: "pure packages",
        check: pure,
        breaks: &[
            (
                "crates/rolecall-core/src/a.rs",
                "let now = chrono::Utc::now();",
            ),
            ("crates/rolecall-core/src/a.rs", "use std::fs;"),
            (
                "crates/rolecall-core/src/a.rs",
                "use std::{collections::BTreeMap, env};",
            ),
            ("crates/rolecall-core/src/a.rs", "tokio::spawn(async {});"),
            (
                "crates/rolecall-core/Cargo.toml",
                "[dependencies]\ntokio.workspace = true\n",
            ),
            (
                "crates/rolecall-core/Cargo.toml",
                "[dependencies]\nchrono = { workspace = true, features = [\"clock\"] }\n",
            ),
            (
                "crates/rolecall-core/Cargo.toml",
                "[dependencies]\nrolecalld.workspace = true\n",
            ),
            ("crates/rolecall-wire/src/a.rs", "use std::fs;"),
            (
                "crates/rolecall-wire/Cargo.toml",
                "[dependencies]\nrolecall-core.workspace = true\n",
            ),
        ],
        keeps: &[
            (
                "crates/rolecall-core/src/a.rs",
                "use std::net::IpAddr;\n#[cfg(test)]\nmod tests {\n    #[tokio::test]\n    async fn a() {}\n}",
            ),
            (
                "crates/rolecall-core/Cargo.toml",
                "[dependencies]\nchrono.workspace = true\n\n[dev-dependencies]\ntokio.workspace = true\n",
            ),
            (
                "crates/rolecall-core/Cargo.toml",
                "[dependencies]\nrolecall-wire.workspace = true\n",
            ),
            ("src/server.rs", "use std::fs;"),
        ],
    },
];

/// Small modules that all others can use, and which use no other module.
const SHARED: &[&str] = &[
    "canonical_xml",
    "client_address",
    "database",
    "egress",
    "file",
    "hardening",
    "regions",
    "sqlite_file",
    "telemetry",
    "world",
];
const COMPOSING: &[&str] = &["server", "cli", "main", "lib"];

/// The modules that a layer of `src/` can use; every layer can use itself. Modules that are not listed are adapters.
fn allowed(floor: &str, other: &str) -> bool {
    let shared = SHARED.contains(&other);
    match floor {
        "cli" | "main" | "lib" => true,
        "server" => other != "cli" && other != "main",
        "config" => other != "web" && !COMPOSING.contains(&other),
        _ => shared,
    }
}

fn floors(source: &Source) -> Vec<Complaint> {
    let Some(floor) = source
        .path
        .strip_prefix("src/")
        .and_then(|path| path.split(['/', '.']).next())
    else {
        return Vec::new();
    };
    if !source.is_rust() {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (line, other) in named_modules(source) {
        if other != floor && !allowed(floor, &other) {
            let advice = format!(
                "`{floor}` must not use `{other}`: use a port of rolecall-core, connected in `server`"
            );
            complaints.push(Complaint { line, advice });
        }
    }
    complaints
}

/// The modules after `crate::` in code, each with its line.
pub(crate) fn named_modules(source: &Source) -> Vec<(usize, String)> {
    named_after(source, "crate::")
}

/// The modules after a path such as `crate::` in code, each with its line.
pub(crate) fn named_after(source: &Source, path: &str) -> Vec<(usize, String)> {
    let code: Vec<(usize, &str)> = source.code().collect();
    let mut named = Vec::new();
    for (index, (line, text)) in code.iter().enumerate() {
        for (at, start) in text.match_indices(path) {
            let rest = &text[at + start.len()..];
            let tail: String = code[index + 1..]
                .iter()
                .flat_map(|(_, text)| ["\n", *text])
                .collect();
            let others = modules(&format!("{rest}{tail}"));
            named.extend(others.into_iter().map(|other| (*line, other)));
        }
    }
    named
}

/// The first names after `crate::`: one, or those of a `{…}` group.
fn modules(text: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let Some(group) = text.strip_prefix('{') else {
        return vec![word(text)];
    };
    let mut depth = 0;
    let mut found = vec![word(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.push(word(&group[at + 1..])),
            _ => {}
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// A crate, the modules that can use it, and the reason.
const FENCES: &[(&str, &[&str], &str)] = &[
    (
        "actix_web::",
        &["src/web", "src/server"],
        "HTTP in and out belongs to `web`, listeners to `server`",
    ),
    ("aws_config::", &["src/aws"], "AWS is called in `aws`"),
    ("aws_sdk_iam::", &["src/aws"], "AWS is called in `aws`"),
    (
        "aws_sdk_organizations::",
        &["src/aws"],
        "AWS is called in `aws`",
    ),
    ("aws_sdk_sts::", &["src/aws"], "AWS is called in `aws`"),
    (
        "openidconnect::",
        &["src/idp/oidc"],
        "OpenID Connect is implemented in `idp::oidc`",
    ),
    (
        "samael::",
        &["src/idp/saml", "src/aws/saml_issuer"],
        "XML signatures are verified in `idp::saml`, behind its guard, and created in `aws::saml_issuer`",
    ),
    (
        "roxmltree::",
        &["src/idp/saml"],
        "external XML is parsed in `idp::saml`",
    ),
    (
        "redis::",
        &["src/store/redis"],
        "Redis is used in `store::redis`",
    ),
    (
        "sqlx::",
        &[
            "src/store/sqlite",
            "src/database",
            "src/audit",
            "src/people",
            "src/policy_archive",
        ],
        "SQL is used in `store::sqlite`, `database` and the adapters over it",
    ),
    (
        "askama::",
        &[
            "src/web",
            "src/aws/saml_issuer",
            "src/canonical_xml",
            "src/idp/saml",
        ],
        "pages are rendered in `web`, SAML in `aws::saml_issuer` and `idp::saml`",
    ),
    (
        "clap::",
        &["src/cli", "src/main.rs", "crates/rolecall-demo"],
        "the command line is parsed in `cli`",
    ),
    (
        "rolecall_testkit::",
        &["crates/rolecall-demo", "crates/rolecall-harness"],
        "the gateway does not depend on its tests",
    ),
];

fn fences(source: &Source) -> Vec<Complaint> {
    if !source.is_rust()
        || !source.is_under(&[
            "src/",
            "crates/rolecall-core/src/",
            "crates/rolecall-demo/",
            "crates/rolecall-harness/",
            "xtask/",
        ])
    {
        return Vec::new();
    }
    let outside = FENCES
        .iter()
        .filter(|(_, homes, _)| !source.is_under(homes));
    outside
        .flat_map(|(path, _, why)| {
            source.complain(|line| names(line, path).then(|| format!("no `{path}` here: {why}")))
        })
        .collect()
}

/// Packages without I/O. The core can use the lowest, which uses no other package of Rolecall.
const PURE_PACKAGES: &[&str] = &["rolecall-core", LOWEST_PACKAGE];
const LOWEST_PACKAGE: &str = "rolecall-wire";

const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::process",
    "std::thread",
    "tokio::",
    "SystemTime",
    "Instant",
    "Utc::now",
    "Local::now",
];
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "actix-web",
    "reqwest",
    "redis",
    "sqlx",
    "getrandom",
    "openssl",
    "rand",
];

fn pure(source: &Source) -> Vec<Complaint> {
    let Some((package, path)) = PURE_PACKAGES.iter().find_map(|package| {
        let path = source.path.strip_prefix("crates/")?;
        Some((*package, path.strip_prefix(package)?.strip_prefix('/')?))
    }) else {
        return Vec::new();
    };
    let advice = |what: &str| {
        format!(
            "no `{what}` in {package}: it does no I/O and reads no clock; use a port of the core"
        )
    };
    match path {
        "Cargo.toml" => {
            let in_dependencies = source
                .lines()
                .skip_while(|(_, line)| *line != "[dependencies]")
                .skip(1)
                .take_while(|(_, line)| !line.starts_with('['));
            let impure = in_dependencies.filter(|(_, line)| {
                let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
                let upward = name.starts_with("rolecall") && name != LOWEST_PACKAGE;
                IMPURE_CRATES.contains(&name) || upward || line.contains("\"clock\"")
            });
            impure
                .map(|(line, text)| Complaint {
                    line,
                    advice: advice(text),
                })
                .collect()
        }
        path if path.starts_with("src/") => {
            let code = source
                .code()
                .take_while(|(_, text)| text.trim() != "#[cfg(test)]");
            let grouped = |text: &str, path: &str| {
                path.strip_prefix("std::").is_some_and(|name| {
                    text.contains("std::{")
                        && text
                            .split(['{', ',', '}', ' '])
                            .any(|word| word.split("::").next() == Some(name))
                })
            };
            code.filter_map(|(line, text)| {
                let found = IMPURE.iter().find(|path| {
                    names(text, path)
                        || grouped(text, path)
                        || (path.contains("::now") && text.contains(**path))
                })?;
                Some(Complaint {
                    line,
                    advice: advice(found),
                })
            })
            .collect()
        }
        _ => Vec::new(),
    }
}
