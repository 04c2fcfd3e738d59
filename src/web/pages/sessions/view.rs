//! The page of sessions. Rows are identified by an opaque ID that is not valid as a cookie.
use crate::web::pages::layout::{DisplayTime, Viewer};
use askama::Template;

/// `GET /sessions`. Its forms are `POST /sessions/end` with `session`, or with `others=true` for all other sessions.
#[derive(Debug, Template)]
#[template(path = "sessions.html")]
pub struct SessionsPage {
    /// The signed-in user.
    pub viewer: Viewer,
    /// The browser sessions, the current one first.
    pub sessions: Vec<SessionRow>,
    /// The client sessions, newest first.
    pub clients: Vec<ClientRow>,
    /// The result of the previous action, such as "The session was ended."
    pub notice: Option<String>,
}

/// A browser session.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// The public ID of the session.
    pub id: String,
    /// Whether this is the session of this browser.
    pub current: bool,
    /// The browser, such as `Firefox on Linux`.
    pub browser: String,
    /// The last IP address.
    pub address: String,
    /// The title of the identity provider.
    pub provider: String,
    /// When the user signed in.
    pub started: DisplayTime,
    /// When the session was last used.
    pub last_seen: DisplayTime,
}

/// A client session: a command line or another program.
#[derive(Debug, Clone)]
pub struct ClientRow {
    /// The public ID of the session.
    pub id: String,
    /// The client name, which is not verified.
    pub name: String,
    /// How the client signed in, such as `with a device code`.
    pub flow: &'static str,
    /// The role of the client, such as `Developer in 444455556666`; none if it can use all roles of the user.
    pub role: Option<String>,
    /// The IP address of the client.
    pub address: String,
    /// When the session started.
    pub started: DisplayTime,
    /// The latest end of the session.
    pub ends: DisplayTime,
}

impl SessionsPage {
    /// Whether the user has other sessions.
    fn has_others(&self) -> bool {
        !self.clients.is_empty() || self.sessions.iter().any(|session| !session.current)
    }
}

#[cfg(test)]
mod samples {
    use super::{ClientRow, SessionRow, SessionsPage};
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{DisplayTime, Viewer};

    fn row(current: bool, texts: [&str; 4]) -> SessionRow {
        let [id, browser, address, provider] = texts.map(Into::into);
        let started = DisplayTime::sample("2030-03-04T09:30:00Z", "4 Mar 2030, 09:30 UTC");
        SessionRow {
            id,
            current,
            browser,
            address,
            provider,
            last_seen: DisplayTime::sample("2030-03-04T11:18:00Z", "4 Mar 2030, 11:18 UTC"),
            started,
        }
    }

    fn client(texts: [&str; 3]) -> ClientRow {
        let [id, name, address] = texts.map(String::from);
        ClientRow {
            id,
            flow: "with a device code",
            role: Some(name.clone()),
            name,
            address,
            started: DisplayTime::sample("2030-03-04T09:30:00Z", "4 Mar 2030, 09:30 UTC"),
            ends: DisplayTime::sample("2030-03-04T17:30:00Z", "4 Mar 2030, 17:30 UTC"),
        }
    }

    impl SessionsPage {
        pub fn samples() -> Vec<Self> {
            let this = row(true, ["c4b1", "Firefox on Linux", "192.0.2.17", "Okta"]);
            let others = [
                row(false, ["d5a2", "Chrome on macOS", "198.51.100.4", "Okta"]),
                row(
                    false,
                    [
                        "e6f3",
                        "Safari on iPhone",
                        "2001:db8:85a3:8d3:1319:8a2e:370:7348",
                        "Google Workspace",
                    ],
                ),
            ];
            let alone = Self {
                viewer: Viewer::sample(),
                sessions: vec![this.clone()],
                clients: Vec::new(),
                notice: None,
            };
            let many = Self {
                viewer: Viewer::sample(),
                sessions: std::iter::once(this).chain(others).collect(),
                clients: vec![client(["f7a4", "botocore-client-rolecall", "192.0.2.17"])],
                notice: Some("The session was ended.".into()),
            };
            let mut hostile_row = row(false, [HOSTILE; 4]);
            hostile_row.started = DisplayTime::sample(HOSTILE, HOSTILE);
            hostile_row.last_seen = hostile_row.started.clone();
            let hostile = Self {
                viewer: Viewer::hostile(),
                sessions: vec![
                    SessionRow {
                        current: true,
                        ..hostile_row.clone()
                    },
                    hostile_row,
                ],
                clients: vec![client([HOSTILE; 3])],
                notice: Some(HOSTILE.into()),
            };
            vec![alone, many, hostile]
        }
    }
}
