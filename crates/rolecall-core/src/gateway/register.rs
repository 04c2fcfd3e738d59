//! RegisterClient of sso-oidc: anybody may register, and nothing is kept of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::client::{
    ClientId, InvalidRegistration, RegisteredClient, Registration, RegistrationForm, secret_of,
};
use crate::limits;
use crate::secret::ClientSecret;
use crate::start_url::StartUrls;

use super::Gateway;

/// A registration.
#[derive(Clone, Debug)]
pub struct Registered {
    /// `clientId`
    pub id: ClientId,
    /// `clientSecret`
    pub secret: ClientSecret,
    /// What the id stands for.
    pub client: RegisteredClient,
}

impl Gateway {
    /// What AWS's clients call this installation.
    pub fn start_urls(&self) -> &StartUrls {
        &self.world.start_urls
    }

    /// Registers a client for [`limits::REGISTRATION_LIFE`]. It is not stored: the id carries it, under our stamp.
    ///
    /// # Errors
    /// [`InvalidRegistration`].
    pub fn register_client(
        &self,
        form: RegistrationForm,
    ) -> Result<Registered, InvalidRegistration> {
        let now = self.world.clock.now();
        let mut nonce = [0; 16];
        self.world.entropy.fill(&mut nonce);
        let registration = Registration::parse(form)?;
        if let Some(url) = &registration.issuer_url {
            self.world.start_urls.check(url)?;
        }
        let client = RegisteredClient {
            registration,
            issued_at: now,
            expires_at: now + limits::REGISTRATION_LIFE,
            nonce: URL_SAFE_NO_PAD.encode(nonce),
        };
        let keys = self.world.records.keys();
        let id = client.id(keys).map_err(|_| InvalidRegistration::TooLarge)?;
        let secret = secret_of(&id, keys);
        Ok(Registered { id, secret, client })
    }
}
