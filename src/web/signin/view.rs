//! The pages of `aws login`: the choice of the role of the program, and the code for `aws login --remote`.
use crate::web::pages::layout::{DisplayTime, Viewer};
use crate::web::pages::portal::view::{AccountSection, narrow};
use askama::Template;

/// `GET /v1/authorize`: shows the program; each button allows it to use one role.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// The signed-in user.
    pub viewer: Viewer,
    /// The address at which the program on this computer listens, such as `127.0.0.1:33389`; none for `--remote`.
    pub listens_at: Option<String>,
    /// The latest end of the client session.
    pub until: DisplayTime,
    /// The parameters of the authorization request, as hidden fields of every form.
    pub request: Vec<(&'static str, String)>,
    /// The search that was applied; empty for none.
    pub query: String,
    /// The accounts, in display order.
    pub accounts: Vec<AccountSection<'a>>,
}

impl LoginPage<'_> {
    /// The number of listed roles.
    #[must_use]
    pub fn role_count(&self) -> usize {
        let roles = self.accounts.iter().map(|account| account.roles.len());
        roles.sum()
    }

    /// The approximate size of the page, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const FRAME: usize = 8 * 1024;
        const ACCOUNT: usize = 384;
        const ROLE: usize = 384;
        FRAME + ACCOUNT * self.accounts.len() + ROLE * self.role_count()
    }

    /// Keeps the roles that match `query`, for browsers without JavaScript.
    pub fn narrow(&mut self, query: &str) {
        self.query = query.trim().to_owned();
        narrow(&mut self.accounts, &self.query);
    }
}

/// `GET /v1/sessions/confirmation`: the code to paste into the terminal.
#[derive(Debug, Template)]
#[template(path = "login_code.html")]
pub struct LoginCodePage {
    /// The signed-in user.
    pub viewer: Viewer,
    /// The value that the AWS CLI expects: base64 of `state=…&code=…`.
    pub code: String,
    /// The remaining lifetime of the code, such as `5 min`.
    pub left: String,
}

#[cfg(test)]
mod samples {
    use super::{LoginCodePage, LoginPage};
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{DisplayTime, Viewer};
    use crate::web::pages::portal::view::PortalPage;

    impl LoginPage<'static> {
        pub fn samples() -> Vec<Self> {
            let request = |state: &str| {
                vec![
                    ("client_id", rolecall_wire::signin::SAME_DEVICE.into()),
                    ("state", state.into()),
                ]
            };
            let until = || DisplayTime::sample("2030-03-04T17:30:00Z", "4 Mar 2030, 17:30 UTC");
            let mut portals = PortalPage::samples().into_iter();
            let mut accounts = || portals.next().map(|page| page.accounts).unwrap_or_default();
            let plain = Self {
                viewer: Viewer::sample(),
                listens_at: Some("127.0.0.1:33389".into()),
                until: until(),
                request: request("0b9a5c5e-0000-4000-8000-000000000000"),
                query: String::new(),
                accounts: accounts(),
            };
            let remote = Self {
                viewer: Viewer::sample(),
                listens_at: None,
                until: until(),
                request: request("x"),
                query: "nothing like it".into(),
                accounts: vec![],
            };
            let hostile = Self {
                viewer: Viewer::hostile(),
                listens_at: Some(HOSTILE.into()),
                until: DisplayTime::sample(HOSTILE, HOSTILE),
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
