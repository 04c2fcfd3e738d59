//! ID tokens of identity providers that accounts trust directly (`trust = "provider-oidc"`).
//!
//! To such an account the token is a credential: its holder can assume every role that trusts its `aud` and `sub`, until
//! it expires. Session policies, tags and durations are not part of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::limits;
use crate::base::secret::SecretText;
use crate::identity::Subject;

/// Signature algorithms that IAM accepts (IAM User Guide, "Create an OpenID Connect identity provider").
const ALGORITHMS: [&str; 6] = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];

/// A verified ID token, as the provider sent it.
#[derive(Clone, Debug)]
pub struct ProviderIdToken {
    /// The token.
    pub token: SecretText,
    /// `exp`
    pub expires_at: DateTime<Utc>,
    /// `alg` of its header.
    pub algorithm: &'static str,
}

/// Why an ID token cannot be used for AWS, although it is valid for a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnusableIdToken {
    /// STS accepts at most 20,000 characters.
    TooLarge,
    /// IAM does not accept the signature algorithm.
    Algorithm,
    /// STS requires a subject of 6 to 255 characters.
    Subject,
    /// It expires so soon that every use would need a new sign-in.
    ShortLived,
}

impl UnusableIdToken {
    /// Stable code for logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Algorithm => "algorithm",
            Self::Subject => "subject",
            Self::ShortLived => "short_lived",
        }
    }
}

impl ProviderIdToken {
    /// The time from which it is no longer sent to AWS.
    pub fn usable_until(&self) -> DateTime<Utc> {
        self.expires_at - limits::ID_TOKEN_FOR_AWS_MARGIN
    }

    /// Checks the limits of STS and IAM that are known before STS is called.
    ///
    /// # Errors
    /// [`UnusableIdToken`].
    pub fn check(&self, subject: &Subject, now: DateTime<Utc>) -> Result<(), UnusableIdToken> {
        if self.token.expose().len() > limits::WEB_IDENTITY_TOKEN_CHARS_MAX {
            return Err(UnusableIdToken::TooLarge);
        }
        if !ALGORITHMS.contains(&self.algorithm) {
            return Err(UnusableIdToken::Algorithm);
        }
        if !(6..=255).contains(&subject.as_str().chars().count()) {
            return Err(UnusableIdToken::Subject);
        }
        if now + limits::ID_TOKEN_FOR_AWS_LIFE_MIN > self.usable_until() {
            return Err(UnusableIdToken::ShortLived);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_sts_are_checked() {
        let now = DateTime::UNIX_EPOCH;
        let life = limits::ID_TOKEN_FOR_AWS_MARGIN + limits::ID_TOKEN_FOR_AWS_LIFE_MIN;
        let token = |length: usize, algorithm, expires_at| ProviderIdToken {
            token: SecretText::new("x".repeat(length)),
            expires_at,
            algorithm,
        };
        let second = chrono::TimeDelta::seconds(1);
        for (length, algorithm, expires_at, subject, expected) in [
            (20_000, "ES256", now + life, "00u-al", Ok(())),
            (
                20_001,
                "ES256",
                now + life,
                "00u-al",
                Err(UnusableIdToken::TooLarge),
            ),
            (
                9,
                "PS256",
                now + life,
                "00u-al",
                Err(UnusableIdToken::Algorithm),
            ),
            (
                9,
                "EdDSA",
                now + life,
                "00u-al",
                Err(UnusableIdToken::Algorithm),
            ),
            (
                9,
                "RS512",
                now + life,
                "alice",
                Err(UnusableIdToken::Subject),
            ),
            (
                9,
                "RS256",
                now + life - second,
                "00u-al",
                Err(UnusableIdToken::ShortLived),
            ),
        ] {
            let subject = Subject::parse(subject).unwrap();
            let token = token(length, algorithm, expires_at);
            assert_eq!(token.check(&subject, now), expected, "{expected:?}");
        }
    }
}
