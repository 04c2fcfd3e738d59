//! RegisterClient of sso-oidc. Anyone can register, and nothing is stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::limits;
use crate::base::secret::ClientSecret;
use crate::clients::{
    ClientId, Clients, InvalidRegistration, RegisteredClient, Registration, RegistrationForm,
    StartUrls, secret_of,
};

/// The response to a registration.
#[derive(Clone, Debug)]
pub struct IssuedRegistration {
    /// `clientId`
    pub id: ClientId,
    /// `clientSecret`
    pub secret: ClientSecret,
    /// The registered client.
    pub client: RegisteredClient,
}

impl Clients {
    /// The start URLs of this installation.
    pub fn start_urls(&self) -> &StartUrls {
        &self.start_urls
    }

    /// Registers a client for [`limits::REGISTRATION_LIFE`]. The registration is not stored: the ID contains it with an
    /// HMAC.
    ///
    /// # Errors
    /// [`InvalidRegistration`].
    pub fn register_client(
        &self,
        form: RegistrationForm,
    ) -> Result<IssuedRegistration, InvalidRegistration> {
        let now = self.clock.now();
        let mut nonce = [0; 16];
        self.entropy.fill(&mut nonce);
        let registration = Registration::parse(form)?;
        if let Some(url) = &registration.issuer_url {
            self.start_urls.check(url)?;
        }
        let client = RegisteredClient {
            registration,
            issued_at: now,
            expires_at: now + limits::REGISTRATION_LIFE,
            nonce: URL_SAFE_NO_PAD.encode(nonce),
        };
        let keys = self.records.keys();
        let id = client.id(keys).map_err(|_| InvalidRegistration::TooLarge)?;
        let secret = secret_of(&id, keys);
        Ok(IssuedRegistration { id, secret, client })
    }
}
