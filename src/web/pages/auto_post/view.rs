//! The page that hands a browser over to another site with a form: the script sends it at once, the button does without.
use askama::Template;

/// On the way to another site, with something for it.
#[derive(Debug, Template)]
#[template(path = "auto_post.html")]
pub struct AutoPostPage {
    /// Where to, for people: a provider's title, or AWS.
    pub to: String,
    /// The form's address.
    pub action: String,
    /// What it sends.
    pub fields: Vec<AutoPostField>,
}

/// A hidden field.
#[derive(Debug)]
pub struct AutoPostField {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
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
