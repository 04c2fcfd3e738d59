//! Valid responses in a wrong form of the POST binding (SAML Bindings 3.5.4).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::FaultContext;
use crate::saml::plan::{Fields, Plan};

/// Faults of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostBinding {
    /// The form is submitted by GET.
    ByGet,
    /// Base64 with line breaks: valid, and sent by many products.
    WrappedBase64,
    /// Base64url instead of base64.
    UrlSafeBase64,
    /// Not base64.
    BadBase64,
    /// Deflated, as in the Redirect binding.
    Deflated,
    /// The response is missing.
    NoResponse,
    /// The response is empty.
    EmptyResponse,
    /// The form has two responses.
    TwoResponses,
    /// The form also has a request, which must be ignored.
    RequestBeside,
    /// The relay state is missing.
    NoRelayState,
    /// The relay state is that of another request.
    OtherRelayState,
    /// The form has two relay states.
    TwoRelayStates,
    /// The relay state is a URL of another site.
    RelayStateElsewhere,
    /// The relay state is markup.
    RelayStateMarkup,
    /// The relay state has 100 KiB.
    RelayStateHuge,
    /// The form has two megabytes.
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
                // Reading from memory does not fail.
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
