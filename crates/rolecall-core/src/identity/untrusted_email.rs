//! An e-mail address that a provider sent and that is not trusted. It is kept with the reason, because a deny rule must
//! still match the person, and for messages to the person and the operator.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EmailAddress, EmailDomain};
use crate::base::{limits, text};

/// Why an e-mail address is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UntrustedEmailReason {
    /// `email_verified` was sent and is not true (OIDC Core 5.1).
    NotVerified,
    /// The provider is not configured for the domain of the address.
    OtherDomain,
    /// More than one address was sent.
    Several,
    /// It is not a valid address; see [`EmailAddress::parse`].
    NotAnAddress,
}

/// The e-mail address that a provider sent, and why it is not trusted. It never grants anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntrustedEmail {
    #[serde(rename = "why")]
    reason: UntrustedEmailReason,
    /// The addresses as sent: at most [`limits::UNTRUSTED_EMAILS_MAX`], each as one line of [`limits::EMAIL_BYTES_MAX`]
    /// characters.
    sent: Vec<String>,
    /// Number of addresses that were sent.
    count: usize,
    /// Whether one of them was invalid as sent. The stored form of an invalid address may be valid.
    #[serde(default)]
    unreadable: bool,
}

impl UntrustedEmail {
    fn new(reason: UntrustedEmailReason, sent: &[String]) -> Self {
        let kept = sent.iter().take(limits::UNTRUSTED_EMAILS_MAX);
        Self {
            reason,
            sent: kept
                .map(|one| text::one_line(one, limits::EMAIL_BYTES_MAX))
                .collect(),
            count: sent.len(),
            unreadable: sent.iter().any(|one| EmailAddress::parse(one).is_err()),
        }
    }

    /// Why the address is not trusted.
    pub fn reason(&self) -> UntrustedEmailReason {
        self.reason
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self.reason {
            UntrustedEmailReason::NotVerified => {
                "verify the address at your identity provider, or ask its administrators to send email_verified as true"
            }
            UntrustedEmailReason::OtherDomain => {
                "ask the administrators of Rolecall whether this provider can be trusted for that domain (its key domains)"
            }
            UntrustedEmailReason::Several => {
                "ask the administrators of your identity provider to send one address, or Rolecall's to read another claim (claims.email)"
            }
            UntrustedEmailReason::NotAnAddress => {
                "ask the administrators of Rolecall to read another claim (claims.email), or to use {subject} in place of {email}"
            }
        }
    }

    /// The addresses that may be the person's; `None` if it may be any, because the address was not verified or cannot
    /// be read.
    pub(crate) fn candidates(&self) -> Option<Vec<EmailAddress>> {
        match self.reason {
            UntrustedEmailReason::NotVerified | UntrustedEmailReason::NotAnAddress => return None,
            UntrustedEmailReason::OtherDomain | UntrustedEmailReason::Several => {}
        }
        let whole = self.count == self.sent.len() && !self.unreadable;
        let parsed = self.sent.iter().map(|one| EmailAddress::parse(one));
        parsed.collect::<Result<_, _>>().ok().filter(|_| whole)
    }
}

/// The address and the reason, as the end of a sentence.
impl fmt::Display for UntrustedEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        const SHOWN_CHARS: usize = 80;
        let quoted: Vec<String> = self
            .sent
            .iter()
            .take(SHOWN)
            .map(|one| format!("{:?}", text::one_line(one, SHOWN_CHARS)))
            .collect();
        let more = self.count.saturating_sub(quoted.len());
        f.write_str(&quoted.join(" and "))?;
        if more > 0 {
            write!(f, " and {more} more")?;
        }
        f.write_str(match self.reason {
            UntrustedEmailReason::NotVerified => {
                " is not trusted, because email_verified was sent with it and is not true"
            }
            UntrustedEmailReason::OtherDomain => {
                " is not trusted, because its domain is not among the domains of this identity provider"
            }
            UntrustedEmailReason::Several => {
                " are not trusted, because more than one address was sent and it is unknown which one is valid"
            }
            UntrustedEmailReason::NotAnAddress => {
                " is not trusted, because it is not an ASCII address such as name@example.com"
            }
        })
    }
}

/// Decides whether an address is trusted: a provider is authoritative only for the domains with which it is configured,
/// unless it sends `email_verified: false`. `Ok(None)` if no address was sent, or a blank one.
///
/// # Errors
/// [`UntrustedEmail`].
pub fn trusted_email(
    sent: &[String],
    verified: Option<bool>,
    domains: &[EmailDomain],
) -> Result<Option<EmailAddress>, UntrustedEmail> {
    let sent: Vec<String> = sent
        .iter()
        .filter(|one| !one.trim().is_empty())
        .cloned()
        .collect();
    let refused = |reason| Err(UntrustedEmail::new(reason, &sent));
    let [one] = sent.as_slice() else {
        return match sent.is_empty() {
            true => Ok(None),
            false => refused(UntrustedEmailReason::Several),
        };
    };
    match EmailAddress::parse(one) {
        Err(_) => refused(UntrustedEmailReason::NotAnAddress),
        Ok(_) if verified == Some(false) => refused(UntrustedEmailReason::NotVerified),
        Ok(address) if !domains.contains(&address.domain()) => {
            refused(UntrustedEmailReason::OtherDomain)
        }
        Ok(address) => Ok(Some(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        sent: &[&str],
        verified: Option<bool>,
        domains: &[&str],
    ) -> Result<Option<EmailAddress>, UntrustedEmail> {
        let sent: Vec<String> = sent.iter().map(|one| (*one).to_owned()).collect();
        let domains = domains.iter().map(|one| EmailDomain::parse(one).unwrap());
        trusted_email(&sent, verified, &domains.collect::<Vec<_>>())
    }

    fn may_be(sent: &[&str], verified: Option<bool>, address: &str) -> bool {
        let untrusted = judged(sent, verified, &["example.com"]).unwrap_err();
        let candidates = untrusted.candidates();
        candidates.is_none_or(|all| all.contains(&EmailAddress::parse(address).unwrap()))
    }

    #[test]
    fn provider_is_trusted_only_for_its_domains() {
        let reason = |sent: &[&str], verified, domains: &[&str]| {
            judged(sent, verified, domains).map_err(|e| e.reason())
        };
        let own = ["example.com"];
        assert!(reason(&["A@example.com"], None, &own).unwrap().is_some());
        assert!(
            reason(&["a@example.com"], Some(true), &own)
                .unwrap()
                .is_some()
        );
        for (sent, verified, domains, wanted) in [
            (
                &["a@example.com"][..],
                Some(false),
                &own[..],
                UntrustedEmailReason::NotVerified,
            ),
            (
                &["a@sub.example.com"],
                Some(true),
                &own,
                UntrustedEmailReason::OtherDomain,
            ),
            (
                &["a@example.com"],
                None,
                &[],
                UntrustedEmailReason::OtherDomain,
            ),
            (
                &["a@example.com", "b@example.com"],
                None,
                &own,
                UntrustedEmailReason::Several,
            ),
            (
                &["müller@example.com"],
                None,
                &own,
                UntrustedEmailReason::NotAnAddress,
            ),
            (
                &["müller@example.com"],
                Some(false),
                &own,
                UntrustedEmailReason::NotAnAddress,
            ),
        ] {
            assert_eq!(reason(sent, verified, domains), Err(wanted), "{sent:?}");
        }
        for nothing in [&[][..], &[""], &[" ", "\n"]] {
            assert_eq!(reason(nothing, Some(false), &own), Ok(None), "{nothing:?}");
        }
    }

    #[test]
    fn unreadable_address_may_be_any_address() {
        let mallory = "mallory@example.com";
        assert!(may_be(
            &["a@example.com", "Mallory@Example.com"],
            None,
            mallory
        ));
        assert!(!may_be(&["a@example.com", "b@example.com"], None, mallory));
        assert!(!may_be(&["a@other.example"], None, mallory));
        assert!(may_be(
            &["mallory@other.example"],
            None,
            "mallory@other.example"
        ));
        // The address was not verified, or cannot be read.
        assert!(may_be(&["a@example.com"], Some(false), mallory));
        assert!(may_be(&["Mallory <mallory@example.com>"], None, mallory));
        assert!(may_be(
            &["a@example.com", "müller@example.com"],
            None,
            mallory
        ));
        // Without its hidden character it would be the address of another person.
        for hidden in ["b\u{200b}ob@example.com", "bob@example.com\u{feff}"] {
            assert!(may_be(&[hidden], None, mallory), "{hidden:?}");
            assert!(may_be(&[hidden, "a@example.com"], None, mallory));
        }
        let many: Vec<String> = (0..100).map(|n| format!("a{n}@example.com")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(may_be(&many, None, mallory), "not all of them are kept");
    }

    /// A record without `unreadable`.
    #[test]
    fn earlier_record_is_read() {
        let record = |reason: &str| {
            let sent = r#"{"sent":["bob@example.com"],"count":1}"#;
            sent.replacen('{', &format!(r#"{{"why":"{reason}","#), 1)
        };
        let kept: UntrustedEmail = serde_json::from_str(&record("not_an_address")).unwrap();
        assert_eq!(kept.candidates(), None);
        let kept: UntrustedEmail = serde_json::from_str(&record("other_domain")).unwrap();
        assert_eq!(kept.candidates().map(|all| all.len()), Some(1));
    }

    #[test]
    fn reason_text_is_bounded() {
        let long = "ü".repeat(400);
        let many = vec![long.as_str(); 100];
        let untrusted = judged(&many, None, &[]).unwrap_err();
        let message = untrusted.to_string();
        assert!(
            message.contains("and 97 more are not trusted") && message.len() < 1_000,
            "{message}"
        );
        let record = serde_json::to_string(&untrusted).unwrap();
        assert!(record.len() < 16 * 1024, "{}", record.len());
        assert_eq!(
            serde_json::from_str::<UntrustedEmail>(&record).unwrap(),
            untrusted
        );
        let message = judged(&["a@example.com"], Some(false), &["example.com"]).unwrap_err();
        assert_eq!(
            message.to_string(),
            "\"a@example.com\" is not trusted, because email_verified was sent with it and is not true"
        );
    }
}
