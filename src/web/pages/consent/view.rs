//! The consent page of a registered client, and the page that shows the result.
use super::qr::QrPath;
use crate::web::pages::layout::{DisplayTime, Viewer};
use askama::Template;
use rolecall_core::clients::ClientLocation;

/// The consent page of both flows. Its form sends `decision`, `others`, and in the device flow `user_code` and `retyped`.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
pub struct ConsentPage {
    /// The user who decides and on whose behalf the client acts.
    pub viewer: Viewer,
    /// The URL to which the form is posted.
    pub action: String,
    /// The client name, which is not verified.
    pub name: String,
    /// The address of the client.
    pub address: String,
    /// The address of the browser.
    pub own_address: String,
    /// The location of the client relative to the browser.
    pub location: ClientLocation,
    /// The time of the request.
    pub requested_at: DisplayTime,
    /// The number of roles that the client could use now.
    pub roles: usize,
    /// The number of accounts of these roles.
    pub accounts: usize,
    /// The latest end of the client session.
    pub until: DisplayTime,
    /// The link to sign in again, if the session of the user ends soon.
    pub sign_in_again: Option<String>,
    /// The fields of the device flow.
    pub device: Option<DevicePart>,
    /// The times of the other requests to which the decision applies.
    pub others: Vec<DisplayTime>,
    /// Their IDs, separated by spaces.
    pub others_field: String,
    /// The error of the previous attempt.
    pub error: Option<String>,
}

/// The fields of the device flow.
#[derive(Debug)]
pub struct DevicePart {
    /// The first half of the code, which the page shows.
    pub first_half: String,
    /// The code as the user typed it or as the link contains it.
    pub user_code: String,
    /// The code that the user typed on the previous page; none if the second half must be typed on this page.
    pub retyped: Option<String>,
    /// The QR code of this page, to open it on a phone.
    pub phone: Option<QrPath>,
}

/// The result of the decision.
#[derive(Debug, Template)]
#[template(path = "consent_result.html")]
pub struct ConsentResultPage {
    /// The user who decided.
    pub viewer: Viewer,
    /// The decision in the device flow; none if the browser returns to the client.
    pub allowed: Option<bool>,
    /// The redirect URI of the client.
    pub to: String,
}

#[cfg(test)]
mod samples {
    use rolecall_core::clients::ClientLocation;

    use super::{ConsentPage, ConsentResultPage, DevicePart};
    use crate::web::pages::consent::qr;
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{DisplayTime, Viewer};

    fn plain() -> ConsentPage {
        ConsentPage {
            viewer: Viewer::sample(),
            action: "/authorize?response_type=code&client_id=x".into(),
            name: "botocore-client-work".into(),
            address: "192.0.2.17".into(),
            own_address: "192.0.2.17".into(),
            location: ClientLocation::Near,
            requested_at: DisplayTime::sample("2030-03-04T09:30:00Z", "4 Mar 2030, 09:30 UTC"),
            roles: 7,
            accounts: 3,
            until: DisplayTime::sample("2030-03-04T17:30:00Z", "4 Mar 2030, 17:30 UTC"),
            sign_in_again: None,
            device: None,
            others: vec![],
            others_field: String::new(),
            error: None,
        }
    }

    fn device(code: &str, retyped: Option<&str>) -> Option<DevicePart> {
        Some(DevicePart {
            first_half: code.chars().take(4).collect(),
            user_code: code.into(),
            retyped: retyped.map(Into::into),
            phone: qr::svg("https://sso.example.com/device?user_code=BCDF-GHJK"),
        })
    }

    impl ConsentPage {
        pub fn samples() -> Vec<Self> {
            let burst = Self {
                others: (0..11)
                    .map(|_| DisplayTime::sample("2030-03-04T09:30:01Z", "4 Mar 2030, 09:30 UTC"))
                    .collect(),
                others_field: "a1 b2 c3".into(),
                ..plain()
            };
            let linked = Self {
                action: "/device".into(),
                device: device("BCDF-GHJK", None),
                location: ClientLocation::OtherNetwork,
                address: "198.51.100.4".into(),
                error: Some("the entered code differs from the displayed one".into()),
                ..plain()
            };
            let typed = Self {
                action: "/device".into(),
                device: device("BCDF-GHJK", Some("BCDF-GHJK")),
                roles: 1,
                accounts: 1,
                ..plain()
            };
            let hostile = Self {
                viewer: Viewer::hostile(),
                action: HOSTILE.into(),
                name: HOSTILE.into(),
                address: HOSTILE.into(),
                own_address: HOSTILE.into(),
                location: ClientLocation::OtherNetwork,
                device: device(HOSTILE, Some(HOSTILE)),
                others_field: HOSTILE.into(),
                error: Some(HOSTILE.into()),
                ..plain()
            };
            vec![plain(), burst, linked, typed, hostile]
        }
    }

    impl ConsentResultPage {
        pub fn samples() -> Vec<Self> {
            let page = |viewer: Viewer, allowed, to: &str| Self {
                viewer,
                allowed,
                to: to.into(),
            };
            vec![
                page(Viewer::sample(), Some(true), ""),
                page(Viewer::sample(), Some(false), ""),
                page(
                    Viewer::sample(),
                    None,
                    "http://127.0.0.1:33389/oauth/callback?code=x",
                ),
                page(Viewer::hostile(), None, HOSTILE),
            ]
        }
    }
}
