//! The confirmation page of a console link. Anyone can send a link, so the page shows the account and role before the console
//! opens. The user can also choose the Region and the destination.
use crate::web::pages::layout::Viewer;
use crate::web::pages::portal::view::Lock;
use askama::Template;

/// `GET /console?…`. Its form is `POST /console` with `region`, `destination` and `sign_out_first` and the fields of the role.
#[derive(Debug, Template)]
#[template(path = "console.html")]
pub struct ConsolePage {
    /// The signed-in user.
    pub viewer: Viewer,
    /// The 12-digit account ID.
    pub account_id: String,
    /// The configured account name.
    pub account_name: String,
    /// The name of the permission set.
    pub permission_set: String,
    /// The name of the variant; empty for none.
    pub variant: String,
    /// The maximum role session duration and what limits it, such as `1 h, limited by role chaining`.
    pub duration: String,
    /// When the console session ends, if it cannot have a duration of its own; empty otherwise.
    pub console_end: &'static str,
    /// Whether the user returns from additional verification: a button has the focus, and a notice says why.
    pub stepped_up: bool,
    /// Whether that is the button for credentials, not the one for the console.
    pub wants_credentials: bool,
    /// The destination of the link: a service or a console URL; empty for the default of the permission set.
    pub destination: String,
    /// The URL of an empty destination, such as `https://console.aws.amazon.com/cloudwatch/`.
    pub default_destination: String,
    /// The Regions to choose from.
    pub regions: Vec<RegionChoice>,
    /// Whether to sign out of the AWS console first.
    pub sign_out_first: bool,
    /// The absolute URL of this page, to share.
    pub share_url: String,
    /// The unmet conditions; none if the role can be used now.
    pub lock: Option<Lock>,
}

/// An AWS Region of the partition.
#[derive(Debug, Clone)]
pub struct RegionChoice {
    /// The code, such as `eu-central-1`.
    pub code: String,
    /// The name, such as `Europe (Frankfurt)`.
    pub name: String,
    /// Whether it is selected.
    pub selected: bool,
}

#[cfg(test)]
mod samples {
    use super::{ConsolePage, RegionChoice};
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{PageLink, Viewer};
    use crate::web::pages::portal::view::Lock;

    fn region(code: &str, name: &str, selected: bool) -> RegionChoice {
        RegionChoice {
            code: code.into(),
            name: name.into(),
            selected,
        }
    }

    impl ConsolePage {
        pub fn samples() -> Vec<Self> {
            let open = || {
                Self {
                viewer: Viewer::sample(),
                account_id: "111122223333".into(),
                account_name: "payments-prod".into(),
                permission_set: "Developer".into(),
                variant: "readonly".into(),
                duration: "1 h, limited by assignment payments-developers".into(),
                console_end: "",
                stepped_up: false,
                wants_credentials: false,
                destination: String::new(),
                default_destination: "https://console.aws.amazon.com/cloudwatch/".into(),
                regions: vec![region("eu-central-1", "Europe (Frankfurt)", false), region("eu-west-1", "Europe (Ireland)", true), region("us-east-1", "US East (N. Virginia)", false)],
                sign_out_first: false,
                share_url: "https://sso.example.com/console?account=111122223333&permission_set=Developer&variant=readonly".into(),
                lock: None,
            }
            };
            let lock = Lock {
                reason: "Needs a second factor.".into(),
                action: Some(PageLink::sample(
                    "/sign-in/okta?return_to=%2F",
                    "Sign in again with a second factor",
                )),
            };
            let locked = Self {
                variant: String::new(),
                destination: "s3".into(),
                lock: Some(lock),
                ..open()
            };
            let returned = Self {
                duration: "1 h, limited by role chaining".into(),
                console_end: "With the role session. AWS accepts no other duration for role chaining.",
                stepped_up: true,
                ..open()
            };
            let hostile = |lock| Self {
                viewer: Viewer::hostile(),
                account_id: HOSTILE.into(),
                account_name: HOSTILE.into(),
                permission_set: HOSTILE.into(),
                variant: HOSTILE.into(),
                duration: HOSTILE.into(),
                console_end: HOSTILE,
                stepped_up: true,
                wants_credentials: true,
                destination: HOSTILE.into(),
                default_destination: HOSTILE.into(),
                regions: vec![region(HOSTILE, HOSTILE, true)],
                sign_out_first: true,
                share_url: HOSTILE.into(),
                lock,
            };
            vec![
                open(),
                locked,
                returned,
                hostile(None),
                hostile(Some(Lock {
                    reason: HOSTILE.into(),
                    action: Some(PageLink::sample(HOSTILE, HOSTILE)),
                })),
            ]
        }
    }
}
