//! The step between a console link and the console: a link can be sent by anyone, so the reader sees which account and role it
//! opens and presses the button. Also the place for choosing region and destination.
use crate::web::pages::layout::Viewer;
use crate::web::pages::portal::view::Lock;
use askama::Template;

/// `GET /console?…`: shows what would be opened; its form is `POST /console` with `region`, `destination` and `sign_out_first` beside the fixed fields.
#[derive(Debug, Template)]
#[template(path = "console.html")]
pub struct ConsolePage {
    /// Who looks.
    pub viewer: Viewer,
    /// Twelve digits.
    pub account_id: String,
    /// The configured name.
    pub account_name: String,
    /// The permission set's name.
    pub permission_set: String,
    /// The variant's name; empty for none.
    pub variant: String,
    /// The longest role session, such as `1 h`.
    pub duration: String,
    /// Where the link wants to go: a service or a console URL; empty for the permission set's own destination.
    pub destination: String,
    /// What an empty destination means, such as `https://console.aws.amazon.com/cloudwatch/`.
    pub default_destination: String,
    /// The regions to choose from.
    pub regions: Vec<RegionChoice>,
    /// Whether the box is ticked that signs out of the AWS console first.
    pub sign_out_first: bool,
    /// This page's absolute URL, for passing on.
    pub share_url: String,
    /// What must happen first; none when the role can be taken now.
    pub lock: Option<Lock>,
}

/// A region of the partition.
#[derive(Debug, Clone)]
pub struct RegionChoice {
    /// Such as `eu-central-1`.
    pub code: String,
    /// Such as `Europe (Frankfurt)`.
    pub name: String,
    /// Whether it is chosen already.
    pub selected: bool,
}

#[cfg(test)]
mod samples {
    use super::{ConsolePage, RegionChoice};
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{Link, Viewer};
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
                duration: "1 h".into(),
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
                action: Some(Link::sample(
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
            let hostile = |lock| Self {
                viewer: Viewer::hostile(),
                account_id: HOSTILE.into(),
                account_name: HOSTILE.into(),
                permission_set: HOSTILE.into(),
                variant: HOSTILE.into(),
                duration: HOSTILE.into(),
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
                hostile(None),
                hostile(Some(Lock {
                    reason: HOSTILE.into(),
                    action: Some(Link::sample(HOSTILE, HOSTILE)),
                })),
            ]
        }
    }
}
