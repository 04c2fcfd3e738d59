//! What a person can do about a role with unmet conditions.

use super::Unmet;

/// An action that makes a locked role available. Each surface has its own text for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remediation {
    /// Sign in again.
    SignInAgain {
        /// Whether the sign-in requires a second factor.
        second_factor: bool,
        /// Whether the person must authenticate again even if the provider has a session.
        fresh: bool,
    },
    /// For a client: sign in with a browser on the same machine instead of the device flow.
    BrowserOnSameMachine,
}

impl Unmet {
    /// The action for this condition; `None` if the person can only wait, change the network, or ask an administrator.
    pub fn remediation(&self) -> Option<Remediation> {
        match self {
            Self::Mfa => Some(Remediation::SignInAgain {
                second_factor: true,
                fresh: false,
            }),
            // The request within the provider's session did not help.
            Self::MfaUnconfirmed { .. } => Some(Remediation::SignInAgain {
                second_factor: true,
                fresh: true,
            }),
            Self::SignedInWithin(_) => Some(Remediation::SignInAgain {
                second_factor: false,
                fresh: true,
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
    /// The first action for these conditions. A new sign-in comes first, because a sign-in of a client starts with one. It
    /// requests what all conditions together require, and nothing else.
    pub fn of(unmet: &[Unmet]) -> Option<Self> {
        let steps = unmet.iter().filter_map(Unmet::remediation);
        steps.reduce(|first, second| match (first, second) {
            (
                Self::SignInAgain {
                    second_factor,
                    fresh,
                },
                Self::SignInAgain {
                    second_factor: also_second_factor,
                    fresh: also_fresh,
                },
            ) => Self::SignInAgain {
                second_factor: second_factor || also_second_factor,
                fresh: fresh || also_fresh,
            },
            (again @ Self::SignInAgain { .. }, Self::BrowserOnSameMachine)
            | (Self::BrowserOnSameMachine, again) => again,
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    #[test]
    fn new_sign_in_is_first_remediation() {
        let (hour, again) = (Duration::hours(1), |second_factor, fresh| {
            Some(Remediation::SignInAgain {
                second_factor,
                fresh,
            })
        });
        let unconfirmed = Unmet::MfaUnconfirmed {
            stated: "the ID token has neither amr nor acr".to_owned(),
        };
        let browser = Some(Remediation::BrowserOnSameMachine);
        for (unmet, step) in [
            (vec![Unmet::Mfa], again(true, false)),
            (vec![unconfirmed], again(true, true)),
            (vec![Unmet::SignedInWithin(hour)], again(false, true)),
            (
                vec![Unmet::SignedInWithin(hour), Unmet::Mfa],
                again(true, true),
            ),
            (vec![Unmet::Mfa, Unmet::DeviceFlow], again(true, false)),
            (vec![Unmet::DeviceFlow], browser),
            (
                vec![Unmet::DeviceFlow, Unmet::SignedInWithin(hour)],
                again(false, true),
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
