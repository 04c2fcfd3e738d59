//! `/decode`: why AWS denied a request.

use askama::Template;
use rolecall_core::base::limits;

use super::roles::RoleList;
use crate::web::pages::layout::{PageLink, Viewer};

/// `GET /decode`, and the answer of its form.
#[derive(Debug, Template)]
#[template(path = "decode.html")]
pub struct DecodePage {
    /// The signed-in user.
    pub viewer: Viewer,
    /// The text that was pasted, to try it with another role.
    pub message: String,
    /// Characters of the text that are read.
    pub chars_max: usize,
    /// The roles to decode a message with.
    pub roles: RoleList,
    /// What is missing.
    pub notice: Option<String>,
    /// Why nothing was decoded.
    pub problem: Option<String>,
    /// The sign-in that makes it possible, in another window: this page keeps the text.
    pub sign_in: Option<PageLink>,
    /// What to do with the authorization ID of the error.
    pub authorization: Option<AuthorizationHelp>,
    /// What was found: first what AWS decoded, then what the text says.
    pub reports: Vec<Report>,
}

impl DecodePage {
    /// The page without a result.
    pub fn new(viewer: Viewer, message: String, roles: RoleList) -> Self {
        Self {
            viewer,
            message,
            chars_max: limits::ERROR_TEXT_CHARS_MAX,
            roles,
            notice: None,
            problem: None,
            sign_in: None,
            authorization: None,
            reports: Vec::new(),
        }
    }

    /// Whether there is a result above the form.
    fn has_result(&self) -> bool {
        !self.reports.is_empty() || self.authorization.is_some()
    }
}

/// The roles of one account.
#[derive(Debug)]
pub struct AccountRoles {
    /// Such as `payments-prod (111122223333)`.
    pub title: String,
    /// The roles, in the order of the portal.
    pub roles: Vec<RoleChoice>,
}

/// A role to decode with.
#[derive(Debug)]
pub struct RoleChoice {
    /// `ACCOUNT/ROLE`, the value of the form.
    pub value: String,
    /// The name of the role in the account.
    pub name: String,
    /// Whether it is selected.
    pub selected: bool,
    /// Why it cannot decode messages.
    pub obstacle: Option<&'static str>,
}

/// How to get the details of a denial that has an authorization ID.
#[derive(Debug)]
pub struct AuthorizationHelp {
    /// The ID.
    pub id: String,
    /// The command of the AWS CLI.
    pub command: String,
}

/// One explanation of a denied request.
#[derive(Debug)]
pub struct Report {
    /// Such as `Denied by an explicit deny in a session policy`.
    pub verdict: String,
    /// Where the explanation comes from.
    pub source: &'static str,
    /// Action, resource, caller and policy.
    pub facts: Vec<Fact>,
    /// Limits of the access policy that explain the denial.
    pub limits: Vec<String>,
    /// The statements that matched.
    pub statements: Vec<StatementRow>,
    /// Condition keys of the request, and their values.
    pub conditions: Vec<Fact>,
}

/// A name and its value.
#[derive(Debug)]
pub struct Fact {
    pub name: String,
    pub value: String,
}

/// A statement that matched the request.
#[derive(Debug)]
pub struct StatementRow {
    /// `Allow` or `Deny`
    pub effect: String,
    /// `Sid`; empty if there is none.
    pub id: String,
    /// Patterns of actions.
    pub actions: String,
    /// Patterns of resources.
    pub resources: String,
    /// Condition keys, and the values that the statement requires.
    pub conditions: Vec<Fact>,
}

#[cfg(test)]
mod samples {
    use super::{
        AccountRoles, AuthorizationHelp, DecodePage, Fact, Report, RoleChoice, RoleList,
        StatementRow,
    };
    use crate::web::pages::layout::Viewer;
    use crate::web::pages::layout::samples::HOSTILE;

    fn roles(title: &str, name: &str) -> RoleList {
        let choice = |selected, obstacle| RoleChoice {
            value: name.into(),
            name: name.into(),
            selected,
            obstacle,
        };
        let account = AccountRoles {
            title: title.into(),
            roles: vec![
                choice(true, None),
                choice(false, Some("its session policy does not allow it")),
            ],
        };
        RoleList {
            accounts: vec![account],
            is_cut: true,
            is_one_account: true,
        }
    }

    fn fact(name: &str, value: &str) -> Fact {
        Fact {
            name: name.into(),
            value: value.into(),
        }
    }

    fn report(text: &str) -> Report {
        Report {
            verdict: text.into(),
            source: "Decoded by AWS",
            facts: vec![fact("Action", text)],
            limits: vec![text.into()],
            statements: vec![StatementRow {
                effect: text.into(),
                id: text.into(),
                actions: text.into(),
                resources: text.into(),
                conditions: vec![fact(text, text)],
            }],
            conditions: vec![fact(text, text)],
        }
    }

    impl DecodePage {
        pub fn samples() -> Vec<Self> {
            let page = |message: &str| {
                let roles = roles("payments-prod (111122223333)", "Developer");
                Self::new(Viewer::sample(), message.into(), roles)
            };
            let decoded = Self {
                reports: vec![report("ec2:RunInstances"), report("s3:GetObject")],
                ..page("Encoded authorization failure message: …")
            };
            let hostile = Self {
                notice: Some(HOSTILE.into()),
                problem: Some(HOSTILE.into()),
                authorization: Some(AuthorizationHelp {
                    id: HOSTILE.into(),
                    command: HOSTILE.into(),
                }),
                reports: vec![report(HOSTILE)],
                ..Self::new(Viewer::hostile(), HOSTILE.into(), roles(HOSTILE, HOSTILE))
            };
            let nobody = Self::new(Viewer::sample(), String::new(), RoleList::default());
            vec![page(""), decoded, hostile, nobody]
        }
    }
}
