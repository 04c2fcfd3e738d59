//! What happened at STS before a call that failed: sessions of intermediate roles, and attempts without a response.

use super::{RoleArn, StsError, StsRefusal};

/// A session of an intermediate role (role chaining). Its credentials signed the next call and were discarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntermediateSession {
    /// The role.
    pub role: RoleArn,
    /// `AccessKeyId`
    pub access_key_id: String,
    /// Request ID of STS.
    pub request_id: Option<String>,
}

/// What happened at STS before the call that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierCalls {
    /// The sessions of the intermediate roles that STS issued, in order.
    pub via: Vec<IntermediateSession>,
    /// Number of attempts to which STS may have responded with credentials that were lost.
    pub unanswered: u32,
}

impl StsError {
    /// The error with what happened before it.
    pub fn after(self, earlier: EarlierCalls) -> Self {
        let known = matches!(self, Self::Unanswered { .. }) && earlier.via.is_empty();
        match known || earlier == EarlierCalls::default() {
            true => self,
            false => Self::AfterEarlierCalls {
                earlier,
                error: Box::new(self),
            },
        }
    }

    /// The error, and what happened before it.
    pub fn into_parts(self) -> (EarlierCalls, Self) {
        match self {
            Self::AfterEarlierCalls { earlier, error } => (earlier, *error),
            Self::Unanswered { attempts, .. } => {
                let unanswered = attempts;
                let via = Vec::new();
                (EarlierCalls { via, unanswered }, self)
            }
            Self::Refused { .. } | Self::NoCredentials(_) | Self::Unavailable(_) => {
                (EarlierCalls::default(), self)
            }
        }
    }

    /// Whether there are no credentials to sign with, or STS does not accept them.
    pub fn rejects_signer(&self) -> bool {
        matches!(self, Self::NoCredentials(_))
            || self.refusal().is_some_and(StsRefusal::rejects_signer)
    }

    /// The reason, if STS refused the request.
    pub fn refusal(&self) -> Option<StsRefusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::AfterEarlierCalls { error, .. } => error.refusal(),
            Self::NoCredentials(_) | Self::Unavailable(_) | Self::Unanswered { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_what_happened_before() {
        let unavailable = || StsError::Unavailable("no route".into());
        let unanswered = || StsError::Unanswered {
            attempts: 2,
            source: "late".into(),
        };
        let earlier = |via: &[&str], unanswered| EarlierCalls {
            via: via
                .iter()
                .map(|role| IntermediateSession {
                    role: role.parse().unwrap(),
                    access_key_id: "ASIA".to_owned(),
                    request_id: None,
                })
                .collect(),
            unanswered,
        };
        let hub = ["arn:aws:iam::999988887777:role/hub"];
        for (error, earlier, expected) in [
            (unavailable(), earlier(&[], 0), "Unavailable"),
            (unanswered(), earlier(&[], 2), "Unanswered"),
            (unavailable(), earlier(&hub, 0), "AfterEarlierCalls"),
            (unanswered(), earlier(&hub, 2), "AfterEarlierCalls"),
        ] {
            let error = error.after(earlier.clone());
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
            let (parts, error) = error.into_parts();
            assert_eq!(parts, earlier);
            assert!(!matches!(error, StsError::AfterEarlierCalls { .. }));
        }
        let refused = StsError::Refused {
            refusal: StsRefusal::InvalidCredentials,
            code: "ExpiredToken".to_owned(),
            message: String::new(),
            request_id: None,
        };
        let refused = refused.after(earlier(&hub, 1));
        assert_eq!(refused.refusal(), Some(StsRefusal::InvalidCredentials));
        assert!(refused.rejects_signer());
        assert!(StsError::NoCredentials("none".into()).rejects_signer());
        assert!(!unavailable().rejects_signer());
    }
}
