//! A response as data, so that a fault can change or omit any part of it (SAML Core 2 and 3.3.3).

use chrono::{DateTime, SecondsFormat, Utc};

use super::names::{ASSERTION, BASIC, BEARER, PROTOCOL, XS, XSI};
use crate::xml::{Element, Node};

/// A response before it is signed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) issue_instant: DateTime<Utc>,
    pub(super) destination: Option<String>,
    pub(super) in_response_to: Option<String>,
    pub(super) issuer: Option<String>,
    /// `StatusCode`, outermost first.
    pub(super) status: Vec<String>,
    /// `None` if the status is an error.
    pub(super) assertion: Option<Assertion>,
}

/// An assertion about a user.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Assertion {
    pub(super) id: Option<String>,
    pub(super) version: String,
    pub(super) issue_instant: DateTime<Utc>,
    pub(super) issuer: Option<String>,
    pub(super) name_id: Option<NameId>,
    pub(super) confirmations: Vec<Confirmation>,
    pub(super) conditions: Option<Conditions>,
    pub(super) authentication: Option<Authentication>,
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct NameId {
    pub(super) format: String,
    pub(super) value: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Confirmation {
    pub(super) method: String,
    /// `SubjectConfirmationData`, if any.
    pub(super) data: Option<ConfirmationData>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ConfirmationData {
    pub(super) recipient: Option<String>,
    pub(super) in_response_to: Option<String>,
    pub(super) not_before: Option<DateTime<Utc>>,
    pub(super) not_on_or_after: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Conditions {
    pub(super) not_before: Option<DateTime<Utc>>,
    pub(super) not_on_or_after: Option<DateTime<Utc>>,
    /// Audiences of each `AudienceRestriction`. All restrictions must match, each by any of its audiences (Core 2.5.1.4).
    pub(super) audiences: Vec<Vec<String>>,
    /// Children of `Conditions` in addition to the audience.
    pub(super) more: Vec<Element>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Authentication {
    pub(super) instant: DateTime<Utc>,
    pub(super) session_index: String,
    pub(super) session_not_on_or_after: Option<DateTime<Utc>>,
    pub(super) context: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) values: Vec<Vec<Node>>,
}

impl Attribute {
    pub(super) fn new(name: &str, values: impl IntoIterator<Item = String>) -> Self {
        Self {
            name: name.to_owned(),
            values: values
                .into_iter()
                .map(|value| vec![Node::Text(value)])
                .collect(),
        }
    }
}

impl Confirmation {
    /// A bearer confirmation for `recipient` (Profiles 4.1.4.2).
    pub(super) fn bearer(
        recipient: &str,
        in_response_to: Option<String>,
        not_on_or_after: DateTime<Utc>,
    ) -> Self {
        Self {
            method: BEARER.to_owned(),
            data: Some(ConfirmationData {
                recipient: Some(recipient.to_owned()),
                in_response_to,
                not_before: None,
                not_on_or_after: Some(not_on_or_after),
            }),
        }
    }
}

impl Draft {
    /// The unsigned `samlp:Response` with these assertion elements.
    pub(super) fn element(&self, assertions: impl IntoIterator<Item = Element>) -> Element {
        let status = self.status.iter().rev().fold(None, |inner, code| {
            let code = Element::new("samlp:StatusCode").with("Value", code);
            Some(code.children(inner))
        });
        message("samlp:Response", &self.id, self.issue_instant)
            .tap(|response| response.set("Version", &self.version))
            .with_some("Destination", self.destination.clone())
            .with_some("InResponseTo", self.in_response_to.clone())
            .children(self.issuer.as_deref().map(issuer))
            .child(Element::new("samlp:Status").children(status))
            .children(assertions)
    }

    /// Changes the assertion, if any.
    pub(super) fn assertion(&mut self, change: impl FnOnce(&mut Assertion)) {
        if let Some(assertion) = &mut self.assertion {
            change(assertion);
        }
    }
}

impl Assertion {
    /// The unsigned `saml:Assertion`. It declares all namespaces that it uses, so that it can be moved.
    pub(super) fn element(&self) -> Element {
        let name_id = self.name_id.as_ref().map(|name_id| Element {
            children: name_id.value.clone(),
            ..Element::new("saml:NameID").with("Format", &name_id.format)
        });
        let confirmations = self.confirmations.iter().map(Confirmation::element);
        let subject = Element::new("saml:Subject")
            .children(name_id)
            .children(confirmations);
        let attributes = self.attributes.iter().map(Attribute::element);
        let statement = Element::new("saml:AttributeStatement").children(attributes);
        Element::new("saml:Assertion")
            .with("xmlns:saml", ASSERTION)
            .with("xmlns:xs", XS)
            .with("xmlns:xsi", XSI)
            .with_some("ID", self.id.clone())
            .with("Version", &self.version)
            .with("IssueInstant", format_time(self.issue_instant))
            .children(self.issuer.as_deref().map(issuer))
            .child(subject)
            .children(self.conditions.as_ref().map(Conditions::element))
            .children(self.authentication.as_ref().map(Authentication::element))
            .children((!self.attributes.is_empty()).then_some(statement))
    }
}

impl Confirmation {
    fn element(&self) -> Element {
        let data = self.data.as_ref().map(|data| {
            Element::new("saml:SubjectConfirmationData")
                .with_some("NotBefore", data.not_before.map(format_time))
                .with_some("NotOnOrAfter", data.not_on_or_after.map(format_time))
                .with_some("Recipient", data.recipient.clone())
                .with_some("InResponseTo", data.in_response_to.clone())
        });
        Element::new("saml:SubjectConfirmation")
            .with("Method", &self.method)
            .children(data)
    }
}

impl Conditions {
    fn element(&self) -> Element {
        let restriction = |audiences: &Vec<String>| {
            let audience = |name: &String| Element::new("saml:Audience").text(name);
            Element::new("saml:AudienceRestriction").children(audiences.iter().map(audience))
        };
        Element::new("saml:Conditions")
            .with_some("NotBefore", self.not_before.map(format_time))
            .with_some("NotOnOrAfter", self.not_on_or_after.map(format_time))
            .children(self.audiences.iter().map(restriction))
            .children(self.more.clone())
    }
}

impl Authentication {
    fn element(&self) -> Element {
        let context = Element::new("saml:AuthnContextClassRef").text(&self.context);
        Element::new("saml:AuthnStatement")
            .with("AuthnInstant", format_time(self.instant))
            .with("SessionIndex", &self.session_index)
            .with_some(
                "SessionNotOnOrAfter",
                self.session_not_on_or_after.map(format_time),
            )
            .child(Element::new("saml:AuthnContext").child(context))
    }
}

impl Attribute {
    fn element(&self) -> Element {
        let value = |nodes: &Vec<Node>| Element {
            children: nodes.clone(),
            ..Element::new("saml:AttributeValue").with("xsi:type", "xs:string")
        };
        Element::new("saml:Attribute")
            .with("Name", &self.name)
            .with("NameFormat", BASIC)
            .children(self.values.iter().map(value))
    }
}

impl Element {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// A protocol message without content.
pub(super) fn message(name: &str, id: &str, now: DateTime<Utc>) -> Element {
    Element::new(name)
        .with("xmlns:samlp", PROTOCOL)
        .with("xmlns:saml", ASSERTION)
        .with("ID", id)
        .with("Version", "2.0")
        .with("IssueInstant", format_time(now))
}

pub(super) fn issuer(name: &str) -> Element {
    Element::new("saml:Issuer").text(name)
}

/// Formats a time as in SAML Core 1.3.3: UTC, with milliseconds.
pub(super) fn format_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
