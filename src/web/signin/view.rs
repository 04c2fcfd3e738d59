//! `aws login` in the browser: the page on which a person chooses the one role that a program gets, and the one that shows
//! the code which `aws login --remote` waits for.
use crate::web::pages::layout::{Moment, Viewer};
use crate::web::pages::portal::view::{AccountSection, narrow};
use askama::Template;

/// `GET /v1/authorize`: says who asks and what for; each button gives one role away.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// Who looks.
    pub viewer: Viewer,
    /// Where the program on this computer waits, such as `127.0.0.1:33389`; none when it may be on another.
    pub answered_at: Option<String>,
    /// Until when the program keeps the role.
    pub until: Moment,
    /// The authorization request, which every form of the page sends along.
    pub request: Vec<(&'static str, String)>,
    /// The search that `accounts` was narrowed to; empty for none.
    pub query: String,
    /// The accounts, in the order to show.
    pub accounts: Vec<AccountSection<'a>>,
}

impl LoginPage<'_> {
    /// How many roles are listed.
    #[must_use]
    pub fn role_count(&self) -> usize {
        let roles = self.accounts.iter().map(|account| account.roles.len());
        roles.sum()
    }

    /// About how long the page will be.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const FRAME: usize = 8 * 1024;
        const ACCOUNT: usize = 384;
        const ROLE: usize = 384;
        FRAME + ACCOUNT * self.accounts.len() + ROLE * self.role_count()
    }

    /// Keeps what matches `query`, for people without the script.
    pub fn narrow(&mut self, query: &str) {
        self.query = query.trim().to_owned();
        narrow(&mut self.accounts, &self.query);
    }
}

/// `GET /v1/sessions/confirmation`: what the person carries to the terminal by hand.
#[derive(Debug, Template)]
#[template(path = "login_code.html")]
pub struct LoginCodePage {
    /// Who looks.
    pub viewer: Viewer,
    /// What the AWS CLI takes: base64 of `state=…&code=…`.
    pub code: String,
    /// How long the code works, such as `5 min`.
    pub left: String,
}

#[cfg(test)]
mod samples {
    use super::{LoginCodePage, LoginPage};
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{Moment, Viewer};
    use crate::web::pages::portal::view::PortalPage;

    impl LoginPage<'static> {
        pub fn samples() -> Vec<Self> {
            let request = |state: &str| {
                vec![
                    ("client_id", rolecall_wire::signin::SAME_DEVICE.into()),
                    ("state", state.into()),
                ]
            };
            let until = || Moment::sample("2030-03-04T17:30:00Z", "4 Mar 2030, 17:30 UTC");
            let mut portals = PortalPage::samples().into_iter();
            let mut accounts = || portals.next().map(|page| page.accounts).unwrap_or_default();
            let plain = Self {
                viewer: Viewer::sample(),
                answered_at: Some("127.0.0.1:33389".into()),
                until: until(),
                request: request("0b9a5c5e-0000-4000-8000-000000000000"),
                query: String::new(),
                accounts: accounts(),
            };
            let remote = Self {
                viewer: Viewer::sample(),
                answered_at: None,
                until: until(),
                request: request("x"),
                query: "nothing like it".into(),
                accounts: vec![],
            };
            let hostile = Self {
                viewer: Viewer::hostile(),
                answered_at: Some(HOSTILE.into()),
                until: Moment::sample(HOSTILE, HOSTILE),
                request: request(HOSTILE),
                query: HOSTILE.into(),
                accounts: accounts(),
            };
            vec![plain, remote, hostile]
        }
    }

    impl LoginCodePage {
        pub fn samples() -> Vec<Self> {
            let page = |viewer, code: &str| Self {
                viewer,
                code: code.into(),
                left: "5 min".into(),
            };
            vec![
                page(Viewer::sample(), "c3RhdGU9MGI5YTVjNWUmY29kZT1hYmM="),
                page(Viewer::hostile(), HOSTILE),
            ]
        }
    }
}
