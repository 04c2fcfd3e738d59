//! Faults of logout messages (SAML Core 3.7, Profiles 4.4).

use anyhow::Result;
use chrono::TimeDelta;

use crate::saml::draft::format_time;
use crate::saml::signature::Credential;
use crate::saml::state::ProviderState;
use crate::xml::Element;

/// Faults of a logout message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logout {
    /// The message is not signed.
    Unsigned,
    /// Signed with an unknown key.
    SelfSigned,
    /// The issuer is another provider.
    WrongIssuer,
    /// The destination is another URL.
    WrongDestination,
    /// `NotOnOrAfter` has passed.
    Expired,
    /// `IssueInstant` is one hour in the past.
    Stale,
    /// The subject is another user.
    OtherSubject,
    /// The session index is another session.
    OtherSession,
    /// The message is not signed, but contains a signed assertion (similar to CVE-2025-47949).
    Wrapped,
}

/// A logout message before it is sent.
pub(in crate::saml) struct LogoutMessage {
    pub(in crate::saml) document: Element,
    pub(in crate::saml) credential: Option<Credential>,
    /// Whether a fault has changed it.
    pub(in crate::saml) altered: bool,
}

impl Logout {
    pub(super) fn apply_to_logout(
        self,
        mut message: LogoutMessage,
        idp: &ProviderState,
    ) -> Result<LogoutMessage> {
        message.altered = true;
        let document = &mut message.document;
        match self {
            Self::Unsigned => message.credential = None,
            Self::SelfSigned => message.credential = Some(idp.unknown_key()?),
            Self::WrongIssuer => {
                if let Some(issuer) = document.find_mut("Issuer") {
                    issuer.set_text("https://evil.example");
                }
            }
            Self::WrongDestination => document.set("Destination", "https://evil.example/slo"),
            Self::Expired => {
                document.set(
                    "NotOnOrAfter",
                    format_time(idp.now() - TimeDelta::seconds(210)),
                );
            }
            Self::Stale => {
                document.set("IssueInstant", format_time(idp.now() - TimeDelta::hours(1)));
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
                message.credential = None;
            }
        }
        Ok(message)
    }
}
