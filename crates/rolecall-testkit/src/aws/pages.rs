//! Pages of the emulator: a console that shows the role session, and error pages.
//!
//! Every page states that it is an emulation. Values are escaped, and pages load no resources.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::Uri;
use actix_web::http::header::{CACHE_CONTROL, REFERRER_POLICY};

use super::signin::Console;
use super::wire::escape;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#16191f;--dim:#5f6b7a;--paper:#fff;--ground:#f2f3f3;--line:#d5dbdb;--accent:#b45309}\
@media(prefers-color-scheme:dark){:root{--ink:#e9ebed;--dim:#9ba7b6;--paper:#1b232d;--ground:#0f141a;--line:#354150;--accent:#f0a34a}}\
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
header{background:#232f3e;color:#fff;padding:.75rem 1.25rem;display:flex;gap:1rem;flex-wrap:wrap;justify-content:space-between}\
header b{font-weight:600}header span{color:#d5dbdb}main{max-width:46rem;margin:2rem auto;padding:0 1.25rem}\
section{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:1.5rem;margin:0 0 1.25rem}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem}p{margin:.5rem 0}\
.note{border-left:4px solid var(--accent);padding:.25rem 0 .25rem .9rem;color:var(--dim)}\
dl{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.6rem 1.25rem;margin:1rem 0 0}dt{color:var(--dim)}\
dd{margin:0;overflow-wrap:anywhere}code{font:.9em ui-monospace,monospace}\
nav{display:flex;gap:.75rem;flex-wrap:wrap;margin-top:1.25rem}\
a.button{border:1px solid var(--accent);color:var(--accent);border-radius:8px;padding:.5rem 1rem;text-decoration:none;font-weight:600}\
a.button:hover,a.button:focus{background:var(--accent);color:var(--paper)}\
@media(max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}}";

const EMULATED: &str = "<p class=\"note\">This is an emulation of AWS for evaluation. It does not connect to AWS, and it does not incur charges.</p>";

fn page(status: StatusCode, title: &str, who: &str, body: &str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header(("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"))
        .body(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <title>{title} · AWS Console (emulated)</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header><b>AWS Console (emulated)</b><span>{who}</span></header>\n\
             <main>\n<section>\n{body}</section>\n{EMULATED}\n</main>\n</body>\n</html>\n",
            title = escape(title),
            who = escape(who),
        ))
}

/// The console: account, role session, destination and end of the session.
pub(super) fn console(console: &Console) -> HttpResponse {
    let session = &console.session;
    let role = session.role_arn.rsplit('/').next().unwrap_or_default();
    let mut rows = String::new();
    let mut row = |name: &str, value: &str| {
        rows.push_str(&format!(
            "<dt>{name}</dt><dd><code>{}</code></dd>\n",
            escape(value)
        ))
    };
    row("Account", &session.account_id);
    row("Role", role);
    row("Role session", &session.assumed_role_arn);
    if let Some(source) = &session.source_identity {
        row("Source identity", source);
    }
    for (key, value) in &session.tags {
        row("Session tag", &format!("{key} = {value}"));
    }
    row("Destination", &console.destination);
    row(
        "Session ends",
        &console.ends.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    );
    let again = console.issuer.as_ref().map_or_else(String::new, |url| {
        format!(
            "<a class=\"button\" href=\"{}\">Return to the access portal</a>\n",
            escape(url)
        )
    });
    let body = format!(
        "<h1>You are signed in to the console</h1>\n<p>At AWS, this would be the management console of account <b>{}</b>, opened as <b>{}</b>.</p>\n\
         <dl>\n{rows}</dl>\n<nav>\n{again}<a class=\"button\" href=\"/oauth?Action=logout\">Sign out</a>\n</nav>\n",
        escape(&session.account_id),
        escape(role),
    );
    page(
        StatusCode::OK,
        "Signed in",
        &format!("{role} @ {}", session.account_id),
        &body,
    )
}

/// The page that AWS shows if the browser is signed in with another identity.
pub(super) fn log_out_first(open: &Console, here: &Uri) -> HttpResponse {
    let back = here.to_string();
    let body = format!(
        "<h1>You must first log out before logging into a different AWS account</h1>\n<p>This browser is signed in as <code>{}</code>.</p>\n\
         <p>Log out, then open the link to the other account again.</p>\n<nav><a class=\"button\" href=\"/oauth?Action=logout\">Log out</a>\n\
         <a class=\"button\" href=\"{}\">Try again</a></nav>\n",
        escape(&open.session.assumed_role_arn),
        escape(&back),
    );
    page(
        StatusCode::BAD_REQUEST,
        "Log out first",
        &open.session.account_id,
        &body,
    )
}

/// An error page.
pub(super) fn notice(title: &str, text: &str) -> HttpResponse {
    page(
        StatusCode::BAD_REQUEST,
        title,
        "",
        &format!("<h1>{}</h1>\n<p>{}</p>\n", escape(title), escape(text)),
    )
}

/// The page after sign-out without a `redirect_uri`.
pub(super) fn signed_out() -> HttpResponse {
    page(
        StatusCode::OK,
        "Signed out",
        "",
        "<h1>You are signed out</h1>\n<p>To sign in again, open your organization's access portal.</p>\n",
    )
}
