//! Verifies a SAML response as the IAM User Guide describes: keys, issuer, audience, recipient, times and the attributes
//! that name the role ("Configure SAML assertions for the authentication response").
//!
//! Only the issuer is read before the signature is verified.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};

use super::error::{AwsError, ErrorCode};
use super::iam::SamlProvider;
use super::partition::Partition;
use super::tags::{SessionTags, parse_source_identity};
use super::wire::letters_digits;
use crate::saml::names::{BEARER, SUCCESS};
use crate::saml::signature;
use crate::xml::Element;

/// Prefix of the names of AWS's attributes.
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";
/// Maximum age of a response.
const REDEEMED_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// Permitted clock skew.
const SKEW: TimeDelta = TimeDelta::minutes(3);

/// Content of a verified response.
pub(super) struct Assertion {
    pub issuer: String,
    /// `NameID`.
    pub subject: String,
    /// Format of the `NameID`, without the prefix of SAML 2.0.
    pub subject_type: String,
    pub recipient: String,
    /// Role ARN and provider ARN of each value of the attribute `Role`.
    pub roles: Vec<(String, String)>,
    pub session_name: String,
    /// `SessionDuration`, in seconds.
    pub session_seconds: Option<u64>,
    /// `SessionNotOnOrAfter`.
    pub session_ends: Option<DateTime<Utc>>,
    pub tags: SessionTags,
    pub source_identity: Option<String>,
}

/// What a response is verified against, besides its provider.
#[derive(Clone, Copy)]
pub(super) struct Verifier<'a> {
    pub partition: Partition,
    /// A recipient may be at this host or at a sign-in host of the partition.
    pub own_host: &'a str,
    pub now: DateTime<Utc>,
}

impl Verifier<'_> {
    /// Verifies a response of `provider`.
    pub fn read(self, encoded: &str, provider: &SamlProvider) -> Result<Assertion, AwsError> {
        let now = self.now;
        let response = parse(encoded)?;
        if issuer_of(&response) != Some(provider.entity_id.as_str()) {
            return Err(AwsError::invalid_token(
                "Issuer not present in specified provider",
            ));
        }
        let assertion = verified(&response, provider)?;
        let status = response.at(&["Status", "StatusCode"]);
        if status.and_then(|code| code.attribute("Value")) != Some(SUCCESS) {
            return Err(invalid());
        }
        check_times(assertion, now)?;
        let recipient = self.recipient(assertion)?;
        if !audiences(assertion)
            .any(|audience| audience == self.partition.saml_audience() || audience == recipient)
        {
            return Err(AwsError::invalid_token(
                "Response does not contain the required audience",
            ));
        }
        let name_id = assertion
            .at(&["Subject", "NameID"])
            .ok_or_else(|| AwsError::invalid_token("NameID is required in AuthnResponse"))?;
        let format = name_id.attribute("Format").unwrap_or_default();
        let session_ends = assertion
            .find("AuthnStatement")
            .and_then(|statement| statement.attribute("SessionNotOnOrAfter"))
            .map(instant)
            .transpose()?;
        Ok(Assertion {
            issuer: provider.entity_id.clone(),
            subject: name_id.own_text(),
            subject_type: format
                .trim_start_matches("urn:oasis:names:tc:SAML:2.0:nameid-format:")
                .to_owned(),
            roles: roles(assertion)?,
            session_name: session_name(assertion)?,
            session_seconds: session_seconds(assertion)?,
            session_ends,
            tags: tags(assertion)?,
            source_identity: one(assertion, "SourceIdentity")?
                .map(|text| parse_source_identity(&text, self.partition))
                .transpose()?,
            recipient,
        })
    }

    /// The recipient of the bearer confirmation, which must be a sign-in endpoint.
    fn recipient(self, assertion: &Element) -> Result<String, AwsError> {
        let subject = assertion
            .find("Subject")
            .ok_or_else(|| AwsError::invalid_token("NameID is required in AuthnResponse"))?;
        let confirmations: Vec<&Element> = subject
            .elements()
            .filter(|element| element.local_name() == "SubjectConfirmation")
            .collect();
        let &[confirmation] = confirmations.as_slice() else {
            return Err(invalid());
        };
        let data = confirmation
            .find("SubjectConfirmationData")
            .filter(|_| confirmation.attribute("Method") == Some(BEARER))
            .ok_or_else(invalid)?;
        let ends = instant(data.attribute("NotOnOrAfter").ok_or_else(invalid)?)?;
        let recipient = data.attribute("Recipient").unwrap_or_default();
        let (host, path) = recipient
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'))
            .unwrap_or_default();
        let domain = self.partition.sign_in_domain();
        let region = host.strip_suffix(domain);
        let amazon = region.is_some_and(|region| region.is_empty() || region.ends_with('.'));
        if path != "saml" || !(host == self.own_host || amazon && recipient.starts_with("https://"))
        {
            return Err(AwsError::invalid_token(
                "The Recipient of the response is not a sign-in endpoint",
            ));
        }
        if self.now >= ends {
            return Err(AwsError::new(
                ErrorCode::ExpiredTokenException,
                "Token must be redeemed within 5 minutes of issuance",
            ));
        }
        Ok(recipient.to_owned())
    }
}

impl Assertion {
    /// Maximum session duration in seconds according to the response.
    pub fn max_seconds(&self, now: DateTime<Utc>) -> Option<u64> {
        let by_end = self
            .session_ends
            .map(|end| u64::try_from((end - now).num_seconds()).unwrap_or(0));
        self.session_seconds.into_iter().chain(by_end).min()
    }
}

/// The provider ARNs in the attribute `Role` of an unverified response.
pub(super) fn claimed_providers(encoded: &str) -> Vec<String> {
    let roles = parse(encoded)
        .ok()
        .and_then(|response| roles(response.find("Assertion")?).ok());
    let roles = roles.unwrap_or_default();
    roles.into_iter().map(|(_, provider)| provider).collect()
}

fn invalid() -> AwsError {
    AwsError::invalid_token("Your request included an invalid SAML response")
}

fn parse(encoded: &str) -> Result<Element, AwsError> {
    let document = STANDARD.decode(encoded).map_err(|_| invalid())?;
    let text = String::from_utf8(document).map_err(|_| invalid())?;
    let response = Element::parse(&text).map_err(|_| invalid())?;
    match response.local_name() {
        "Response" => Ok(response),
        _ => Err(invalid()),
    }
}

fn issuer_of(response: &Element) -> Option<&str> {
    match response.find("Issuer")?.children.as_slice() {
        [crate::xml::Node::Text(text)] => Some(text),
        _ => None,
    }
}

/// Returns the assertion if there is at least one signature and all signatures are the provider's.
fn verified<'r>(response: &'r Element, provider: &SamlProvider) -> Result<&'r Element, AwsError> {
    let assertions: Vec<&Element> = response
        .elements()
        .filter(|element| element.local_name() == "Assertion")
        .collect();
    let &[assertion] = assertions.as_slice() else {
        return Err(invalid());
    };
    let layers: [(&Element, &[&Element]); 2] = [(response, &[]), (assertion, &[response])];
    let signed = layers
        .into_iter()
        .filter(|(element, _)| element.find("Signature").is_some());
    let mut count = 0;
    for (element, ancestors) in signed {
        count += 1;
        if let Err(error) = signature::verify(element, ancestors, &provider.certificates) {
            tracing::debug!(%error, "signature verification failed");
            return Err(AwsError::invalid_token("Response signature invalid"));
        }
    }
    match count {
        0 => Err(AwsError::invalid_token("Response signature invalid")),
        _ => Ok(assertion),
    }
}

fn instant(text: &str) -> Result<DateTime<Utc>, AwsError> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| invalid())
}

fn check_times(assertion: &Element, now: DateTime<Utc>) -> Result<(), AwsError> {
    let expired = || {
        AwsError::new(
            ErrorCode::ExpiredTokenException,
            "Token must be redeemed within 5 minutes of issuance",
        )
    };
    let time = |element: Option<&Element>, name: &str| {
        let text = element.and_then(|element| element.attribute(name));
        text.map(instant).transpose()
    };
    let issued = time(Some(assertion), "IssueInstant")?.ok_or_else(invalid)?;
    if now >= issued + REDEEMED_WITHIN {
        return Err(expired());
    }
    let conditions = assertion.find("Conditions");
    if time(conditions, "NotOnOrAfter")?.is_some_and(|end| now >= end) {
        return Err(expired());
    }
    let early = |from: DateTime<Utc>| now < from - SKEW;
    if early(issued) || time(conditions, "NotBefore")?.is_some_and(early) {
        return Err(AwsError::invalid_token("The response is not valid yet"));
    }
    Ok(())
}

fn audiences(assertion: &Element) -> impl Iterator<Item = String> {
    let conditions = assertion.find("Conditions").into_iter();
    conditions
        .flat_map(Element::elements)
        .filter(|element| element.local_name() == "AudienceRestriction")
        .flat_map(Element::elements)
        .map(Element::own_text)
}

/// All attributes with their values.
fn attributes(assertion: &Element) -> impl Iterator<Item = (&str, Vec<String>)> {
    assertion
        .elements()
        .filter(|element| element.local_name() == "AttributeStatement")
        .flat_map(Element::elements)
        .filter_map(|attribute| {
            let values = attribute.elements().map(Element::own_text).collect();
            Some((
                attribute.attribute("Name")?.strip_prefix(ATTRIBUTES)?,
                values,
            ))
        })
}

/// The value of an attribute that may have only one.
fn one(assertion: &Element, name: &str) -> Result<Option<String>, AwsError> {
    let mut found = attributes(assertion).filter(|(known, _)| *known == name);
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some((_, mut values)), None) if values.len() == 1 => Ok(values.pop()),
        _ => Err(AwsError::invalid_token(format!(
            "{name} in AuthnResponse must have one value"
        ))),
    }
}

fn roles(assertion: &Element) -> Result<Vec<(String, String)>, AwsError> {
    let values = attributes(assertion).filter(|(name, _)| *name == "Role");
    let pairs = values.flat_map(|(_, values)| values).map(|value| {
        let (one, other) = value.split_once(',').ok_or_else(invalid)?;
        let (one, other) = (one.trim().to_owned(), other.trim().to_owned());
        // The role and the provider may be in either order.
        let pair = if one.contains(":saml-provider/") {
            (other, one)
        } else {
            (one, other)
        };
        let valid = pair.0.contains(":role/") && pair.1.contains(":saml-provider/");
        valid.then_some(pair).ok_or_else(invalid)
    });
    let pairs = pairs.collect::<Result<Vec<_>, AwsError>>()?;
    if pairs.is_empty() {
        return Err(invalid());
    }
    Ok(pairs)
}

fn session_name(assertion: &Element) -> Result<String, AwsError> {
    let name = one(assertion, "RoleSessionName")?
        .ok_or_else(|| AwsError::invalid_token("RoleSessionName is required in AuthnResponse"))?;
    if (2..=64).contains(&name.len()) && letters_digits(&name, "_+=,.@-") {
        return Ok(name);
    }
    Err(AwsError::invalid_token(
        "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}",
    ))
}

fn session_seconds(assertion: &Element) -> Result<Option<u64>, AwsError> {
    let Some(text) = one(assertion, "SessionDuration")? else {
        return Ok(None);
    };
    let seconds = text.parse().ok();
    match seconds.filter(|seconds| (900..=43_200).contains(seconds)) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(AwsError::invalid_token(
            "SessionDuration in AuthnResponse must be between 900 and 43200",
        )),
    }
}

fn tags(assertion: &Element) -> Result<SessionTags, AwsError> {
    let mut found = SessionTags::default();
    for (name, mut values) in attributes(assertion) {
        if name == "TransitiveTagKeys" {
            found.transitive.append(&mut values);
        } else if let Some(key) = name.strip_prefix("PrincipalTag:") {
            match values.as_slice() {
                [value] => found.tags.push((key.to_owned(), value.clone())),
                _ => {
                    return Err(AwsError::invalid_token(format!(
                        "{name} in AuthnResponse must have one value"
                    )));
                }
            }
        }
    }
    found.check()?;
    Ok(found)
}
