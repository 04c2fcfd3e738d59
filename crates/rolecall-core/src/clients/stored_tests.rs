//! Stored records of clients: byte for byte as earlier versions wrote them, because both versions must read them during
//! a rolling upgrade.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::consent::ConsentState;
use super::*;
use crate::base::secret::SecretDigest;
use crate::base::timestamp;
use crate::session::Approval;

const ASKING: &str = r#"{"client":[19,35,239,244,79,27,150,218,185,237,115,169,1,167,193,243,142,75,52,245,172,222,49,20,205,223,6,252,23,31,195,101],"client_name":"aws","origin":{"address":"192.0.2.7","user_agent":null},"begun_at":"2026-09-21T14:13:20Z"}"#;
const ASK: &str = r#"{"redirect_uri":"http://127.0.0.1:33389/oauth/callback","state":"s t","code_challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}"#;
const APPROVAL: &str = r#"{"identity":{"provider":"okta","subject":"s","email":null,"name":null,"groups":[],"claims":{},"mfa":false,"authenticated_at":"2026-06-15T12:00:00Z","evidence":{"IdToken":{"token":"","sid":null}}},"session":<SESSION>,"epoch":null,"ends_at":"2026-09-21T22:13:20Z"}"#;
const SESSION: &str = "[86,129,110,203,72,244,120,33,8,128,16,153,180,181,141,177,221,37,43,66,127,61,180,124,240,42,103,85,150,232,115,242]";
const MADE: &str = "[113,184,239,127,176,66,140,204,39,80,251,53,190,93,76,243,135,26,203,89,18,188,44,16,17,225,247,80,248,101,189,176]";

/// Parses a record with placeholders for common parts, and checks that it serializes to the same text.
#[track_caller]
pub(crate) fn opened<T: Serialize + DeserializeOwned>(text: &str) -> T {
    let record = serde_json::from_str(&filled(text)).unwrap();
    assert_written(&record, text);
    record
}

/// Checks that the record serializes to this text.
#[track_caller]
pub(crate) fn assert_written<T: Serialize>(record: &T, text: &str) {
    assert_eq!(serde_json::to_string(record).unwrap(), filled(text));
}

/// Key of the client session of a redeemed code.
pub(crate) fn made() -> SecretDigest {
    serde_json::from_str(MADE).unwrap()
}

/// 14:13:20, the time of every request here, plus the given seconds.
pub(crate) fn at(seconds: i64) -> chrono::DateTime<chrono::Utc> {
    timestamp::from_unix(1_790_000_000 + seconds, 0).unwrap()
}

fn filled(text: &str) -> String {
    [
        ("<ASKING>", ASKING),
        ("<ASK>", ASK),
        ("<APPROVAL>", APPROVAL),
        ("<SESSION>", SESSION),
        ("<MADE>", MADE),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (name, value)| {
        text.replace(name, value)
    })
}

fn approval() -> Box<Approval> {
    Box::new(opened(APPROVAL))
}

#[test]
fn stored_device_authorization_is_compatible() {
    const PENDING: &str = r#"{"asking":<ASKING>,"user_code":"BCDFGHJK","expires_at":"2026-09-21T14:23:20Z","answer":"Pending","polls":0,"polled_at":"2026-09-21T14:13:20Z","early_polls":0}"#;
    const POLLED: &str = r#"{"asking":<ASKING>,"user_code":"BCDFGHJK","expires_at":"2026-09-21T14:23:20Z","answer":{"Approved":<APPROVAL>},"polls":3,"polled_at":"2026-09-21T14:13:20Z","early_polls":1}"#;
    let requester: Requester = opened(ASKING);
    let begun = DeviceAuthorization::begin(requester, UserCode::parse("BCDF-GHJK").unwrap());
    assert_written(&begun, PENDING);
    let pending: DeviceAuthorization = opened(PENDING);
    let denied = pending
        .clone()
        .decided(ConsentDecision::Denied, at(1))
        .unwrap();
    assert_written(&denied, &PENDING.replace("\"Pending\"", "\"Denied\""));
    let mut approved = pending;
    approved = approved
        .decided(ConsentDecision::Approved(approval()), at(0))
        .unwrap();
    for _ in 0..3 {
        (approved, _) = approved.poll(at(0));
    }
    assert_written(&approved, POLLED);
    let (_, found) = opened::<DeviceAuthorization>(POLLED).poll(at(5));
    assert!(matches!(found, PollResult::Approved(_)), "{found:?}");
}

#[test]
fn authorization_request_is_decided_and_sent_once() {
    const PENDING: &str = r#"{"asking":<ASKING>,"ask":<ASK>,"session":<SESSION>,"answer":"Pending","answered":false}"#;
    const APPROVED: &str = r#"{"asking":<ASKING>,"ask":<ASK>,"session":<SESSION>,"answer":{"Approved":<APPROVAL>},"answered":false}"#;
    const DENIED_AND_SENT: &str =
        r#"{"asking":<ASKING>,"ask":<ASK>,"session":<SESSION>,"answer":"Denied","answered":true}"#;
    const CODE: &str = r#"{"asking":<ASKING>,"ask":<ASK>,"approval":<APPROVAL>,"expires_at":"2026-09-21T14:14:20Z","outcome":"Unused"}"#;
    let begun = AuthorizationRequest::begin(opened(ASKING), opened(ASK), approval().session);
    assert_written(&begun, PENDING);
    assert_eq!(
        begun.clone().sent().err(),
        Some(NotPending),
        "there is no answer"
    );
    let denied = begun.clone().decided(ConsentDecision::Denied).unwrap();
    assert_eq!(
        denied.clone().decided(ConsentDecision::Denied).err(),
        Some(NotPending)
    );
    let (sent, answer) = denied.sent().unwrap();
    assert!(matches!(answer, ConsentDecision::Denied));
    assert_written(&sent, DENIED_AND_SENT);
    let sent: AuthorizationRequest = opened(DENIED_AND_SENT);
    assert_eq!(sent.sent().err(), Some(NotPending), "it was sent before");

    let approved = begun
        .decided(ConsentDecision::Approved(approval()))
        .unwrap();
    assert_written(&approved, APPROVED);
    let (sent, answer) = opened::<AuthorizationRequest>(APPROVED).sent().unwrap();
    let ConsentDecision::Approved(approval) = answer else {
        panic!("{answer:?}");
    };
    assert_written(&sent.into_code(*approval, at(0)), CODE);
}

#[test]
fn code_is_used_once() {
    const UNUSED: &str = r#"{"asking":<ASKING>,"ask":<ASK>,"approval":<APPROVAL>,"expires_at":"2026-09-21T14:14:20Z","outcome":"Unused"}"#;
    const INVALIDATED: &str = r#"{"asking":<ASKING>,"ask":<ASK>,"approval":<APPROVAL>,"expires_at":"2026-09-21T14:14:20Z","outcome":"Spoilt"}"#;
    const REDEEMED: &str = r#"{"asking":<ASKING>,"ask":<ASK>,"approval":<APPROVAL>,"expires_at":"2026-09-21T14:14:20Z","outcome":{"Redeemed":<MADE>}}"#;
    let unused = opened::<IssuedCode>(UNUSED).unused().unwrap();
    assert_written(&unused.clone().invalidated(), INVALIDATED);
    assert_written(&unused.redeemed(made()), REDEEMED);
    for (text, outcome) in [
        (INVALIDATED, CodeState::Invalidated),
        (REDEEMED, CodeState::Redeemed(made())),
    ] {
        let used = opened::<IssuedCode>(text).unused();
        assert_eq!(used.err(), Some(outcome));
    }
}

#[test]
fn stored_pending_requests_are_compatible() {
    const LIST: &str = r#"{"entries":[{"key":<MADE>,"flow":"device","session":null,"begun_at":"2026-09-21T14:13:20Z"},{"key":<SESSION>,"flow":"code","session":<SESSION>,"begun_at":"2026-09-21T14:13:20Z"}]}"#;
    let list: PendingRequests = opened(LIST);
    let one: PendingRequest = opened(
        r#"{"key":<MADE>,"flow":"device","session":null,"begun_at":"2026-09-21T14:13:20Z"}"#,
    );
    assert_eq!(list.joinable_with(&one).count(), 0, "the flows differ");
    opened::<UserCodeEntry>(r#"{"device":<MADE>}"#);
    assert!(opened::<ConsentState>("\"Pending\"").is_pending());
}
