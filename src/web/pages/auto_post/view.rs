//! The page that posts a form to another site. The script submits it immediately; without JavaScript there is a button.
use askama::Template;

/// The page with the form.
#[derive(Debug, Template)]
#[template(path = "auto_post.html")]
pub struct AutoPostPage {
    /// The name of the destination for users: the title of a provider, or AWS.
    pub to: String,
    /// The URL to which the form is posted.
    pub action: String,
    /// The hidden fields.
    pub fields: Vec<AutoPostField>,
}

/// A hidden field.
#[derive(Debug)]
pub struct AutoPostField {
    /// The name of the field.
    pub name: &'static str,
    /// The value of the field.
    pub value: String,
}

#[cfg(test)]
mod samples {
    use super::{AutoPostField, AutoPostPage};
    use crate::web::pages::layout::samples::HOSTILE;

    impl AutoPostPage {
        pub fn samples() -> Vec<Self> {
            let page = |to: &str, action: &str, value: &str| Self {
                to: to.into(),
                action: action.into(),
                fields: ["SAMLRequest", "RelayState"]
                    .map(|name| AutoPostField {
                        name,
                        value: value.into(),
                    })
                    .into(),
            };
            vec![
                page(
                    "Corporate directory",
                    "https://adfs.example.com/adfs/ls/",
                    "PHNhbWxwOkF1dGhuUmVxdWVzdC8+",
                ),
                page(HOSTILE, HOSTILE, HOSTILE),
            ]
        }
    }
}
