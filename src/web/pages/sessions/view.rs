//! My sessions: where I am signed in, and ending what I do not want. Rows are named by an opaque id that is worth nothing as a cookie.
use crate::web::pages::layout::{Moment, Viewer};
use askama::Template;

/// `GET /sessions`. Its forms are `POST /sessions/end` with `session`, or with `others=true` for all but this one.
#[derive(Debug, Template)]
#[template(path = "sessions.html")]
pub struct SessionsPage {
    /// Who looks.
    pub viewer: Viewer,
    /// The browsers, this one first.
    pub sessions: Vec<SessionRow>,
    /// The command lines and other clients, newest first.
    pub clients: Vec<ClientRow>,
    /// What was just done, such as "One session has been ended."
    pub notice: Option<String>,
}

/// One signed-in browser.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// The public handle for ending it.
    pub id: String,
    /// Whether this is the session the page is shown in.
    pub current: bool,
    /// The browser in words, such as `Firefox on Linux`.
    pub browser: String,
    /// The address it was last seen from.
    pub address: String,
    /// The provider's title.
    pub provider: String,
    /// When the person signed in.
    pub started: Moment,
    /// When it was last used.
    pub last_seen: Moment,
}

/// What a person allowed a command line or another client.
#[derive(Debug, Clone)]
pub struct ClientRow {
    /// The public handle for ending it.
    pub id: String,
    /// What the client calls itself, which nobody has checked.
    pub name: String,
    /// How it signed in, such as `with this machine’s browser`.
    pub flow: &'static str,
    /// The one role that it has, such as `Developer in 444455556666`; none when it has all of the person's.
    pub role: Option<String>,
    /// The address it asked from.
    pub address: String,
    /// Since when.
    pub started: Moment,
    /// The end at the latest.
    pub ends: Moment,
}

impl SessionsPage {
    /// Whether there is anything else to end.
    fn has_others(&self) -> bool {
        !self.clients.is_empty() || self.sessions.iter().any(|session| !session.current)
    }
}

#[cfg(test)]
mod samples {
    use super::{ClientRow, SessionRow, SessionsPage};
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{Moment, Viewer};

    fn row(current: bool, texts: [&str; 4]) -> SessionRow {
        let [id, browser, address, provider] = texts.map(Into::into);
        let started = Moment::sample("2030-03-04T09:30:00Z", "4 Mar 2030, 09:30 UTC");
        SessionRow {
            id,
            current,
            browser,
            address,
            provider,
            last_seen: Moment::sample("2030-03-04T11:18:00Z", "4 Mar 2030, 11:18 UTC"),
            started,
        }
    }

    fn client(texts: [&str; 3]) -> ClientRow {
        let [id, name, address] = texts.map(String::from);
        ClientRow {
            id,
            flow: "with a code",
            role: Some(name.clone()),
            name,
            address,
            started: Moment::sample("2030-03-04T09:30:00Z", "4 Mar 2030, 09:30 UTC"),
            ends: Moment::sample("2030-03-04T17:30:00Z", "4 Mar 2030, 17:30 UTC"),
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
                notice: Some("One session has been ended.".into()),
            };
            let mut hostile_row = row(false, [HOSTILE; 4]);
            hostile_row.started = Moment::sample(HOSTILE, HOSTILE);
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
