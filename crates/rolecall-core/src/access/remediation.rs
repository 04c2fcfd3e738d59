//! What a person can do about a role whose conditions are not met.

use super::Unmet;

/// What makes a locked role available. Surfaces say it in their own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remediation {
    /// A new sign-in.
    SignInAgain {
        /// Whether it must be one with a second factor.
        second_factor: bool,
    },
    /// For a client: a sign-in through a browser on its own machine, in place of the device flow.
    BrowserOnSameMachine,
}

impl Unmet {
    /// What helps against this condition; none where the person can only wait, move or ask.
    pub fn remediation(&self) -> Option<Remediation> {
        match self {
            Self::Mfa => Some(Remediation::SignInAgain {
                second_factor: true,
            }),
            Self::SignedInWithin(_) => Some(Remediation::SignInAgain {
                second_factor: false,
            }),
            Self::DeviceFlow => Some(Remediation::BrowserOnSameMachine),
            Self::AuthTimeMissing(_)
            | Self::Network
            | Self::NotBefore(_)
            | Self::NotAfter(_)
            | Self::Attributes { .. } => None,
        }
    }
}

impl Remediation {
    /// The first step against all of these conditions: a new sign-in before everything else, since a client begins with
    /// one, too.
    pub fn of(unmet: &[Unmet]) -> Option<Self> {
        let steps = || unmet.iter().filter_map(Unmet::remediation);
        let again = |second_factor| Self::SignInAgain { second_factor };
        [again(true), again(false), Self::BrowserOnSameMachine]
            .into_iter()
            .find(|wanted| steps().any(|step| step == *wanted))
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    #[test]
    fn new_sign_in_is_first_remediation() {
        let (hour, again) = (Duration::hours(1), |second_factor| {
            Some(Remediation::SignInAgain { second_factor })
        });
        let browser = Some(Remediation::BrowserOnSameMachine);
        for (unmet, step) in [
            (vec![Unmet::Mfa], again(true)),
            (vec![Unmet::SignedInWithin(hour)], again(false)),
            (vec![Unmet::SignedInWithin(hour), Unmet::Mfa], again(true)),
            (vec![Unmet::DeviceFlow], browser),
            (
                vec![Unmet::DeviceFlow, Unmet::SignedInWithin(hour)],
                again(false),
            ),
            (
                vec![Unmet::AuthTimeMissing(hour), Unmet::DeviceFlow],
                browser,
            ),
            (vec![Unmet::AuthTimeMissing(hour)], None),
            (vec![Unmet::Network], None),
            (vec![], None),
        ] {
            assert_eq!(Remediation::of(&unmet), step, "{unmet:?}");
        }
    }
}
