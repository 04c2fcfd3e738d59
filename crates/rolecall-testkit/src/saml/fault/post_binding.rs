//! Sound responses that are delivered wrongly: the form, the field, the encoding (SAML Bindings 3.5.4).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::FaultContext;
use crate::saml::plan::{Fields, Plan};

/// What is wrong with the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostBinding {
    /// It goes by GET.
    ByGet,
    /// Base64 in lines: sound, as many products send it.
    WrappedBase64,
    /// The other alphabet.
    UrlSafeBase64,
    /// No base64.
    BadBase64,
    /// Deflated, as if by Redirect.
    Deflated,
    /// No response.
    NoResponse,
    /// An empty response.
    EmptyResponse,
    /// Two responses.
    TwoResponses,
    /// A request beside the response: nobody reads it.
    RequestBeside,
    /// No relay state.
    NoRelayState,
    /// Another relay state.
    OtherRelayState,
    /// Two relay states.
    TwoRelayStates,
    /// A relay state that is an address of somebody else's.
    RelayStateElsewhere,
    /// A relay state that is markup.
    RelayStateMarkup,
    /// A relay state of 100 KiB.
    RelayStateHuge,
    /// A form of two megabytes.
    Huge,
}

impl PostBinding {
    pub(super) fn apply(self, plan: &mut Plan, context: &FaultContext<'_>) {
        let relay = |plan: &mut Plan, value: String| {
            let value = value.clone();
            plan.on_form.push(Box::new(move |fields| {
                fields.retain(|(name, _)| name != "RelayState");
                fields.push(("RelayState".to_owned(), value.clone()));
            }));
        };
        match self {
            Self::ByGet => plan.by_get = true,
            Self::WrappedBase64 => respond(plan, |text| {
                let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
                lines.map(|line| format!("{line}\r\n")).collect()
            }),
            Self::UrlSafeBase64 => respond(plan, |text| {
                URL_SAFE_NO_PAD.encode(STANDARD.decode(text).unwrap_or_default())
            }),
            Self::BadBase64 => respond(plan, |text| format!("{text}*")),
            Self::Deflated => plan.on_bytes.push(Box::new(|bytes| {
                let mut deflated = Vec::new();
                let mut encoder = flate2::read::DeflateEncoder::new(
                    bytes.as_slice(),
                    flate2::Compression::default(),
                );
                // Reading from memory into memory does not fail.
                std::io::Read::read_to_end(&mut encoder, &mut deflated).unwrap_or_default();
                deflated
            })),
            Self::NoResponse => plan.on_form.push(Box::new(|fields| {
                fields.retain(|(name, _)| name != "SAMLResponse");
            })),
            Self::EmptyResponse => respond(plan, |_| String::new()),
            Self::TwoResponses => plan.on_form.push(Box::new(|fields| {
                let first = fields.first().cloned();
                fields.extend(first);
            })),
            Self::RequestBeside => plan.on_form.push(Box::new(|fields| {
                fields.push(("SAMLRequest".to_owned(), "AAAA".to_owned()));
            })),
            Self::NoRelayState => plan.on_form.push(Box::new(|fields| {
                fields.retain(|(name, _)| name != "RelayState");
            })),
            Self::OtherRelayState => relay(plan, "of-another-sign-in".to_owned()),
            Self::TwoRelayStates => plan.on_form.push(Box::new(|fields| {
                fields.push(("RelayState".to_owned(), "of-another-sign-in".to_owned()));
            })),
            Self::RelayStateElsewhere => relay(plan, format!("{}/landed", context.canary)),
            Self::RelayStateMarkup => relay(plan, "\"><script>alert(1)</script>".to_owned()),
            Self::RelayStateHuge => relay(plan, "x".repeat(100 * 1024)),
            Self::Huge => plan.on_form.push(Box::new(|fields| {
                fields.push(("padding".to_owned(), "x".repeat(2 * 1024 * 1024)));
            })),
        }
    }
}

fn respond(plan: &mut Plan, change: impl Fn(&str) -> String + 'static) {
    plan.on_form.push(Box::new(move |fields: &mut Fields| {
        for (name, value) in fields {
            if name == "SAMLResponse" {
                *value = change(value);
            }
        }
    }));
}
