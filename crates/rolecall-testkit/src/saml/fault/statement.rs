//! Well signed, and wrong in what it says (SAML Core 2 and 3, Profiles 4.1.4).
//!
//! Times lie by 90 seconds: beyond the 60 that a service provider may forgive, and no further.

use chrono::TimeDelta;

use super::FaultContext;
use crate::saml::draft::{Attribute, Confirmation, ConfirmationData, Draft};
use crate::saml::names::{RESPONDER, SUCCESS};
use crate::saml::plan::Plan;
use crate::xml::{Element, Node};

/// Beyond a leeway of one minute.
const BEYOND_LEEWAY: TimeDelta = TimeDelta::seconds(210);
/// Somebody else.
const EVIL: &str = "https://evil.example";

/// What is wrong with what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// For another service provider.
    WrongAudience,
    /// For AWS: audience and recipient are AWS's.
    ForAws,
    /// For another service provider and us, in restrictions of their own: both have to hold (Core 2.5.1.4).
    AudienceElsewhereToo,
    /// For another service provider or us, in one restriction: sound.
    AudienceAmongOthers,
    /// For anybody.
    NoAudience,
    /// The audience is ours but for a slash.
    AudienceWithSlash,
    /// No `Conditions`.
    NoConditions,
    /// `Conditions` without an end: sound where the confirmation has one.
    ConditionsWithoutEnd,
    /// A condition that nobody knows (Core 2.5.1.2).
    UnknownCondition,
    /// `OneTimeUse`: sound, as every assertion counts once.
    OneTimeUse,
    /// `ProxyRestriction`: sound, as we are no proxy.
    ProxyRestriction,
    /// The conditions ended.
    Expired,
    /// The confirmation ended, the conditions did not.
    ConfirmationExpired,
    /// The conditions begin later.
    NotYetValid,
    /// It was made in the future.
    FromTheFuture,
    /// It was made a year ago, and is good for ever.
    Ancient,
    /// A time that is none.
    BadTime,
    /// The confirmation is for another address.
    WrongRecipient,
    /// The confirmation is for no address.
    NoRecipient,
    /// The confirmation answers another request.
    ConfirmationInResponseTo,
    /// The confirmation answers no request, the response does.
    ConfirmationUnsolicited,
    /// The confirmation has a beginning (Profiles 4.1.4.2 forbids it).
    ConfirmationNotBefore,
    /// The confirmation has no end.
    ConfirmationWithoutEnd,
    /// The confirmation has no data.
    ConfirmationWithoutData,
    /// No confirmation.
    NoConfirmation,
    /// Confirmed by the holder of a key, not by the bearer.
    HolderOfKey,
    /// Confirmed by whoever vouches for the sender.
    SenderVouches,
    /// A confirmation that does not hold before one that does: sound (Profiles 4.1.4.3).
    SecondConfirmation,
    /// The response answers another request.
    InResponseTo,
    /// Response and confirmation answer another request.
    AnotherRequest,
    /// Nothing says what it answers.
    Unsolicited,
    /// The response was sent elsewhere.
    WrongDestination,
    /// The response was sent nowhere, and is signed.
    NoDestination,
    /// The response is another provider's.
    WrongIssuer,
    /// The assertion is another provider's.
    WrongAssertionIssuer,
    /// The response does not say whose it is: sound (Core 3.2.2).
    NoIssuer,
    /// The assertion does not say whose it is.
    NoAssertionIssuer,
    /// The issuer is right but for a space.
    IssuerWithSpace,
    /// The provider failed.
    StatusResponder,
    /// The provider failed, and yet signs somebody in.
    StatusWithAssertion,
    /// No success, and a success inside.
    StatusNested,
    /// No status code.
    NoStatus,
    /// SAML 1.1.
    WrongVersion,
    /// An assertion of SAML 1.1.
    WrongAssertionVersion,
    /// Nobody signed in.
    NoAuthnStatement,
    /// The session at the provider ended.
    SessionEnded,
    /// Nobody.
    NoNameId,
    /// Nobody: an empty name.
    EmptyNameId,
    /// White space is all of the name.
    BlankNameId,
    /// No subject.
    NoSubject,
    /// Two names.
    TwoNameIds,
    /// The name is this long.
    LongNameId(usize),
    /// The name has a line break.
    NameIdWithLineBreak,
    /// The address is said twice, differently.
    AttributeTwice,
    /// The address is said once more, in a second statement.
    SecondAttributeStatement,
    /// This many groups.
    ManyGroups(usize),
    /// One value is this long.
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
