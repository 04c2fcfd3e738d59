//! People in JSON: a record, or the claims that an identity provider would send. One line of a JSONL file, or one file.

use serde_json::{Map, Value};

use super::RecordedPerson;
use crate::base::{json, limits};
use crate::identity::{Claims, EmailAddress, InvalidClaims, InvalidEmail, ProviderId};

/// Members of a record.
const RECORD_MEMBERS: [&str; 12] = [
    "provider",
    "subject",
    "email",
    "untrusted_email",
    "name",
    "groups",
    "claims",
    "mfa",
    // Ignored. Records of earlier versions contain it.
    "unconfirmed_mfa",
    "authenticated_at",
    "auth_time",
    "signed_in_at",
];

/// A person in JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum PersonLine {
    /// A record of the gateway: an object with the member `subject`.
    Recorded(Box<RecordedPerson>),
    /// Written by hand: `{"provider": "okta", "claims": {"sub": "…", "groups": ["…"]}}`.
    Claims(PersonClaims),
}

/// Claims as in an ID token. The settings of the provider determine the identity, as at a sign-in.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonClaims {
    /// Provider that would send the claims.
    pub provider: ProviderId,
    /// The claims.
    pub claims: Map<String, Value>,
}

/// Why a person cannot be read. The text does not contain the values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPerson {
    /// Longer than [`limits::RECORDED_PERSON_BYTES_MAX`].
    #[error("longer than {} bytes", limits::RECORDED_PERSON_BYTES_MAX)]
    TooLong,
    /// Not one JSON object without duplicate members.
    #[error("not a JSON object: {0}")]
    NotAnObject(String),
    /// A member that is not known.
    #[error("unknown member {0:?}")]
    UnknownMember(String),
    /// A member is missing or has a wrong type or value.
    #[error("{0}")]
    Member(String),
    /// The claims or groups exceed a limit.
    #[error(transparent)]
    Claims(#[from] InvalidClaims),
    /// `email` is not an address.
    #[error("email: {0}")]
    Email(#[from] InvalidEmail),
}

impl InvalidPerson {
    /// The accepted form.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLong | Self::Claims(_) => "a sign-in with so much data is not recorded either",
            Self::NotAnObject(_) | Self::UnknownMember(_) | Self::Member(_) | Self::Email(_) => {
                "write {\"provider\": \"okta\", \"claims\": {\"sub\": \"…\", \"groups\": [\"…\"]}} with the claims of an ID \
                 token, or a record as Rolecall keeps it, with subject and signed_in_at"
            }
        }
    }
}

impl PersonLine {
    /// Parses one JSON object. Unknown members are rejected, because a misspelled one would change the answer.
    ///
    /// # Errors
    /// [`InvalidPerson`].
    pub fn parse(text: &[u8]) -> Result<Self, InvalidPerson> {
        if text.len() > limits::RECORDED_PERSON_BYTES_MAX {
            return Err(InvalidPerson::TooLong);
        }
        let mut members = json::object(text).map_err(InvalidPerson::NotAnObject)?;
        if members.contains_key("subject") {
            let unknown = members
                .keys()
                .find(|name| !RECORD_MEMBERS.contains(&name.as_str()));
            if let Some(unknown) = unknown {
                return Err(InvalidPerson::UnknownMember(shown(unknown)));
            }
            return RecordedPerson::of_members(members)
                .map(|person| Self::Recorded(Box::new(person)));
        }
        let provider = member(&mut members, "provider")?;
        let claims = member(&mut members, "claims")?;
        let (Value::String(provider), Value::Object(claims)) = (provider, claims) else {
            let text = "provider must be a string and claims an object".to_owned();
            return Err(InvalidPerson::Member(text));
        };
        if let Some(unknown) = members.keys().next() {
            return Err(InvalidPerson::UnknownMember(shown(unknown)));
        }
        let provider = ProviderId::parse(&provider)
            .map_err(|error| InvalidPerson::Member(format!("provider: {error}")))?;
        Ok(Self::Claims(PersonClaims { provider, claims }))
    }
}

impl RecordedPerson {
    /// Parses a record of this or another version: unknown members are ignored.
    ///
    /// # Errors
    /// [`InvalidPerson`].
    pub fn parse(text: &str) -> Result<Self, InvalidPerson> {
        if text.len() > limits::RECORDED_PERSON_BYTES_MAX {
            return Err(InvalidPerson::TooLong);
        }
        Self::of_members(json::object(text.as_bytes()).map_err(InvalidPerson::NotAnObject)?)
    }

    /// The record as one line of JSON, without the line's end.
    ///
    /// # Errors
    /// [`InvalidPerson::TooLong`].
    pub fn to_line(&self) -> Result<String, InvalidPerson> {
        let line = serde_json::to_string(self)
            .map_err(|error| InvalidPerson::Member(error.to_string()))?;
        match line.len() > limits::RECORDED_PERSON_BYTES_MAX {
            true => Err(InvalidPerson::TooLong),
            false => Ok(line),
        }
    }

    fn of_members(members: Map<String, Value>) -> Result<Self, InvalidPerson> {
        let person: Self = serde_json::from_value(Value::Object(members))
            .map_err(|error| InvalidPerson::Member(shown(&error.to_string())))?;
        Claims::check_values("groups", &person.groups)?;
        person.claims.check()?;
        let email = person.email.as_ref();
        let email = email.map(|email| EmailAddress::parse(email.as_str()));
        Ok(Self {
            email: email.transpose()?,
            ..person
        })
    }
}

fn member(members: &mut Map<String, Value>, name: &str) -> Result<Value, InvalidPerson> {
    let missing = || InvalidPerson::Member(format!("{name} is missing"));
    members.remove(name).ok_or_else(missing)
}

/// Text of the input in a message.
fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    crate::base::text::one_line(text, CHARS_MAX)
}
