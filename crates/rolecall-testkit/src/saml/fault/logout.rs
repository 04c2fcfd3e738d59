//! Logout messages of a hostile provider (SAML Core 3.7, Profiles 4.4): somebody else's word for ending a session.

use anyhow::Result;
use chrono::TimeDelta;

use crate::saml::draft::written;
use crate::saml::signature::Credential;
use crate::saml::state::ProviderState;
use crate::xml::Element;

/// What is wrong with a logout message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logout {
    /// It is not signed.
    Unsigned,
    /// Another key signed.
    SelfSigned,
    /// Another provider sent it.
    WrongIssuer,
    /// It is for another address.
    WrongDestination,
    /// It ended before it came.
    Expired,
    /// It was made an hour ago.
    Stale,
    /// It names somebody else.
    OtherSubject,
    /// It names another session.
    OtherSession,
    /// It carries a signed assertion in place of a signature of its own (CVE-2025-47949's kin).
    Wrapped,
}

/// A logout message in the making.
pub(in crate::saml) struct LogoutMessage {
    pub(in crate::saml) document: Element,
    pub(in crate::saml) credential: Option<Credential>,
    /// A fault had its way with it.
    pub(in crate::saml) altered: bool,
}

impl Logout {
    pub(super) fn apply_to_logout(
        self,
        mut message_draft: LogoutMessage,
        idp: &ProviderState,
    ) -> Result<LogoutMessage> {
        message_draft.altered = true;
        let document = &mut message_draft.document;
        match self {
            Self::Unsigned => message_draft.credential = None,
            Self::SelfSigned => message_draft.credential = Some(idp.unknown_key()?),
            Self::WrongIssuer => {
                if let Some(issuer) = document.find_mut("Issuer") {
                    issuer.set_text("https://evil.example");
                }
            }
            Self::WrongDestination => document.set("Destination", "https://evil.example/slo"),
            Self::Expired => {
                document.set("NotOnOrAfter", written(idp.now() - TimeDelta::seconds(210)));
            }
            Self::Stale => {
                document.set("IssueInstant", written(idp.now() - TimeDelta::hours(1)));
                document.unset("NotOnOrAfter");
            }
            Self::OtherSubject => {
                if let Some(name) = document.find_mut("NameID") {
                    name.set_text(super::Fault::FORGED);
                }
            }
            Self::OtherSession => {
                if let Some(index) = document.find_mut("SessionIndex") {
                    index.set_text("_another-session");
                }
            }
            Self::Wrapped => {
                let mut genuine = Element::new("saml:Assertion")
                    .with("xmlns:saml", crate::saml::names::ASSERTION)
                    .with("ID", "_genuine")
                    .child(Element::new("saml:Issuer").text(idp.entity_id()));
                crate::saml::signature::sign(&mut genuine, &idp.credential()?)?;
                document.insert_after("Issuer", Element::new("samlp:Extensions").child(genuine));
                message_draft.credential = None;
            }
        }
        Ok(message_draft)
    }
}
