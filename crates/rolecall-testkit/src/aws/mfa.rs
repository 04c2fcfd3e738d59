//! Virtual MFA devices of IAM users: time-based one-time passwords (RFC 6238) of six digits, each valid once.

use std::sync::Mutex;

use anyhow::ensure;
use chrono::{DateTime, Utc};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use super::error::{AwsError, ErrorCode};
use super::wire::Parameters;
use crate::lock;

const STEP_SECONDS: i64 = 30;
/// Steps before and after the current one that are accepted.
const STEPS_AROUND: i64 = 1;

/// A device, for its owner.
#[derive(Clone)]
pub struct MfaDevice {
    /// `arn:aws:iam::…:mfa/NAME`
    pub serial_number: String,
    key: [u8; 20],
}

impl MfaDevice {
    pub(super) fn new(serial_number: String) -> anyhow::Result<Self> {
        let mut key = [0_u8; 20];
        openssl::rand::rand_bytes(&mut key)?;
        Ok(MfaDevice { serial_number, key })
    }

    /// The code that the device shows at this time.
    ///
    /// # Errors
    /// If the time is before 1970.
    pub fn code(&self, at: DateTime<Utc>) -> anyhow::Result<String> {
        code(&self.key, at.timestamp().div_euclid(STEP_SECONDS))
    }
}

/// A device, as AWS knows it.
pub(super) struct RegisteredDevice {
    device: MfaDevice,
    /// The step of the last code that was used.
    used: Mutex<i64>,
}

impl RegisteredDevice {
    pub fn new(device: MfaDevice) -> Self {
        RegisteredDevice {
            device,
            used: Mutex::new(0),
        }
    }

    /// Whether the code is valid now and was not used before.
    fn accepts(&self, given: &str, now: DateTime<Utc>) -> bool {
        let step = now.timestamp().div_euclid(STEP_SECONDS);
        let mut used = lock(&self.used);
        let valid = (step - STEPS_AROUND..=step + STEPS_AROUND)
            .find(|step| code(&self.device.key, *step).is_ok_and(|code| code == given));
        match valid.filter(|step| *step > *used) {
            Some(step) => {
                *used = step;
                true
            }
            None => false,
        }
    }
}

/// `SerialNumber` and `TokenCode` of a request.
pub(super) struct MfaParameters<'a> {
    serial_number: Option<&'a str>,
    token_code: Option<&'a str>,
}

impl<'a> MfaParameters<'a> {
    /// Reads the parameters and adds validation errors to `parameters`.
    pub fn read(parameters: &mut Parameters<'a>) -> Self {
        let found = MfaParameters {
            serial_number: parameters.get("SerialNumber"),
            token_code: parameters.get("TokenCode"),
        };
        if let Some(serial) = found.serial_number {
            parameters.length("serialNumber", serial, 9, 256);
            parameters.pattern("serialNumber", serial, "_+=/:,.@-", "[\\w+=/:,.@-]*");
        }
        if let Some(code) = found.token_code {
            parameters.length("tokenCode", code, 6, 6);
            if !code.bytes().all(|b| b.is_ascii_digit()) {
                let constraint = "Member must satisfy regular expression pattern: [\\d]*";
                parameters.add_error("'***'", "tokenCode", constraint);
            }
        }
        found
    }

    /// Verifies the code with the user's device. `Ok(false)` if the request has no code.
    pub fn verify(
        &self,
        device: Option<&RegisteredDevice>,
        now: DateTime<Utc>,
    ) -> Result<bool, AwsError> {
        let denied = |message: &str| {
            Err(AwsError::new(
                ErrorCode::AccessDenied,
                format!("MultiFactorAuthentication failed, {message}"),
            ))
        };
        match (self.serial_number, self.token_code) {
            (None, None) => Ok(false),
            (Some(serial), Some(code)) => match device {
                Some(device) if device.device.serial_number == serial => {
                    match device.accepts(code, now) {
                        true => Ok(true),
                        false => denied("with invalid MFA one time pass code."),
                    }
                }
                Some(_) | None => denied("unable to validate MFA code."),
            },
            (Some(_), None) | (None, Some(_)) => {
                denied("must provide both MFA serial number and one time pass code.")
            }
        }
    }
}

fn code(key: &[u8], step: i64) -> anyhow::Result<String> {
    ensure!(step >= 0, "a code needs a time after 1970");
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha1(), &key)?;
    signer.update(&step.to_be_bytes())?;
    let mac = signer.sign_to_vec()?;
    let offset = usize::from(mac[19] & 0xf);
    let truncated = mac[offset..offset + 4]
        .iter()
        .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    Ok(format!("{:06}", (truncated & 0x7fff_ffff) % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_match_rfc_6238() -> anyhow::Result<()> {
        // Appendix B, with the last six of eight digits.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(
                code(b"12345678901234567890", seconds / STEP_SECONDS)?,
                expected
            );
        }
        Ok(())
    }

    #[test]
    fn code_is_valid_once_and_for_three_steps() -> anyhow::Result<()> {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("a time");
        let device = MfaDevice::new("arn:aws:iam::111122223333:mfa/alice".to_owned())?;
        let known = RegisteredDevice::new(device.clone());
        let first = device.code(at(6_000))?;
        assert!(!known.accepts(&first, at(6_060)), "two steps later");
        assert!(known.accepts(&first, at(6_030)));
        assert!(!known.accepts(&first, at(6_030)), "a second time");
        let earlier = device.code(at(5_970))?;
        assert!(!known.accepts(&earlier, at(6_000)), "before the last one");
        assert!(known.accepts(&device.code(at(6_060))?, at(6_060)));
        Ok(())
    }
}
