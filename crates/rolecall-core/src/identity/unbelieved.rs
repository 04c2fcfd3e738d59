//! An e-mail address that a provider sent and that is not believed: kept with the reason, since a deny must not miss the
//! person for it, and since the person and the operator want to know.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EmailAddress, EmailDomain};
use crate::base::{limits, text};

/// Why an address that was sent is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disbelief {
    /// `email_verified` was sent and is not true (OIDC Core 5.1).
    NotVerified,
    /// The provider is not configured for the address's domain.
    OtherDomain,
    /// More than one address was sent.
    Several,
    /// It is no address; see [`EmailAddress::parse`].
    NotAnAddress,
}

/// What a provider sent as the person's e-mail address, and why it is not believed. It never grants anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnbelievedEmail {
    why: Disbelief,
    /// As sent: at most [`limits::UNBELIEVED_EMAILS_MAX`], each as one line of [`limits::EMAIL_BYTES_MAX`] characters.
    sent: Vec<String>,
    /// How many were sent.
    count: usize,
    /// Whether one of them is no address as it was sent; what is kept of it may read as one.
    #[serde(default)]
    unreadable: bool,
}

impl UnbelievedEmail {
    fn new(why: Disbelief, sent: &[String]) -> Self {
        let kept = sent.iter().take(limits::UNBELIEVED_EMAILS_MAX);
        Self {
            why,
            sent: kept
                .map(|one| text::one_line(one, limits::EMAIL_BYTES_MAX))
                .collect(),
            count: sent.len(),
            unreadable: sent.iter().any(|one| EmailAddress::parse(one).is_err()),
        }
    }

    /// Why.
    pub fn why(&self) -> Disbelief {
        self.why
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.why {
            Disbelief::NotVerified => {
                "verify the address at your identity provider, or ask its administrators to send email_verified as true"
            }
            Disbelief::OtherDomain => {
                "ask the administrators of Rolecall whether this provider may be believed about that domain (its key domains)"
            }
            Disbelief::Several => {
                "ask the administrators of your identity provider to send one address, or Rolecall's to read another claim (claims.email)"
            }
            Disbelief::NotAnAddress => {
                "ask the administrators of Rolecall to read another claim (claims.email), or to use {subject} in place of {email}"
            }
        }
    }

    /// The addresses that may be the person's; none when it may be any, since what was sent was not verified or cannot be
    /// read.
    pub(crate) fn candidates(&self) -> Option<Vec<EmailAddress>> {
        match self.why {
            Disbelief::NotVerified | Disbelief::NotAnAddress => return None,
            Disbelief::OtherDomain | Disbelief::Several => {}
        }
        let whole = self.count == self.sent.len() && !self.unreadable;
        let parsed = self.sent.iter().map(|one| EmailAddress::parse(one));
        parsed.collect::<Result<_, _>>().ok().filter(|_| whole)
    }
}

/// Says which address is not believed, and why.
impl fmt::Display for UnbelievedEmail {
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
        f.write_str(match self.why {
            Disbelief::NotVerified => {
                " is not believed, because email_verified was sent with it and is not true"
            }
            Disbelief::OtherDomain => {
                " is not believed, because its domain is not among the domains of this identity provider"
            }
            Disbelief::Several => {
                " are not believed, because more than one address was sent and it is not known which one is meant"
            }
            Disbelief::NotAnAddress => {
                " is not believed, because it is not an ASCII address such as name@example.com"
            }
        })
    }
}

/// Decides whether an address is believed: a provider is authoritative for the domains it is configured with and for
/// no others, and not even there when it says `email_verified: false`. Without an address, or with a blank one, there is
/// nothing to believe.
///
/// # Errors
/// [`UnbelievedEmail`].
pub fn believed_email(
    sent: &[String],
    verified: Option<bool>,
    domains: &[EmailDomain],
) -> Result<Option<EmailAddress>, UnbelievedEmail> {
    let sent: Vec<String> = sent
        .iter()
        .filter(|one| !one.trim().is_empty())
        .cloned()
        .collect();
    let refused = |why| Err(UnbelievedEmail::new(why, &sent));
    let [one] = sent.as_slice() else {
        return match sent.is_empty() {
            true => Ok(None),
            false => refused(Disbelief::Several),
        };
    };
    match EmailAddress::parse(one) {
        Err(_) => refused(Disbelief::NotAnAddress),
        Ok(_) if verified == Some(false) => refused(Disbelief::NotVerified),
        Ok(address) if !domains.contains(&address.domain()) => refused(Disbelief::OtherDomain),
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
    ) -> Result<Option<EmailAddress>, UnbelievedEmail> {
        let sent: Vec<String> = sent.iter().map(|one| (*one).to_owned()).collect();
        let domains = domains.iter().map(|one| EmailDomain::parse(one).unwrap());
        believed_email(&sent, verified, &domains.collect::<Vec<_>>())
    }

    fn may_be(sent: &[&str], verified: Option<bool>, address: &str) -> bool {
        let unbelieved = judged(sent, verified, &["example.com"]).unwrap_err();
        let candidates = unbelieved.candidates();
        candidates.is_none_or(|all| all.contains(&EmailAddress::parse(address).unwrap()))
    }

    #[test]
    fn a_provider_is_believed_about_its_domains_only() {
        let why = |sent: &[&str], verified, domains: &[&str]| {
            judged(sent, verified, domains).map_err(|e| e.why())
        };
        let own = ["example.com"];
        assert!(why(&["A@example.com"], None, &own).unwrap().is_some());
        assert!(why(&["a@example.com"], Some(true), &own).unwrap().is_some());
        for (sent, verified, domains, wanted) in [
            (
                &["a@example.com"][..],
                Some(false),
                &own[..],
                Disbelief::NotVerified,
            ),
            (
                &["a@sub.example.com"],
                Some(true),
                &own,
                Disbelief::OtherDomain,
            ),
            (&["a@example.com"], None, &[], Disbelief::OtherDomain),
            (
                &["a@example.com", "b@example.com"],
                None,
                &own,
                Disbelief::Several,
            ),
            (&["müller@example.com"], None, &own, Disbelief::NotAnAddress),
            (
                &["müller@example.com"],
                Some(false),
                &own,
                Disbelief::NotAnAddress,
            ),
        ] {
            assert_eq!(why(sent, verified, domains), Err(wanted), "{sent:?}");
        }
        for nothing in [&[][..], &[""], &[" ", "\n"]] {
            assert_eq!(why(nothing, Some(false), &own), Ok(None), "{nothing:?}");
        }
    }

    #[test]
    fn whose_address_it_may_be_is_presumed_where_it_cannot_be_read() {
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
        // Nobody vouches for what was sent, or nobody can read it.
        assert!(may_be(&["a@example.com"], Some(false), mallory));
        assert!(may_be(&["Mallory <mallory@example.com>"], None, mallory));
        assert!(may_be(
            &["a@example.com", "müller@example.com"],
            None,
            mallory
        ));
        // Without its hidden character it would be somebody else's address.
        for hidden in ["b\u{200b}ob@example.com", "bob@example.com\u{feff}"] {
            assert!(may_be(&[hidden], None, mallory), "{hidden:?}");
            assert!(may_be(&[hidden, "a@example.com"], None, mallory));
        }
        let many: Vec<String> = (0..100).map(|n| format!("a{n}@example.com")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(may_be(&many, None, mallory), "not all of them are kept");
    }

    /// As it was kept before `unreadable` was.
    #[test]
    fn a_record_of_before_is_read() {
        let record = |why: &str| {
            let sent = r#"{"sent":["bob@example.com"],"count":1}"#;
            sent.replacen('{', &format!(r#"{{"why":"{why}","#), 1)
        };
        let kept: UnbelievedEmail = serde_json::from_str(&record("not_an_address")).unwrap();
        assert_eq!(kept.candidates(), None);
        let kept: UnbelievedEmail = serde_json::from_str(&record("other_domain")).unwrap();
        assert_eq!(kept.candidates().map(|all| all.len()), Some(1));
    }

    #[test]
    fn the_reason_is_told_within_bounds() {
        let long = "ü".repeat(400);
        let many = vec![long.as_str(); 100];
        let unbelieved = judged(&many, None, &[]).unwrap_err();
        let told = unbelieved.to_string();
        assert!(
            told.contains("and 97 more are not believed") && told.len() < 1_000,
            "{told}"
        );
        let record = serde_json::to_string(&unbelieved).unwrap();
        assert!(record.len() < 16 * 1024, "{}", record.len());
        assert_eq!(
            serde_json::from_str::<UnbelievedEmail>(&record).unwrap(),
            unbelieved
        );
        let told = judged(&["a@example.com"], Some(false), &["example.com"]).unwrap_err();
        assert_eq!(
            told.to_string(),
            "\"a@example.com\" is not believed, because email_verified was sent with it and is not true"
        );
    }
}
