//! Whether session policies and session tags fit into STS's space, before STS is asked.

use crate::access::{AttributeError, Grant, RoleSessionAttributes, SessionPolicies};
use crate::aws::{AssumedRole, PackedSize, StsError, StsRefusal};
use crate::base::secret::SecretDigest;
use crate::identity::Identity;

use super::Issuer;
use super::learned::Prediction;

/// Attributes that fit, and how much of STS's space the request probably takes, in percent.
pub(super) struct Fitted {
    pub(super) attributes: RoleSessionAttributes,
    pub(super) percent: usize,
}

impl Issuer {
    /// Leaves out optional tags, in the order of the file, until the rest probably fits.
    ///
    /// # Errors
    /// [`AttributeError::TooLarge`] if STS is certain to refuse the request.
    pub(super) fn fit(
        &self,
        identity: &Identity,
        grant: &Grant,
        policies: &SessionPolicies,
        mut attributes: RoleSessionAttributes,
    ) -> Result<Fitted, AttributeError> {
        if grant.trust().needs_browser() {
            // The provider's response contains the tags.
            let percent = 0;
            return Ok(Fitted {
                attributes,
                percent,
            });
        }
        let (compared, now) = (digest(identity, grant, policies), self.clock.now());
        loop {
            let size = size(policies, &attributes);
            let Prediction {
                percent,
                is_certain,
            } = self.learned.predict(compared, size, now);
            let fits = percent <= 100;
            if !fits && attributes.drop_optional_tag() {
                continue;
            }
            if !fits && is_certain {
                return Err(AttributeError::TooLarge { percent });
            }
            return Ok(Fitted {
                attributes,
                percent,
            });
        }
    }

    /// Remembers how much of STS's space a request took. What the response of an identity provider took is not remembered: its
    /// tags are not known here.
    pub(super) fn learn_size(
        &self,
        identity: &Identity,
        grant: &Grant,
        policies: &SessionPolicies,
        size: PackedSize,
        answer: Result<&AssumedRole, &StsError>,
    ) {
        if grant.trust().needs_browser() {
            return;
        }
        let percent = match answer {
            Ok(issued) => issued.packed_size_percent.map(usize::from),
            Err(StsError::Refused {
                refusal: StsRefusal::PackedTooLarge,
                message,
                ..
            }) => Some(percent_in(message).unwrap_or_default().max(101)),
            Err(_) => None,
        };
        if let Some(percent) = percent {
            let compared = digest(identity, grant, policies);
            self.learned
                .size_is(compared, size, percent, self.clock.now());
        }
    }
}

/// The size of a request with these session policies.
pub(super) fn size(policies: &SessionPolicies, attributes: &RoleSessionAttributes) -> PackedSize {
    PackedSize::of(
        policies.session_policy.as_ref(),
        &policies.policy_arns,
        &attributes.tags,
    )
}

/// Key of the requests that can be compared: those of one person for one role with the same session policies. The tags of a
/// person therefore do not influence the requests of others.
fn digest(identity: &Identity, grant: &Grant, policies: &SessionPolicies) -> SecretDigest {
    let person = identity.key();
    let role = grant.role().as_str();
    let policy = policies.session_policy.as_ref();
    let policy = policy.map_or("", |policy| policy.as_str());
    let name = grant.role_name();
    let arns = policies
        .policy_arns
        .iter()
        .map(|arn| arn.as_str().as_bytes());
    let parts: Vec<&[u8]> = [
        person.as_bytes(),
        role.as_bytes(),
        name.as_bytes(),
        policy.as_bytes(),
    ]
    .into_iter()
    .chain(arns)
    .collect();
    SecretDigest::of("rolecall/session-limits/v1", &parts)
}

/// A larger number in a message is not one of STS.
const PERCENT_MAX: usize = 10_000;

/// The number in "Packed policy consumes 134% of allotted space".
fn percent_in(message: &str) -> Option<usize> {
    let (before, _) = message.split_once('%')?;
    let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let percent: usize = before[before.len() - digits..].parse().ok()?;
    Some(percent.min(PERCENT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentage_of_a_refusal() {
        for (message, percent) in [
            (
                "Packed policy consumes 134% of allotted space, please use smaller policy.",
                Some(134),
            ),
            (
                "Packed size of session tags consumes 101% of allotted space.",
                Some(101),
            ),
            ("% of allotted space", None),
            ("no number", None),
            ("99999999999999999999999999% of", None),
            ("18446744073709551615% of", Some(PERCENT_MAX)),
        ] {
            assert_eq!(percent_in(message), percent, "{message}");
        }
    }
}
