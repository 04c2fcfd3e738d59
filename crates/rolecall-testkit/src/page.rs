//! Pages of the identity providers: sign-in form, errors and forms that submit themselves.
//!
//! The style sheet is inline and values are escaped. The only script submits the form of a SAML message.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b2130;--soft:#5b6478;--paper:#fff;--ground:#eef1f6;--line:#c9d0dc;--mark:#3b5bdb;--onmark:#fff;--bad:#b3261e}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ebf2;--soft:#a3adc2;--paper:#1d222e;--ground:#12151d;--line:#3a4254;--mark:#8ea4ff;--onmark:#10131b;--bad:#ff8a80}}\
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{width:min(26rem,calc(100vw - 2rem));background:var(--paper);border:1px solid var(--line);border-radius:1rem;padding:2rem;margin:1rem}\
h1{font-size:1.3rem;margin:0 0 .25rem}p{margin:.25rem 0 1.25rem;color:var(--soft)}label{display:block;font-weight:600;margin:1rem 0 .3rem}\
input{width:100%;font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:.5rem;padding:.6rem .75rem}\
button{font:inherit;border-radius:.5rem;border:1px solid var(--line);padding:.6rem .75rem;cursor:pointer;background:transparent;color:inherit;width:100%;margin-top:.75rem}\
button.main{background:var(--mark);border-color:var(--mark);color:var(--onmark);font-weight:600;margin-top:1.5rem}\
:focus-visible{outline:3px solid var(--mark);outline-offset:2px}.bad{color:var(--bad);font-weight:600}";

/// The sign-in form of a provider.
pub(crate) struct SignIn<'a> {
    /// Name of the provider.
    pub(crate) title: &'a str,
    /// URL of the form's `action`.
    pub(crate) action: &'a str,
    /// Value of the hidden field `request`.
    pub(crate) request: &'a str,
    /// Value of the field for the username.
    pub(crate) username: &'a str,
    /// Usernames that the form suggests.
    pub(crate) people: &'a [String],
    /// Error of the previous attempt.
    pub(crate) error: Option<&'a str>,
}

impl SignIn<'_> {
    /// The form; with status 401 if there is an error.
    pub(crate) fn show(&self) -> HttpResponse {
        let known: String = self
            .people
            .iter()
            .map(|name| format!("<option value=\"{}\">", escape(name)))
            .collect();
        let error = self
            .error
            .map(|text| format!("<p class=\"bad\" role=\"alert\">{}</p>", escape(text)))
            .unwrap_or_default();
        let status = match self.error {
            None => StatusCode::OK,
            Some(_) => StatusCode::UNAUTHORIZED,
        };
        let body = format!(
            "<h1>Sign in to {title}</h1><p>This is a test identity provider. Any password is accepted. Users: {names}.</p>{error}\
             <form method=\"post\" action=\"{action}\" id=\"testkit-sign-in\">\
             <input type=\"hidden\" name=\"request\" value=\"{request}\">\
             <label for=\"username\">Username</label>\
             <input id=\"username\" name=\"username\" value=\"{username}\" list=\"people\" autocomplete=\"username\" autocapitalize=\"none\" required autofocus>\
             <datalist id=\"people\">{known}</datalist>\
             <label for=\"password\">Password</label>\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\">\
             <button class=\"main\" name=\"decision\" value=\"sign-in\">Sign in</button>\
             <button name=\"decision\" value=\"cancel\" formnovalidate>Cancel</button></form>",
            title = escape(self.title),
            names = escape(&self.people.join(", ")),
            action = escape(self.action),
            request = escape(self.request),
            username = escape(self.username),
        );
        page(self.title, status, &body)
    }
}

/// An error page, for errors that cannot be reported to the client.
pub(crate) fn error_page(title: &str, text: &str) -> HttpResponse {
    page(
        title,
        StatusCode::BAD_REQUEST,
        &format!("<h1>Sign-in failed</h1><p>{}</p>", escape(text)),
    )
}

/// The page after sign-out without a redirect.
pub(crate) fn signed_out(title: &str) -> HttpResponse {
    page(
        title,
        StatusCode::OK,
        "<h1>You are signed out</h1><p>You can close this window.</p>",
    )
}

/// A form that submits itself to `action` by `method` (SAML Bindings 3.5.4).
pub(crate) fn auto_post(
    title: &str,
    action: &str,
    method: &str,
    fields: &[(String, String)],
) -> HttpResponse {
    let fields: String = fields
        .iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
                escape(name),
                escape(value)
            )
        })
        .collect();
    let body = format!(
        "<form method=\"{}\" action=\"{}\" id=\"testkit-auto-post\">{fields}<button class=\"main\">Continue</button></form>\
         <script>document.forms[0].submit()</script>",
        escape(method),
        escape(action)
    );
    page(title, StatusCode::OK, &body)
}

fn page(title: &str, status: StatusCode, body: &str) -> HttpResponse {
    let title = escape(title);
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .body(format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
        ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
