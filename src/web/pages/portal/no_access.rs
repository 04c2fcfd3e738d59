//! The page for a signed-in user without assigned roles.

use askama::Template;

use crate::web::http::extract::SignedIn;
use crate::web::pages::layout::Viewer;

const GROUPS_SHOWN_MAX: usize = 24;
const CLAIMS_SHOWN_MAX: usize = 40;

/// The page for a signed-in user without assigned roles.
#[derive(Debug, Template)]
#[template(path = "no_access.html")]
pub struct NoAccessPage {
    /// The signed-in user.
    pub viewer: Viewer,
    /// The e-mail address that was not accepted, and the reason.
    pub untrusted_email: Option<String>,
    /// The names of the received claims, up to a maximum.
    pub claims: Vec<String>,
    /// The number of claims that are not shown.
    pub claims_more: usize,
    /// The received groups, up to a maximum.
    pub groups: Vec<String>,
    /// The number of groups that are not shown.
    pub groups_more: usize,
    /// The configured contact for access requests, such as an e-mail address.
    pub contact: Option<String>,
    /// The reference ID of the request.
    pub reference: String,
}

/// The page of this user.
pub fn page(signed_in: &SignedIn) -> NoAccessPage {
    let identity = &signed_in.session.identity;
    let groups = &identity.groups;
    let claims = identity.claims.iter().map(|(name, _)| name.to_owned());
    let claims: Vec<String> = claims.collect();
    NoAccessPage {
        claims_more: claims.len().saturating_sub(CLAIMS_SHOWN_MAX),
        claims: claims.into_iter().take(CLAIMS_SHOWN_MAX).collect(),
        viewer: signed_in.viewer(),
        untrusted_email: identity.untrusted_email.as_ref().map(|it| it.to_string()),
        groups: groups.iter().take(GROUPS_SHOWN_MAX).cloned().collect(),
        groups_more: groups.len().saturating_sub(GROUPS_SHOWN_MAX),
        contact: signed_in.scope.site.settings.contact.clone(),
        reference: signed_in.scope.context.reference.to_string(),
    }
}

#[cfg(test)]
mod samples {
    use super::NoAccessPage;
    use crate::web::pages::layout::Viewer;
    use crate::web::pages::layout::samples::HOSTILE;

    impl NoAccessPage {
        pub fn samples() -> Vec<Self> {
            let page = |groups: &[&str], groups_more, contact: Option<&str>| Self {
                viewer: Viewer::sample(),
                untrusted_email: None,
                claims: vec!["department".into(), "/realm_access/roles".into()],
                claims_more: groups_more,
                groups: groups.iter().map(|group| (*group).into()).collect(),
                groups_more,
                contact: contact.map(Into::into),
                reference: "7Q4M-K2ZD-9XHT".into(),
            };
            vec![
                page(
                    &["everyone", "engineering", "berlin-office"],
                    14,
                    Some("platform@example.com"),
                ),
                page(&[], 0, None),
                Self {
                    viewer: Viewer::hostile(),
                    untrusted_email: Some(HOSTILE.into()),
                    claims: vec![HOSTILE.into()],
                    reference: HOSTILE.into(),
                    ..page(&[HOSTILE], 3, Some(HOSTILE))
                },
            ]
        }
    }
}
