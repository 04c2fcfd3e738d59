//! Wrong content with a valid signature (SAML Core 2 and 3, Profiles 4.1.4).
//!
//! Wrong times differ by 210 seconds, beyond the clock skew that a service provider may permit.

use chrono::TimeDelta;

use super::FaultContext;
use crate::saml::draft::{Attribute, Confirmation, ConfirmationData, Draft};
use crate::saml::names::{RESPONDER, SUCCESS};
use crate::saml::plan::Plan;
use crate::xml::{Element, Node};

/// Difference of wrong times.
const BEYOND_LEEWAY: TimeDelta = TimeDelta::seconds(210);
/// The site of an attacker.
const EVIL: &str = "https://evil.example";

/// Faults of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// The audience is another service provider.
    WrongAudience,
    /// Audience and recipient are those of AWS.
    ForAws,
    /// Two audience restrictions, one for another service provider: both must match (Core 2.5.1.4).
    AudienceElsewhereToo,
    /// One audience restriction with two service providers: valid.
    AudienceAmongOthers,
    /// No audience restriction.
    NoAudience,
    /// The audience is the entity ID with a trailing slash.
    AudienceWithSlash,
    /// No `Conditions`.
    NoConditions,
    /// `Conditions` without `NotOnOrAfter`: valid if the confirmation has one.
    ConditionsWithoutEnd,
    /// An unknown condition (Core 2.5.1.2).
    UnknownCondition,
    /// `OneTimeUse`: valid, because each assertion is accepted only once.
    OneTimeUse,
    /// `ProxyRestriction`: valid for a service provider that is not a proxy.
    ProxyRestriction,
    /// The conditions have expired.
    Expired,
    /// The confirmation has expired, but the conditions have not.
    ConfirmationExpired,
    /// The conditions are not valid yet.
    NotYetValid,
    /// `IssueInstant` is in the future.
    FromTheFuture,
    /// `IssueInstant` is one year in the past, and `NotOnOrAfter` ten years in the future.
    Ancient,
    /// A malformed time.
    BadTime,
    /// The recipient of the confirmation is another URL.
    WrongRecipient,
    /// The confirmation has no recipient.
    NoRecipient,
    /// `InResponseTo` of the confirmation is another request.
    ConfirmationInResponseTo,
    /// The confirmation has no `InResponseTo`, but the response has one.
    ConfirmationUnsolicited,
    /// The confirmation has `NotBefore`, which Profiles 4.1.4.2 forbids.
    ConfirmationNotBefore,
    /// The confirmation has no `NotOnOrAfter`.
    ConfirmationWithoutEnd,
    /// The confirmation has no data.
    ConfirmationWithoutData,
    /// No confirmation.
    NoConfirmation,
    /// The confirmation method is holder-of-key.
    HolderOfKey,
    /// The confirmation method is sender-vouches.
    SenderVouches,
    /// An invalid confirmation before a valid one: valid (Profiles 4.1.4.3).
    SecondConfirmation,
    /// `InResponseTo` of the response is another request.
    InResponseTo,
    /// `InResponseTo` of response and confirmation is another request.
    AnotherRequest,
    /// Response and confirmation have no `InResponseTo`.
    Unsolicited,
    /// The destination is another URL.
    WrongDestination,
    /// A signed response has no destination.
    NoDestination,
    /// The issuer of the response is another provider.
    WrongIssuer,
    /// The issuer of the assertion is another provider.
    WrongAssertionIssuer,
    /// The response has no issuer: valid (Core 3.2.2).
    NoIssuer,
    /// The assertion has no issuer.
    NoAssertionIssuer,
    /// The issuer has a trailing space.
    IssuerWithSpace,
    /// The status is `Responder`, without an assertion.
    StatusResponder,
    /// The status is an error, but the response has an assertion.
    StatusWithAssertion,
    /// The status is an error with a nested `Success`.
    StatusNested,
    /// No status code.
    NoStatus,
    /// The version of the response is 1.1.
    WrongVersion,
    /// The version of the assertion is 1.1.
    WrongAssertionVersion,
    /// No `AuthnStatement`.
    NoAuthnStatement,
    /// `SessionNotOnOrAfter` has passed.
    SessionEnded,
    /// No `NameID`.
    NoNameId,
    /// The `NameID` is empty.
    EmptyNameId,
    /// The `NameID` is white space.
    BlankNameId,
    /// No `Subject`.
    NoSubject,
    /// Two `NameID`s.
    TwoNameIds,
    /// The `NameID` has this length.
    LongNameId(usize),
    /// The `NameID` has a line break.
    NameIdWithLineBreak,
    /// The attribute with the email address is duplicated with another value.
    AttributeTwice,
    /// A second attribute statement has another email address.
    SecondAttributeStatement,
    /// The user has this number of groups.
    ManyGroups(usize),
    /// An attribute value has this length.
    LongAttribute(usize),
}

impl Statement {
    pub(super) fn apply(self, plan: &mut Plan, context: &FaultContext<'_>) {
        let draft = &mut plan.draft;
        let audience = draft
            .assertion
            .as_ref()
            .and_then(|assertion| assertion.conditions.as_ref());
        let audience =
            audience.and_then(|conditions| conditions.audiences.concat().first().cloned());
        let audience = audience.unwrap_or_default();
        let audiences = |draft: &mut Draft, audiences: Vec<Vec<String>>| {
            conditions(draft, |conditions| conditions.audiences = audiences);
        };
        let evil = EVIL.to_owned();
        match self {
            Self::WrongAudience => audiences(draft, vec![vec![evil]]),
            Self::ForAws => {
                let aws = "https://signin.aws.amazon.com/saml".to_owned();
                audiences(draft, vec![vec!["urn:amazon:webservices".to_owned()]]);
                confirmation(draft, |data| data.recipient = Some(aws.clone()));
                draft.destination = Some(aws);
            }
            Self::AudienceElsewhereToo => audiences(draft, vec![vec![audience], vec![evil]]),
            Self::AudienceAmongOthers => audiences(draft, vec![vec![evil, audience]]),
            Self::NoAudience => audiences(draft, Vec::new()),
            Self::AudienceWithSlash => audiences(draft, vec![vec![format!("{audience}/")]]),
            Self::NoConditions => draft.assertion(|assertion| assertion.conditions = None),
            Self::ConditionsWithoutEnd => {
                conditions(draft, |conditions| conditions.not_on_or_after = None);
            }
            Self::UnknownCondition => conditions(draft, |conditions| {
                let unknown = Element::new("x:Never").with("xmlns:x", "urn:example:any");
                conditions.more.push(unknown);
            }),
            Self::OneTimeUse => conditions(draft, |conditions| {
                conditions.more.push(Element::new("saml:OneTimeUse"));
            }),
            Self::ProxyRestriction => conditions(draft, |conditions| {
                let none = Element::new("saml:ProxyRestriction").with("Count", "0");
                conditions.more.push(none);
            }),
            Self::Expired => {
                let now = draft.issue_instant;
                confirmation(draft, |data| {
                    data.not_on_or_after = Some(now - BEYOND_LEEWAY)
                });
                conditions(draft, |conditions| {
                    conditions.not_on_or_after = Some(now - BEYOND_LEEWAY)
                });
            }
            Self::ConfirmationExpired => {
                let now = draft.issue_instant;
                confirmation(draft, |data| {
                    data.not_on_or_after = Some(now - BEYOND_LEEWAY)
                });
            }
            Self::NotYetValid => {
                let later = draft.issue_instant + BEYOND_LEEWAY;
                conditions(draft, |conditions| conditions.not_before = Some(later));
            }
            Self::FromTheFuture => {
                let later = draft.issue_instant + BEYOND_LEEWAY;
                draft.issue_instant = later;
                draft.assertion(|assertion| assertion.issue_instant = later);
            }
            Self::Ancient => {
                let (then, ever) = (TimeDelta::days(-365), TimeDelta::days(3_650));
                let until = draft.issue_instant + ever;
                draft.issue_instant += then;
                draft.assertion(|assertion| {
                    assertion.issue_instant += then;
                    if let Some(authentication) = &mut assertion.authentication {
                        authentication.instant += then;
                    }
                });
                confirmation(draft, |data| data.not_on_or_after = Some(until));
                conditions(draft, |conditions| {
                    conditions.not_before = conditions.not_before.map(|time| time + then);
                    conditions.not_on_or_after = Some(until);
                });
            }
            Self::BadTime => plan.before_assertion_signature.push(super::step_at(
                &["Conditions"],
                |conditions| {
                    conditions.set("NotOnOrAfter", "tomorrow");
                },
            )),
            Self::WrongRecipient => confirmation(draft, |data| data.recipient = Some(evil)),
            Self::NoRecipient => confirmation(draft, |data| data.recipient = None),
            Self::ConfirmationInResponseTo => {
                confirmation(draft, |data| {
                    data.in_response_to = Some("_another".to_owned())
                });
            }
            Self::ConfirmationUnsolicited => confirmation(draft, |data| data.in_response_to = None),
            Self::ConfirmationNotBefore => {
                let before = draft.issue_instant - BEYOND_LEEWAY;
                confirmation(draft, |data| data.not_before = Some(before));
            }
            Self::ConfirmationWithoutEnd => confirmation(draft, |data| data.not_on_or_after = None),
            Self::ConfirmationWithoutData => confirmations(draft, |all| {
                for one in all {
                    one.data = None;
                }
            }),
            Self::NoConfirmation => confirmations(draft, Vec::clear),
            Self::HolderOfKey => method(draft, "holder-of-key"),
            Self::SenderVouches => method(draft, "sender-vouches"),
            Self::SecondConfirmation => confirmations(draft, |all| {
                let elsewhere = Confirmation {
                    method: "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key".to_owned(),
                    data: Some(ConfirmationData::default()),
                };
                all.insert(0, elsewhere);
            }),
            Self::InResponseTo => draft.in_response_to = Some("_another".to_owned()),
            Self::AnotherRequest => {
                draft.in_response_to = Some("_another".to_owned());
                confirmation(draft, |data| {
                    data.in_response_to = Some("_another".to_owned())
                });
            }
            Self::Unsolicited => {
                draft.in_response_to = None;
                confirmation(draft, |data| data.in_response_to = None);
            }
            Self::WrongDestination => {
                draft.destination = Some(format!("{}/elsewhere", context.consumer))
            }
            Self::NoDestination => draft.destination = None,
            Self::WrongIssuer => draft.issuer = Some(evil),
            Self::WrongAssertionIssuer => {
                draft.assertion(|assertion| assertion.issuer = Some(evil))
            }
            Self::NoIssuer => draft.issuer = None,
            Self::NoAssertionIssuer => draft.assertion(|assertion| assertion.issuer = None),
            Self::IssuerWithSpace => draft.assertion(|assertion| {
                assertion.issuer = assertion.issuer.take().map(|issuer| format!("{issuer} x"));
            }),
            Self::StatusResponder => {
                draft.status = vec![RESPONDER.to_owned()];
                draft.assertion = None;
            }
            Self::StatusWithAssertion => draft.status = vec![RESPONDER.to_owned()],
            Self::StatusNested => draft.status = vec![RESPONDER.to_owned(), SUCCESS.to_owned()],
            Self::NoStatus => draft.status = Vec::new(),
            Self::WrongVersion => draft.version = "1.1".to_owned(),
            Self::WrongAssertionVersion => {
                draft.assertion(|assertion| assertion.version = "1.1".to_owned());
            }
            Self::NoAuthnStatement => draft.assertion(|assertion| assertion.authentication = None),
            Self::SessionEnded => {
                let past = draft.issue_instant - BEYOND_LEEWAY;
                draft.assertion(|assertion| {
                    if let Some(authentication) = &mut assertion.authentication {
                        authentication.session_not_on_or_after = Some(past);
                    }
                });
            }
            Self::NoNameId => draft.assertion(|assertion| assertion.name_id = None),
            Self::EmptyNameId => name(draft, String::new()),
            Self::BlankNameId => name(draft, " \n ".to_owned()),
            Self::NoSubject => plan
                .before_assertion_signature
                .push(super::step(|assertion| {
                    assertion.take("Subject");
                })),
            Self::TwoNameIds => {
                plan.before_assertion_signature
                    .push(super::step_at(&["Subject"], |subject| {
                        subject.prepend(Element::new("saml:NameID").text("00u-bob"));
                    }))
            }
            Self::LongNameId(length) => name(draft, "x".repeat(length)),
            Self::NameIdWithLineBreak => name(draft, "00u-alice\n00u-bob".to_owned()),
            Self::AttributeTwice => draft.assertion(|assertion| {
                let name = assertion.attributes.first().map(|first| first.name.clone());
                let again =
                    name.map(|name| Attribute::new(&name, ["mallory@example.com".to_owned()]));
                assertion.attributes.extend(again);
            }),
            Self::SecondAttributeStatement => {
                plan.before_assertion_signature
                    .push(super::step(|assertion| {
                        let mut second = assertion
                            .find("AttributeStatement")
                            .cloned()
                            .unwrap_or_default();
                        second.children.truncate(1);
                        if let Some(value) = second.at_mut(&["Attribute", "AttributeValue"]) {
                            value.set_text("mallory@example.com");
                        }
                        assertion.append(second);
                    }))
            }
            Self::ManyGroups(count) => {
                attribute(draft, "groups", (0..count).map(|n| format!("group-{n:06}")))
            }
            Self::LongAttribute(length) => attribute(draft, "name", ["x".repeat(length)]),
        }
    }
}

fn conditions(draft: &mut Draft, change: impl FnOnce(&mut crate::saml::draft::Conditions)) {
    draft.assertion(|assertion| {
        if let Some(conditions) = &mut assertion.conditions {
            change(conditions);
        }
    });
}

fn confirmations(draft: &mut Draft, change: impl FnOnce(&mut Vec<Confirmation>)) {
    draft.assertion(|assertion| change(&mut assertion.confirmations));
}

fn confirmation(draft: &mut Draft, change: impl FnOnce(&mut ConfirmationData)) {
    confirmations(draft, |all| {
        if let Some(data) = all.first_mut().and_then(|first| first.data.as_mut()) {
            change(data);
        }
    });
}

fn method(draft: &mut Draft, method: &str) {
    confirmations(draft, |all| {
        for one in all {
            one.method = format!("urn:oasis:names:tc:SAML:2.0:cm:{method}");
        }
    });
}

fn name(draft: &mut Draft, value: String) {
    draft.assertion(|assertion| {
        if let Some(name_id) = &mut assertion.name_id {
            name_id.value = vec![Node::Text(value)];
        }
    });
}

fn attribute(draft: &mut Draft, name: &str, values: impl IntoIterator<Item = String>) {
    draft.assertion(|assertion| {
        assertion.attributes.retain(|known| known.name != name);
        assertion.attributes.push(Attribute::new(name, values));
    });
}
