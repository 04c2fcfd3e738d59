//! Registered clients, such as the AWS CLI (RegisterClient of sso-oidc, RFC 7591).
//!
//! Anyone can register, so no statement of a client is trusted: its name is displayed as unverified, and its secret
//! only proves that it belongs to the ID. The ID contains the registration with an HMAC, so registrations are not
//! stored: they survive the loss of the store and cannot fill it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rolecall_wire::sso_oidc::grant;
use serde::{Deserialize, Serialize};

use crate::base::secret::{ClientSecret, SecretDigest};
use crate::base::text_newtype;
use crate::clients::Registration;
use crate::record::SealingKeys;

const ID_PURPOSE: &str = "rolecall/client-id/v1";
const SECRET_PURPOSE: &str = "rolecall/client-secret/v1";

/// The grant types of token requests (`grant_type`, RFC 6749 and RFC 8628 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantType {
    /// `authorization_code` (RFC 6749 4.1).
    #[serde(rename = "c")]
    AuthorizationCode,
    /// `urn:ietf:params:oauth:grant-type:device_code`
    #[serde(rename = "d")]
    DeviceCode,
    /// `refresh_token` (RFC 6749 6).
    #[serde(rename = "r")]
    RefreshToken,
}

impl GrantType {
    /// All grant types.
    pub const ALL: [Self; 3] = [
        Self::AuthorizationCode,
        Self::DeviceCode,
        Self::RefreshToken,
    ];

    /// The value of `grant_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => grant::AUTHORIZATION_CODE,
            Self::DeviceCode => grant::DEVICE_CODE,
            Self::RefreshToken => grant::REFRESH_TOKEN,
        }
    }

    /// The grant type with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

text_newtype!(
    /// `client_id`: a registration and its HMAC. Its length is limited by that of a return path.
    ClientId,
    InvalidClientId,
    "a client id is up to 1280 characters of base64url, with one dot",
    |text| (1..=crate::base::limits::CLIENT_ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
);

/// A registered client, as contained in its ID. Member names are short, because the ID is part of URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredClient {
    /// The registered metadata.
    #[serde(flatten)]
    pub registration: Registration,
    /// Time of registration.
    #[serde(rename = "i", with = "chrono::serde::ts_seconds")]
    pub issued_at: DateTime<Utc>,
    /// End of the registration.
    #[serde(rename = "e", with = "chrono::serde::ts_seconds")]
    pub expires_at: DateTime<Utc>,
    /// Distinguishes registrations with equal metadata.
    #[serde(rename = "j")]
    pub nonce: String,
}

impl RegisteredClient {
    /// The ID of the client, with an HMAC of these keys.
    ///
    /// # Errors
    /// The metadata does not fit into an ID.
    pub fn id(&self, keys: &SealingKeys) -> Result<ClientId, InvalidClientId> {
        let json = serde_json::to_vec(self).map_err(|_| InvalidClientId)?;
        let body = URL_SAFE_NO_PAD.encode(json);
        let mac = keys.mac(ID_PURPOSE, &body);
        ClientId::parse(&format!("{body}.{mac}"))
    }

    /// The client with this ID, if the HMAC is valid and the registration has not expired.
    pub fn open(id: &ClientId, keys: &SealingKeys, now: DateTime<Utc>) -> Option<Self> {
        let (body, mac) = id.as_str().split_once('.')?;
        if !keys.verify_mac(ID_PURPOSE, body, mac) {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(body).ok()?;
        let client: Self = serde_json::from_slice(&json).ok()?;
        (now < client.expires_at).then_some(client)
    }

    /// Whether it gets a refresh token. A profile without `[sso-session]` registers no scope, and its client does not
    /// keep refresh tokens.
    pub fn renews(&self) -> bool {
        let Registration {
            scopes,
            grant_types,
            ..
        } = &self.registration;
        match grant_types.is_empty() {
            true => !scopes.is_empty(),
            false => grant_types.contains(&GrantType::RefreshToken),
        }
    }

    /// Whether it may use this grant type. A client that registered none may use all.
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        let named = &self.registration.grant_types;
        named.is_empty() || named.contains(&grant_type)
    }
}

/// Key of a client in records, in place of the ID.
pub fn client_key(id: &ClientId) -> SecretDigest {
    SecretDigest::of("rolecall/client/v1", &[id.as_str().as_bytes()])
}

/// The secret of this ID.
pub fn secret_of(id: &ClientId, keys: &SealingKeys) -> ClientSecret {
    ClientSecret::new(keys.mac(SECRET_PURPOSE, id.as_str()))
}

/// Whether this is the secret of the ID; in constant time.
pub fn is_secret_of(id: &ClientId, secret: &ClientSecret, keys: &SealingKeys) -> bool {
    keys.verify_mac(SECRET_PURPOSE, id.as_str(), secret.expose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::RegistrationForm;
    use chrono::TimeDelta;

    fn client() -> RegisteredClient {
        let form = RegistrationForm {
            client_name: "botocore-client-rc".to_owned(),
            client_type: "public".to_owned(),
            scopes: vec!["sso:account:access".to_owned()],
            grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            redirect_uris: vec!["http://127.0.0.1/oauth/callback".to_owned()],
            issuer_url: Some("https://rolecall-0123456789abcdef.awsapps.com/start".to_owned()),
        };
        RegisteredClient {
            registration: Registration::parse(form).unwrap(),
            issued_at: DateTime::UNIX_EPOCH,
            expires_at: DateTime::UNIX_EPOCH + TimeDelta::days(90),
            nonce: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        }
    }

    #[test]
    fn client_id_contains_registration_until_expiry() {
        let (keys, client) = (SealingKeys::new(&[7; 32], &[]), client());
        let id = client.id(&keys).unwrap();
        assert!(id.as_str().len() < 512, "{} characters", id.as_str().len());
        let end = client.expires_at;
        let second = TimeDelta::seconds(1);
        assert_eq!(
            RegisteredClient::open(&id, &keys, end - second),
            Some(client)
        );
        assert_eq!(RegisteredClient::open(&id, &keys, end), None);
    }

    #[test]
    fn forged_client_id_and_secret_are_rejected() {
        let (keys, now) = (SealingKeys::new(&[7; 32], &[]), DateTime::UNIX_EPOCH);
        let id = client().id(&keys).unwrap();
        let secret = secret_of(&id, &keys);
        assert!(is_secret_of(&id, &secret, &keys));
        let foreign = SealingKeys::new(&[8; 32], &[]);
        assert_eq!(RegisteredClient::open(&id, &foreign, now), None);
        assert!(!is_secret_of(&id, &secret, &foreign));
        for at in 0..id.as_str().len() {
            let mut bytes = id.as_str().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = ClientId::parse(std::str::from_utf8(&bytes).unwrap()).unwrap();
            let opened = RegisteredClient::open(&changed, &keys, now);
            // The last character of base64url has unused bits: other encodings of the same bytes are rejected as well.
            assert_eq!(opened, None, "character {at}");
        }
        let rotated = SealingKeys::new(&[9; 32], &[[7; 32]]);
        assert!(RegisteredClient::open(&id, &rotated, now).is_some());
        assert!(is_secret_of(&id, &secret, &rotated));
    }

    #[test]
    fn grant_types_are_parsed_by_name() {
        for grant_type in GrantType::ALL {
            assert_eq!(GrantType::parse(grant_type.as_str()), Some(grant_type));
        }
        assert_eq!(GrantType::parse("password"), None);
        assert_eq!(GrantType::parse("AUTHORIZATION_CODE"), None);
    }
}
