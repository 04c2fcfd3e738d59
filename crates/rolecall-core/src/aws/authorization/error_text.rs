//! The text of an AWS error, as a person copies it from a terminal or a console page.

use std::fmt;

use super::AccessDenied;
use crate::base::limits;
use crate::base::secret::SecretText;

/// The longest encoded message that STS decodes (`EncodedMessage`).
const ENCODED_CHARS_MAX: usize = 10_240;
/// Shorter runs of characters are words, not encoded messages.
const ENCODED_CHARS_MIN: usize = 64;
/// The longest authorization ID (IAM Toolbox, `AuthorizationId`).
const ID_CHARS_MAX: usize = 256;
/// Shorter runs of characters are words, not authorization IDs.
const ID_CHARS_MIN: usize = 8;
/// Fewer columns are not those of a terminal that breaks lines.
const COLUMNS_MIN: usize = 40;
/// A longer line was not broken by a terminal.
const COLUMNS_MAX: usize = 500;

/// What was found in the text of an error.
#[derive(Debug, Default)]
pub struct ErrorText {
    /// The encoded authorization message, for STS to decode.
    pub encoded: Option<EncodedMessage>,
    /// The ID of the authorization details that AWS keeps.
    pub authorization_id: Option<AuthorizationId>,
    /// What the text itself says.
    pub denied: Option<AccessDenied>,
}

/// `EncodedMessage` of `sts:DecodeAuthorizationMessage`: 1 to 10,240 characters. It can contain details of the request, so
/// that it is handled like a secret: it is never logged.
#[derive(Clone)]
pub struct EncodedMessage(SecretText);

impl fmt::Debug for EncodedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodedMessage(…)")
    }
}

impl EncodedMessage {
    /// The message, for STS.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// `AuthorizationId` of the IAM Toolbox API: letters and digits. AWS keeps the details of the denied request under it for at
/// least 24 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationId(String);

impl fmt::Display for AuthorizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ErrorText {
    /// Finds the encoded message, the authorization ID and the plain sentence in a text. Line breaks that a terminal inserted
    /// are ignored. A text longer than [`limits::ERROR_TEXT_CHARS_MAX`] is not read.
    pub fn read(text: &str) -> Self {
        if text.chars().count() > limits::ERROR_TEXT_CHARS_MAX {
            return Self::default();
        }
        let text = &unwrapped(text);
        Self {
            encoded: encoded(text),
            authorization_id: authorization_id(text),
            denied: AccessDenied::read(text),
        }
    }
}

/// The text without the line breaks of a terminal, if that is what they are: there are several lines, and every one but the last
/// has the same length.
fn unwrapped(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let Some((last, wrapped)) = lines.split_last() else {
        return String::new();
    };
    let length = |line: &str| line.chars().count();
    let columns = wrapped.first().map_or(0, |line| length(line));
    let is_wrapped = wrapped.len() > 1
        && (COLUMNS_MIN..=COLUMNS_MAX).contains(&columns)
        && wrapped.iter().all(|line| length(line) == columns)
        && length(last) <= columns;
    match is_wrapped {
        true => lines.concat(),
        false => text.to_owned(),
    }
}

/// What follows these words, whatever their case.
fn after<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    let at = text.to_ascii_lowercase().find(words)?;
    text.get(at + words.len()..)
}

/// The message behind AWS's label, or a text that is nothing else.
fn encoded(text: &str) -> Option<EncodedMessage> {
    let message = match after(text, "authorization failure message:") {
        Some(labelled) => first_run(labelled.trim_start()),
        None => lines_alone(text)?,
    };
    let message = message.trim_end_matches('=');
    let is_encoded = (ENCODED_CHARS_MIN..=ENCODED_CHARS_MAX).contains(&message.len())
        && message.bytes().all(is_base64url);
    is_encoded.then(|| EncodedMessage(SecretText::new(message)))
}

/// The lines of a text that has nothing but long words.
fn lines_alone(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_whitespace().collect();
    let (_, wrapped) = lines.split_last()?;
    let is_long = |line: &&str| line.len() >= COLUMNS_MIN;
    wrapped.iter().all(is_long).then(|| lines.concat())
}

/// The first line as far as it is encoded, and those that follow if they are nothing else.
fn first_run(text: &str) -> String {
    let mut run = String::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let end = line.bytes().position(|b| !is_base64url(b) && b != b'=');
        match end {
            None if number == 0 || !line.is_empty() => run.push_str(line),
            None => break,
            Some(end) => {
                if number == 0 {
                    run.push_str(&line[..end]);
                }
                break;
            }
        }
        if line.len() > COLUMNS_MAX {
            break;
        }
    }
    run
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The ID behind AWS's words, or in the address of the console page.
fn authorization_id(text: &str) -> Option<AuthorizationId> {
    let labels = ["authorization id:", "#/authorization-details/"];
    labels.into_iter().find_map(|label| {
        let id = after(text, label)?.trim_start();
        let end = id.find(|c: char| !c.is_ascii_alphanumeric());
        let id = &id[..end.unwrap_or(id.len())];
        (ID_CHARS_MIN..=ID_CHARS_MAX)
            .contains(&id.len())
            .then(|| AuthorizationId(id.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINCIPAL: &str = "arn:aws:sts::111122223333:assumed-role/Developer/alice";

    fn wrapped(text: &str, columns: usize) -> String {
        let chars: Vec<char> = text.chars().collect();
        let lines = chars.chunks(columns).map(|line| line.iter().collect());
        lines.collect::<Vec<String>>().join("\n")
    }

    #[test]
    fn encoded_messages_are_found() {
        let message = "Ab-_9".repeat(60);
        let error = format!(
            "An error occurred (UnauthorizedOperation) when calling the RunInstances operation: You are not authorized to perform this \
             operation. User: {PRINCIPAL} is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:*:*:instance/* because no \
             identity-based policy allows the ec2:RunInstances action. Encoded authorization failure message: {message}"
        );
        let by_hand = error.replace(&message, &wrapped(&message, 76));
        for text in [
            error.clone(),
            format!("{error}\n"),
            format!("{error}\nAdditional error details: none"),
            format!("{error}\n\nexit"),
            format!("{error}."),
            wrapped(&error, 80),
            wrapped(&error, 97),
            by_hand.clone(),
            format!("{by_hand}\r\n\r\n$ exit"),
            message.clone(),
            format!("  {message}\n"),
            format!("{message}=="),
            wrapped(&message, 80),
        ] {
            let read = ErrorText::read(&text);
            let found = read.encoded.as_ref().map(EncodedMessage::expose);
            assert_eq!(found, Some(&*message), "{text}");
            assert!(!format!("{read:?}").contains("Ab-_9"), "Debug shows it");
            if text.contains("perform") {
                let denied = read.denied.unwrap();
                assert_eq!(denied.action, "ec2:RunInstances", "{text}");
                assert_eq!(denied.principal.as_deref(), Some(PRINCIPAL), "{text}");
            }
        }
    }

    #[test]
    fn authorization_ids_are_found() {
        let id = "1a2b3c4d5e6f7g8h9i0j";
        let error = format!(
            "User: {PRINCIPAL} is not authorized to perform: iam:CreateUser with an explicit deny in an identity-based policy: \
             arn:aws:iam::111122223333:policy/Deny. Go to https://us-east-1.console.aws.amazon.com/iam/home?region=us-east-1\
             #/authorization-details/{id} for complete details, or call the GetRequestAuthorizationDetails API with the following \
             authorization id: {id}"
        );
        let link = format!("https://console.aws.amazon.com/iam/home#/authorization-details/{id} ");
        for text in [
            &error,
            &wrapped(&error, 80),
            &link,
            &format!("Authorization ID: {id}."),
        ] {
            let read = ErrorText::read(text);
            let found = read.authorization_id.map(|id| id.to_string());
            assert_eq!(found.as_deref(), Some(id), "{text}");
            assert!(read.encoded.is_none());
        }
        for text in [
            "authorization id: <script>",
            "authorization id: short",
            &format!("authorization id: {}", "x".repeat(257)),
        ] {
            assert_eq!(ErrorText::read(text).authorization_id, None, "{text}");
        }
    }

    #[test]
    fn other_texts_are_nothing() {
        for text in [
            "",
            "AccessDenied",
            "Encoded authorization failure message:",
            "Encoded authorization failure message: short",
            &format!(
                "Encoded authorization failure message:\n\n{}",
                " ".repeat(99)
            ),
            &"x".repeat(10_241),
            &"x y ".repeat(5_000),
            &"several words without punctuation ".repeat(9),
            &format!("{}é", "x".repeat(100)),
            &"é".repeat(5_000),
            &"\n".repeat(10_000),
            "\u{202e}\u{0}",
        ] {
            let read = ErrorText::read(text);
            assert!(
                read.encoded.is_none() && read.denied.is_none() && read.authorization_id.is_none(),
                "{text:?}: {read:?}"
            );
        }
    }

    #[test]
    fn text_that_is_too_long_is_not_read() {
        let sentence = "User: x is not authorized to perform: s3:GetObject ";
        let read = |fill: usize| ErrorText::read(&format!("{sentence}{}", " ".repeat(fill)));
        let fits = limits::ERROR_TEXT_CHARS_MAX - sentence.len();
        assert!(read(fits).denied.is_some());
        assert!(read(fits + 1).denied.is_none());
    }
}
