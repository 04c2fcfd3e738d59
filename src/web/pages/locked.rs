//! Locked roles: the unmet conditions, and the link to a new sign-in that can meet them.

use rolecall_core::access::{Remediation, Unmet};
use rolecall_core::identity::ProviderId;
use rolecall_core::issue::IssueError;
use rolecall_core::sign_in::ReturnTo;

use super::format;
use super::layout::PageLink;
use super::portal::view::Lock;
use crate::web::errors::page::PageError;
use crate::web::http::reply;

/// The unmet conditions of a role, with a link if a new sign-in can meet them. It requests what is missing and nothing else.
pub fn lock(unmet: &[Unmet], provider: &ProviderId, return_to: &ReturnTo) -> Lock {
    let action = match Remediation::of(unmet) {
        Some(Remediation::SignInAgain {
            second_factor,
            fresh,
        }) => {
            let text = if unmet.iter().any(Unmet::is_unconfirmed) {
                "Try again"
            } else if second_factor {
                "Sign in again with a second factor"
            } else {
                "Sign in again"
            };
            let return_to = return_to.packed();
            let mut query = vec![("return_to", &*return_to)];
            query.extend(fresh.then_some(("fresh", "true")));
            query.extend(second_factor.then_some(("mfa", "true")));
            Some(PageLink {
                href: format!("/sign-in/{provider}?{}", reply::query(&query)),
                text: text.to_owned(),
            })
        }
        Some(Remediation::BrowserOnSameMachine) | None => None,
    };
    let conditions = format::sentence(&format::all_of(unmet));
    Lock {
        reason: match unmet.iter().find_map(Unmet::hint) {
            Some(hint) => format!("{conditions} {}", format::sentence(hint)),
            None => conditions,
        },
        action,
    }
}

/// The page of an error of issuing. For a locked role it has the link to sign in again, if that helps, which leads back to
/// the role.
pub fn issue_error(error: IssueError, provider: &ProviderId, role: &ReturnTo) -> PageError {
    let action = if let IssueError::Locked { unmet, .. } = &error {
        lock(unmet, provider, role).action
    } else {
        None
    };
    let page = PageError::from(error);
    match action {
        Some(link) => page.action(&link.text, link.href),
        None => page,
    }
}
