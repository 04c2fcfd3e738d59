//! My sessions: the list of browser and client sessions of the user, and ending them.

pub mod view;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Query;
use rolecall_core::caller::Flow;
use rolecall_core::session::{ClientSession, Session};
use serde::Deserialize;

use super::format;
use crate::web::errors::page::PageError;
use crate::web::http::extract::{CsrfForm, SignedIn};
use crate::web::http::{csrf, reply};
use view::{ClientRow, SessionRow, SessionsPage};

/// The result of the previous action, after a redirect.
#[derive(Deserialize)]
pub struct EndedQuery {
    ended: Option<String>,
    #[serde(default)]
    proof: String,
}

impl EndedQuery {
    /// The URL of the page with the notice. The proof belongs to this session, so that a link from another site cannot show a
    /// false notice.
    fn at(session: &Session, ended: &str) -> String {
        let proof = csrf::notice(&session.form_key, ended);
        let query = reply::query(&[("ended", ended), ("proof", &proof)]);
        format!("/sessions?{query}")
    }

    fn notice(&self, session: &Session) -> Option<String> {
        let ended = self.ended.as_deref()?;
        if !csrf::verify_notice(&session.form_key, ended, &self.proof) {
            return None;
        }
        match ended {
            "one" => Some("The session was ended.".to_owned()),
            "others" => Some("All other sessions were ended.".to_owned()),
            _ => None,
        }
    }
}

/// `GET /sessions`.
///
/// # Errors
/// If the store is unavailable.
pub async fn list(signed_in: SignedIn, done: Query<EndedQuery>) -> Result<HttpResponse, PageError> {
    let mut sessions = signed_in
        .scope
        .site
        .gateway
        .sessions()
        .browser_sessions(&signed_in.session)
        .await?;
    sessions.sort_by_key(|session| session.id != signed_in.session.id);
    let notice = done.notice(&signed_in.session);
    let clients = signed_in
        .scope
        .site
        .gateway
        .sessions()
        .client_sessions(&signed_in.session)
        .await?;
    let rows = sessions
        .iter()
        .map(|session| row(session, &signed_in))
        .collect();
    reply::page(
        StatusCode::OK,
        &SessionsPage {
            viewer: signed_in.viewer(),
            sessions: rows,
            clients: clients.iter().map(client_row).collect(),
            notice,
        },
    )
}

fn row(session: &Session, signed_in: &SignedIn) -> SessionRow {
    let provider = signed_in
        .scope
        .site
        .gateway
        .sign_ins()
        .provider(&session.identity.provider);
    SessionRow {
        id: session.id.to_string(),
        current: session.id == signed_in.session.id,
        browser: format::browser(session.client_info.user_agent.as_deref()),
        address: format::address(session.client_info.address),
        provider: provider.map_or_else(
            || session.identity.provider.to_string(),
            |provider| provider.title().to_owned(),
        ),
        started: format::moment(session.started_at),
        last_seen: format::moment(session.last_seen_at),
    }
}

fn client_row(client: &ClientSession) -> ClientRow {
    ClientRow {
        id: client.id.to_string(),
        name: client.client_name.to_string(),
        flow: match (client.flow, &client.login) {
            (Flow::Code, _) => "in a browser on the same machine",
            (Flow::Device, None) => "with a device code",
            (Flow::Device, Some(_)) => "with a code pasted into the terminal",
        },
        role: client.login.as_ref().map(|login| {
            let role = &login.role;
            format!("{} in {}", role.role_name(), role.account)
        }),
        address: format::address(client.client_info.address),
        started: format::moment(client.started_at),
        ends: format::moment(client.ends_at),
    }
}

/// The session to end, or all other sessions.
#[derive(Deserialize)]
pub struct EndForm {
    session: Option<String>,
    others: Option<String>,
}

/// `POST /sessions/end`.
///
/// # Errors
/// If the store is unavailable.
pub async fn end(posted: CsrfForm<EndForm>) -> Result<HttpResponse, PageError> {
    let CsrfForm { signed_in, form } = posted;
    let gateway = &signed_in.scope.site.gateway;
    let context = &signed_in.scope.context;
    let session = &signed_in.session;
    let (ended, which) = match (form.session, form.others.as_deref()) {
        (Some(id), _) => (
            gateway
                .sessions()
                .end_session(context, session, &id)
                .await?,
            "one",
        ),
        (None, Some("true")) => {
            let ended = gateway
                .sessions()
                .end_other_sessions(context, session)
                .await?;
            (ended, "others")
        }
        (None, _) => {
            return Err(PageError::bad_request(
                "The form does not contain the session to end.",
            ));
        }
    };
    match ended {
        true => Ok(reply::see_other(&EndedQuery::at(session, which))),
        // The session of this request has ended meanwhile, and no other session was ended.
        false => Err(PageError::sign_in_first("/sessions", false)),
    }
}
