//! The page on which the user enters a device code.
use crate::web::pages::layout::Viewer;
use askama::Template;

/// `GET /device` without a code.
#[derive(Debug, Template)]
#[template(path = "device.html")]
pub struct DeviceCodePage {
    /// The signed-in user.
    pub viewer: Viewer,
    /// The previous input; empty at first.
    pub user_code: String,
    /// Why the previous input was rejected.
    pub error: Option<String>,
}

#[cfg(test)]
mod samples {
    use super::DeviceCodePage;
    use crate::web::pages::layout::Viewer;
    use crate::web::pages::layout::samples::HOSTILE;

    impl DeviceCodePage {
        pub fn samples() -> Vec<Self> {
            let page = |viewer: Viewer, user_code: &str, error: Option<&str>| Self {
                viewer,
                user_code: user_code.into(),
                error: error.map(Into::into),
            };
            vec![
                page(Viewer::sample(), "", None),
                page(Viewer::sample(), "BCDF", Some("This code is not valid.")),
                page(Viewer::hostile(), HOSTILE, Some(HOSTILE)),
            ]
        }
    }
}
