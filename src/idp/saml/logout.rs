//! Single logout: the contents of signed logout messages (SAML Core 3.7, Profiles 4.4).
//!
//! Only signed content is read. A message must be sent to us by the provider, and be recent.

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::limits;
use rolecall_core::base::secret::SecretDigest;
use rolecall_core::identity::NameId;
use rolecall_core::sign_in::{
    Correlation, ProviderError, RejectReason, ReplayKey, VerifiedLogoutRequest,
};
use roxmltree::Node;
use serde::{Deserialize, Serialize};

use super::message::IncomingMessage;
use super::xml::{
    ASSERTION, PROTOCOL, attribute, children, instant, is, malformed, only, parse, text, trimmed,
};
use crate::idp::explanation;

/// Maximum age of a message.
const AGE_MAX: TimeDelta = TimeDelta::minutes(5);
/// Maximum number of sessions in a request.
const INDEXES_MAX: usize = 64;
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// The expected sender and recipient of a message.
pub struct ExpectedParties<'a> {
    /// Entity ID of the provider.
    pub provider: &'a str,
    /// URL of our single logout service.
    pub destination: &'a str,
    /// The current time.
    pub now: DateTime<Utc>,
    /// Tolerated clock difference.
    pub leeway: TimeDelta,
}

/// The parts of a logout request that are needed for the response.
#[derive(Serialize, Deserialize)]
pub struct ResponseState {
    /// `ID` of the request.
    pub id: String,
    /// `RelayState` of the request, which the response returns.
    pub relay_state: Option<String>,
}

/// Parses a verified `LogoutRequest`.
///
/// # Errors
/// [`ProviderError::Rejected`].
pub fn read_request(
    incoming: IncomingMessage,
    parties: &ExpectedParties<'_>,
) -> Result<VerifiedLogoutRequest, ProviderError> {
    let document = parse(&incoming.xml)?;
    let request = document.root_element();
    if !is(request, PROTOCOL, "LogoutRequest") {
        return Err(malformed("the message is not a LogoutRequest"));
    }
    let issued = parties.check(request)?;
    if let Some(end) = instant(request, "NotOnOrAfter")?
        && parties.now >= end + parties.leeway
    {
        return Err(ProviderError::rejected(
            RejectReason::Expired,
            "NotOnOrAfter of the LogoutRequest has passed",
        ));
    }
    if let Some(state) = &incoming.relay_state
        && state.len() > limits::RELAY_STATE_BYTES_MAX
    {
        return Err(malformed("RelayState is longer than 80 bytes"));
    }
    let id = attribute(request, "ID").unwrap_or_default().to_owned();
    let session_indexes: Vec<String> = children(request, PROTOCOL, "SessionIndex")
        .filter_map(text)
        .collect();
    if session_indexes.len() > INDEXES_MAX {
        return Err(malformed("the LogoutRequest contains too many sessions"));
    }
    let digest = SecretDigest::of(
        "rolecall/logout-request/v1",
        &[parties.provider.as_bytes(), id.as_bytes()],
    );
    let response_state = ResponseState {
        id,
        relay_state: incoming.relay_state,
    };
    Ok(VerifiedLogoutRequest {
        name_id: name_id(request)?,
        session_indexes,
        issued_at: issued,
        replay_key: ReplayKey {
            digest,
            until: issued + AGE_MAX + parties.leeway,
        },
        response_state: Correlation(
            serde_json::to_value(response_state)
                .map_err(|error| ProviderError::Unavailable(error.into()))?,
        ),
    })
}

/// Parses a verified `LogoutResponse` to our request with this ID.
///
/// # Errors
/// [`ProviderError::Refused`], if the provider did not end all sessions; [`ProviderError::Rejected`].
pub fn read_response(
    incoming: &IncomingMessage,
    request_id: &str,
    parties: &ExpectedParties<'_>,
) -> Result<(), ProviderError> {
    let document = parse(&incoming.xml)?;
    let response = document.root_element();
    if !is(response, PROTOCOL, "LogoutResponse") {
        return Err(malformed("the message is not a LogoutResponse"));
    }
    parties.check(response)?;
    if attribute(response, "InResponseTo").map(trimmed) != Some(request_id) {
        return Err(ProviderError::rejected(
            RejectReason::InResponseTo,
            "InResponseTo does not match our request",
        ));
    }
    let status = only(response, PROTOCOL, "Status");
    let code = status.and_then(|status| only(status, PROTOCOL, "StatusCode"));
    let second = code.and_then(|code| only(code, PROTOCOL, "StatusCode"));
    let ends = |node: Option<Node<'_, '_>>, word: &str| {
        node.and_then(|node| attribute(node, "Value"))
            .is_some_and(|value| trimmed(value).ends_with(word))
    };
    // A provider that did not reach all participants reports this in addition to success (Core 3.7.3.2).
    if ends(code, ":PartialLogout") || ends(second, ":PartialLogout") {
        return Err(ProviderError::Refused {
            error: "partial_logout",
            explanation: None,
        });
    }
    match code.and_then(|code| attribute(code, "Value")).map(trimmed) {
        Some(SUCCESS) => Ok(()),
        Some(_) => {
            let message = status.and_then(|status| only(status, PROTOCOL, "StatusMessage"));
            Err(ProviderError::Refused {
                error: "logout_refused",
                explanation: explanation::of(None, message.and_then(text).as_deref()),
            })
        }
        None => Err(malformed("Status is missing")),
    }
}

impl ExpectedParties<'_> {
    /// Checks what requests and responses have in common; returns `IssueInstant`.
    fn check(&self, message: Node<'_, '_>) -> Result<DateTime<Utc>, ProviderError> {
        let rejected =
            |reason, what: &str| -> ProviderError { ProviderError::rejected(reason, what) };
        if attribute(message, "Version") != Some("2.0") {
            return Err(malformed("Version is not 2.0"));
        }
        let issuer = only(message, ASSERTION, "Issuer").and_then(text);
        if issuer.as_deref() != Some(self.provider) {
            return Err(rejected(RejectReason::Issuer, "Issuer is not the provider"));
        }
        if attribute(message, "Destination").map(trimmed) != Some(self.destination) {
            return Err(rejected(
                RejectReason::Destination,
                "Destination is not our logout URL",
            ));
        }
        let issued = instant(message, "IssueInstant")?
            .ok_or_else(|| malformed("IssueInstant is missing"))?;
        if issued > self.now + self.leeway {
            return Err(rejected(
                RejectReason::NotYetValid,
                "IssueInstant is in the future",
            ));
        }
        if self.now >= issued + AGE_MAX + self.leeway {
            return Err(rejected(RejectReason::Expired, "IssueInstant is too old"));
        }
        Ok(issued)
    }
}

/// The cleartext `NameID`. A request with `BaseID` or `EncryptedID` is rejected.
fn name_id(request: Node<'_, '_>) -> Result<NameId, ProviderError> {
    let refused = || {
        ProviderError::rejected(
            RejectReason::Subject,
            "the LogoutRequest has no cleartext NameID",
        )
    };
    let node = only(request, ASSERTION, "NameID").ok_or_else(refused)?;
    let own = |name: &str| attribute(node, name).map(str::to_owned);
    let value = text(node).ok_or_else(refused)?;
    Ok(NameId {
        value,
        format: attribute(node, "Format").map(|format| trimmed(format).to_owned()),
        name_qualifier: own("NameQualifier"),
        sp_name_qualifier: own("SPNameQualifier"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-03-01T12:00:00Z";

    fn parties() -> ExpectedParties<'static> {
        ExpectedParties {
            provider: "https://idp.example",
            destination: "https://sso.example/slo",
            now: NOW.parse().unwrap(),
            leeway: limits::SAML_LEEWAY,
        }
    }

    fn incoming(xml: &str) -> IncomingMessage {
        IncomingMessage {
            xml: xml.to_owned(),
            relay_state: Some("r".to_owned()),
        }
    }

    fn request(change: fn(String) -> String) -> Result<VerifiedLogoutRequest, ProviderError> {
        let xml = format!(
            "<p:LogoutRequest xmlns:p=\"{PROTOCOL}\" xmlns:a=\"{ASSERTION}\" ID=\"_1\" Version=\"2.0\" \
             IssueInstant=\"{NOW}\" Destination=\"https://sso.example/slo\"><a:Issuer>https://idp.example</a:Issuer>\
             <a:NameID Format=\"f\">\n  alice\n</a:NameID><p:SessionIndex>s1</p:SessionIndex></p:LogoutRequest>"
        );
        read_request(incoming(&change(xml)), &parties())
    }

    fn reason<T>(ended: Result<T, ProviderError>) -> &'static str {
        match ended.map(drop).unwrap_err() {
            ProviderError::Rejected { reason, .. } => reason.code(),
            ProviderError::Refused { error, .. } => error,
            ProviderError::Misconfigured(_) => "misconfigured",
            ProviderError::Unavailable(_) => "unavailable",
        }
    }

    #[test]
    fn logout_request_names_user_and_sessions() {
        let order = request(|xml| xml).unwrap();
        assert_eq!(order.name_id.value, "alice");
        assert_eq!(order.name_id.format.as_deref(), Some("f"));
        assert_eq!(order.session_indexes, ["s1"]);
        let response_state: ResponseState = serde_json::from_value(order.response_state.0).unwrap();
        assert_eq!(
            (
                response_state.id.as_str(),
                response_state.relay_state.as_deref()
            ),
            ("_1", Some("r"))
        );
    }

    #[test]
    fn foreign_or_outdated_logout_request_is_rejected() {
        for (change, why) in [
            (
                (|xml: String| xml.replace("Issuer>https", "Issuer>http")) as fn(String) -> String,
                "issuer",
            ),
            (
                |xml| xml.replace("sso.example", "evil.example"),
                "destination",
            ),
            (
                |xml| xml.replace(" Destination=", " Consent="),
                "destination",
            ),
            (
                |xml| xml.replace("T12:00:00Z", "T12:03:01Z"),
                "not_yet_valid",
            ),
            (|xml| xml.replace("T12:00:00Z", "T11:52:00Z"), "expired"),
            (
                |xml| {
                    xml.replace(
                        " Version=",
                        " NotOnOrAfter=\"2026-03-01T11:57:00Z\" Version=",
                    )
                },
                "expired",
            ),
            (|xml| xml.replace("2.0\"", "1.1\""), "malformed"),
            (|xml| xml.replace("a:NameID", "a:EncryptedID"), "subject"),
            (
                |xml| xml.replace("LogoutRequest", "LogoutResponse"),
                "malformed",
            ),
            (
                |xml| {
                    xml.replace(
                        "<p:SessionIndex>s1</p:SessionIndex>",
                        &"<p:SessionIndex>s</p:SessionIndex>".repeat(65),
                    )
                },
                "malformed",
            ),
        ] {
            assert_eq!(reason(request(change)), why);
        }
    }

    #[test]
    fn logout_response_must_match_request_and_report_status() {
        let response = |id: &str, status: &str| {
            let xml = format!(
                "<p:LogoutResponse xmlns:p=\"{PROTOCOL}\" xmlns:a=\"{ASSERTION}\" ID=\"_2\" InResponseTo=\"{id}\" \
                 Version=\"2.0\" IssueInstant=\"{NOW}\" Destination=\"https://sso.example/slo\">\
                 <a:Issuer>https://idp.example</a:Issuer><p:Status>{status}</p:Status></p:LogoutResponse>"
            );
            read_response(&incoming(&xml), "_1", &parties())
        };
        let code = |value: &str, inner: &str| {
            let prefix = "urn:oasis:names:tc:SAML:2.0:status";
            format!("<p:StatusCode Value=\"{prefix}:{value}\">{inner}</p:StatusCode>")
        };
        response("_1", &code("Success", "")).unwrap();
        assert_eq!(
            reason(response("_9", &code("Success", ""))),
            "in_response_to"
        );
        let partial = code("PartialLogout", "");
        assert_eq!(
            reason(response("_1", &code("Success", &partial))),
            "partial_logout"
        );
        assert_eq!(
            reason(response("_1", &code("Responder", &partial))),
            "partial_logout"
        );
        assert_eq!(
            reason(response("_1", &code("Requester", ""))),
            "logout_refused"
        );
        let message = "<p:StatusMessage>\n no such session\n</p:StatusMessage>";
        let refused = response("_1", &format!("{}{message}", code("Requester", ""))).unwrap_err();
        assert!(
            matches!(&refused, ProviderError::Refused { explanation: Some(response), .. } if response == "\"no such session\""),
            "{refused:?}"
        );
        assert_eq!(reason(response("_1", "")), "malformed");
    }
}
