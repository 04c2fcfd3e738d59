//! The device flow (RFC 8628): a client polls until a person has entered its code in a browser.
//!
//! The person who enters the code may not be the one who started the client, which phishing exploits. Therefore the
//! person must compare and enter the code, the sign-in must be recent, and the access policy can restrict the flow.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::base::secret::SecretDigest;
use crate::base::{Entropy, limits};
use crate::clients::consent::ConsentState;
use crate::clients::{ConsentDecision, NotPending, Requester};
use crate::record::Record;
use crate::session::Approval;

/// Letters that are easy to distinguish and form no words (RFC 8628 6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LETTERS: usize = 8;

/// `user_code` (RFC 8628 3.2): 8 of 20 letters, 34.5 bits, displayed as `BCDF-GHJK`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserCode(String);

/// Why a user code is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is eight letters, such as BCDF-GHJK")]
pub struct InvalidUserCode;

impl UserCode {
    /// Generates a random code.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut code = String::with_capacity(LETTERS);
        while code.len() < LETTERS {
            let mut byte = [0];
            entropy.fill(&mut byte);
            // Rejection sampling gives all letters the same probability.
            if byte[0] < 240 {
                code.push(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
            }
        }
        Self(code)
    }

    /// Parses the input of a person; ignores case, spaces and dashes.
    ///
    /// # Errors
    /// [`InvalidUserCode`].
    pub fn parse(text: &str) -> Result<Self, InvalidUserCode> {
        let code = letters(text, LETTERS).ok_or(InvalidUserCode)?;
        Ok(Self(code))
    }

    /// The four letters that a link may fill in.
    pub fn first_half(&self) -> &str {
        &self.0[..LETTERS / 2]
    }

    /// Whether the person entered the four letters that no link fills in. The complete code is accepted as well.
    pub fn is_retyped_by(&self, text: &str) -> bool {
        let half = letters(text, LETTERS / 2);
        half.as_deref() == Some(&self.0[LETTERS / 2..]) || Self::parse(text).as_ref() == Ok(self)
    }

    /// The store key of the code.
    pub fn key(&self) -> SecretDigest {
        SecretDigest::of("rolecall/user-code/v1", &[self.0.as_bytes()])
    }
}

fn letters(text: &str, count: usize) -> Option<String> {
    let mut found = String::with_capacity(count);
    for c in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
        let c = c.to_ascii_uppercase();
        if found.len() == count || !c.is_ascii() || !ALPHABET.contains(&(c as u8)) {
            return None;
        }
        found.push(c);
    }
    (found.len() == count).then_some(found)
}

impl std::fmt::Display for UserCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, second) = self.0.split_at(LETTERS / 2);
        write!(f, "{first}-{second}")
    }
}

impl TryFrom<String> for UserCode {
    type Error = InvalidUserCode;
    fn try_from(text: String) -> Result<Self, InvalidUserCode> {
        Self::parse(&text)
    }
}

impl From<UserCode> for String {
    fn from(code: UserCode) -> String {
        code.0
    }
}

/// A device authorization, stored under the digest of its `device_code`: pending, then approved or denied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceAuthorization {
    #[serde(rename = "asking")]
    requester: Requester,
    user_code: UserCode,
    /// End of validity. The record is kept longer, so that the client gets an error.
    expires_at: DateTime<Utc>,
    answer: ConsentState,
    polls: u32,
    polled_at: DateTime<Utc>,
    early_polls: u32,
}

impl Record for DeviceAuthorization {
    const KIND: &'static str = "device";
}

/// Maps a user code to its [`DeviceAuthorization`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserCodeEntry {
    /// The key of the authorization.
    pub device: SecretDigest,
}

impl Record for UserCodeEntry {
    const KIND: &'static str = "user-code";
}

/// The result of a poll (RFC 8628 3.5).
#[derive(Clone, Debug)]
pub enum PollResult {
    /// No person has decided yet: `authorization_pending`.
    Pending,
    /// The client polled too soon.
    SlowDown,
    /// The request was denied.
    Denied,
    /// The request has expired.
    Expired,
    /// The request was approved.
    Approved(Box<Approval>),
}

impl DeviceAuthorization {
    /// Creates a pending authorization.
    pub fn begin(requester: Requester, user_code: UserCode) -> Self {
        Self {
            expires_at: requester.begun_at + limits::AUTHORIZATION_LIFE,
            polled_at: requester.begun_at,
            requester,
            user_code,
            answer: ConsentState::Pending,
            polls: 0,
            early_polls: 0,
        }
    }

    /// The client that requests access.
    pub fn requester(&self) -> &Requester {
        &self.requester
    }

    /// The client that requests access.
    pub fn into_requester(self) -> Requester {
        self.requester
    }

    /// The code that the person enters.
    pub fn user_code(&self) -> &UserCode {
        &self.user_code
    }

    /// The expiry of the record.
    pub fn stored_until(&self) -> DateTime<Utc> {
        self.expires_at + limits::AUTHORIZATION_LIFE
    }

    /// Whether it can be decided.
    pub fn is_pending(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at && self.answer.is_pending()
    }

    /// Whether it was denied. Later polls do not change it.
    pub fn is_denied(&self) -> bool {
        matches!(self.answer, ConsentState::Denied)
    }

    /// The authorization with the decision of the person.
    ///
    /// # Errors
    /// [`NotPending`].
    pub fn decided(self, answer: ConsentDecision, now: DateTime<Utc>) -> Result<Self, NotPending> {
        if !self.is_pending(now) {
            return Err(NotPending);
        }
        Ok(Self {
            answer: answer.into(),
            ..self
        })
    }

    /// Counts a poll and returns its result. The first two polls are never too soon, because the AWS CLI polls once
    /// before it displays the code. A client that keeps polling too soon is denied.
    pub fn poll(mut self, now: DateTime<Utc>) -> (Self, PollResult) {
        if now >= self.expires_at {
            return (self, PollResult::Expired);
        }
        let soon = self.polls >= 2 && now < self.polled_at + limits::POLL_INTERVAL - SLACK;
        self.polls = self.polls.saturating_add(1);
        self.polled_at = now;
        if soon {
            self.early_polls = self.early_polls.saturating_add(1);
        }
        if self.early_polls > limits::EARLY_POLLS_MAX {
            self.answer = ConsentState::Denied;
        }
        let found = match &self.answer {
            ConsentState::Denied => PollResult::Denied,
            ConsentState::Pending | ConsentState::Approved(_) if soon => PollResult::SlowDown,
            ConsentState::Pending => PollResult::Pending,
            ConsentState::Approved(approval) => PollResult::Approved(approval.clone()),
        };
        (self, found)
    }
}

/// Tolerance for a client that measures the interval with its own clock.
const SLACK: TimeDelta = TimeDelta::seconds(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::ClientInfo;
    use crate::session::ClientName;

    struct Bytes(std::sync::Mutex<u8>);
    impl Entropy for Bytes {
        fn fill(&self, bytes: &mut [u8]) {
            let mut next = self.0.lock().unwrap();
            for byte in bytes {
                *next = next.wrapping_add(37);
                *byte = *next;
            }
        }
    }

    fn begun() -> DeviceAuthorization {
        let requester = Requester {
            client: SecretDigest::of("test", &[]),
            client_name: ClientName::new("aws"),
            client_info: ClientInfo::default(),
            begun_at: DateTime::UNIX_EPOCH,
        };
        DeviceAuthorization::begin(requester, UserCode::parse("BCDFGHJK").unwrap())
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn user_codes_ignore_case_spaces_and_dashes() {
        let code = UserCode::parse("BCDF-GHJK").unwrap();
        assert_eq!(code.to_string(), "BCDF-GHJK");
        for typed in ["bcdfghjk", " bcdf ghjk ", "B-C-D-F-G-H-J-K"] {
            assert_eq!(UserCode::parse(typed), Ok(code.clone()), "{typed}");
        }
        for typed in [
            "",
            "BCDFGHJ",
            "BCDFGHJKL",
            "ACDFGHJK",
            "BCDF_GHJK",
            "ВCDFGHJK",
            "BCDF\tGHJK",
        ] {
            assert_eq!(UserCode::parse(typed), Err(InvalidUserCode), "{typed}");
        }
        assert!(
            code.is_retyped_by("ghjk")
                && code.is_retyped_by("GH-JK")
                && code.is_retyped_by("bcdf-ghjk")
        );
        for typed in ["", "BCDF", "GHJ", "GHJKL", "GHJKBCDF"] {
            assert!(!code.is_retyped_by(typed), "{typed}");
        }
    }

    #[test]
    fn generated_user_codes_are_valid_and_differ() {
        let entropy = Bytes(std::sync::Mutex::new(0));
        let (one, two) = (UserCode::generate(&entropy), UserCode::generate(&entropy));
        assert_ne!(one, two);
        assert_eq!(UserCode::parse(&one.to_string()), Ok(one));
    }

    /// Polls at this time.
    fn poll(device: &mut DeviceAuthorization, seconds: i64) -> PollResult {
        let (next, found) = device.clone().poll(at(seconds));
        *device = next;
        found
    }

    #[test]
    fn polling_at_the_interval_is_not_slowed_down() {
        let mut device = begun();
        for seconds in [0, 0, 5, 10, 14, 19] {
            let result = poll(&mut device, seconds);
            assert!(
                matches!(result, PollResult::Pending),
                "{seconds}: {result:?}"
            );
        }
        assert!(matches!(poll(&mut device, 22), PollResult::SlowDown));
        assert!(
            matches!(poll(&mut device, 27), PollResult::Pending),
            "and is not slowed down again"
        );
    }

    #[test]
    fn polling_too_often_denies_the_device() {
        let mut device = begun();
        poll(&mut device, 0);
        poll(&mut device, 0);
        for _ in 0..limits::EARLY_POLLS_MAX {
            assert!(matches!(poll(&mut device, 1), PollResult::SlowDown));
        }
        assert!(matches!(poll(&mut device, 1), PollResult::Denied));
        assert!(matches!(poll(&mut device, 100), PollResult::Denied));
        assert!(
            !device.is_pending(at(100)),
            "and it can no longer be approved"
        );
        assert_eq!(
            device.decided(ConsentDecision::Denied, at(100)).err(),
            Some(NotPending)
        );
    }

    #[test]
    fn device_code_expires_exactly() {
        let mut device = begun();
        assert!(device.is_pending(at(599)) && !device.is_pending(at(600)));
        assert!(matches!(poll(&mut device, 599), PollResult::Pending));
        assert!(matches!(poll(&mut device, 600), PollResult::Expired));
        assert_eq!(
            device.decided(ConsentDecision::Denied, at(600)).err(),
            Some(NotPending)
        );
    }

    #[test]
    fn device_request_is_decided_once() {
        let denied = begun().decided(ConsentDecision::Denied, at(1)).unwrap();
        assert!(denied.is_denied() && !denied.is_pending(at(1)));
        assert_eq!(
            denied.decided(ConsentDecision::Denied, at(1)).err(),
            Some(NotPending)
        );
    }
}
