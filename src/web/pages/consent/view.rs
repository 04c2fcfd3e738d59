//! A registered client asks: the page with the question, the page that asks for a code, and the page after the answer.
use super::qr::QrPath;
use crate::web::pages::layout::{Moment, Viewer};
use askama::Template;
use rolecall_core::clients::ClientLocation;

/// The question, for both flows. Its form sends `decision`, `others`, and for a device `user_code` and `retyped`.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
pub struct ConsentPage {
    /// Who is asked, and for whom the client would act.
    pub viewer: Viewer,
    /// Where the form goes.
    pub action: String,
    /// What the client calls itself.
    pub name: String,
    /// From where it asks.
    pub address: String,
    /// From where the person looks.
    pub own_address: String,
    /// Where the client is, seen from the person.
    pub location: ClientLocation,
    /// Since when it asks.
    pub begun: Moment,
    /// How many roles it would be able to use now.
    pub roles: usize,
    /// In how many accounts.
    pub accounts: usize,
    /// Until when, at the latest.
    pub until: Moment,
    /// Where the person signs in again first, when little of their session is left.
    pub sign_in_again: Option<String>,
    /// The device flow's part.
    pub device: Option<DevicePart>,
    /// When the other requests began that the same answer serves.
    pub others: Vec<Moment>,
    /// Their names.
    pub others_field: String,
    /// What was wrong with the last try.
    pub error: Option<String>,
}

/// What the device flow adds.
#[derive(Debug)]
pub struct DevicePart {
    /// The half of the code that a link may fill in.
    pub first_half: String,
    /// The code as it was typed or linked.
    pub user_code: String,
    /// The half that the person has typed on the page before; none when they have to type it here.
    pub retyped: Option<String>,
    /// The same page for a phone.
    pub phone: Option<QrPath>,
}

/// After the answer.
#[derive(Debug, Template)]
#[template(path = "answered.html")]
pub struct AnsweredPage {
    /// Who answered.
    pub viewer: Viewer,
    /// What they said to a device; none where the client is told by the browser.
    pub allowed: Option<bool>,
    /// Where the browser goes to tell the client.
    pub to: String,
}

#[cfg(test)]
mod samples {
    use rolecall_core::clients::ClientLocation;

    use super::{AnsweredPage, ConsentPage, DevicePart};
    use crate::web::pages::consent::qr;
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{Moment, Viewer};

    fn plain() -> ConsentPage {
        ConsentPage {
            viewer: Viewer::sample(),
            action: "/authorize?response_type=code&client_id=x".into(),
            name: "botocore-client-work".into(),
            address: "192.0.2.17".into(),
            own_address: "192.0.2.17".into(),
            location: ClientLocation::Near,
            begun: Moment::sample("2030-03-04T09:30:00Z", "4 Mar 2030, 09:30 UTC"),
            roles: 7,
            accounts: 3,
            until: Moment::sample("2030-03-04T17:30:00Z", "4 Mar 2030, 17:30 UTC"),
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
                    .map(|_| Moment::sample("2030-03-04T09:30:01Z", "4 Mar 2030, 09:30 UTC"))
                    .collect(),
                others_field: "a1 b2 c3".into(),
                ..plain()
            };
            let linked = Self {
                action: "/device".into(),
                device: device("BCDF-GHJK", None),
                location: ClientLocation::OtherNetwork,
                address: "198.51.100.4".into(),
                error: Some("the code was not typed as the program shows it".into()),
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

    impl AnsweredPage {
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
