//! RegisterClient of sso-oidc: anybody may register, and nothing is kept of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::limits;
use crate::base::secret::ClientSecret;
use crate::clients::{
    ClientId, Clients, InvalidRegistration, RegisteredClient, Registration, RegistrationForm,
    StartUrls, secret_of,
};

/// A registration.
#[derive(Clone, Debug)]
pub struct IssuedRegistration {
    /// `clientId`
    pub id: ClientId,
    /// `clientSecret`
    pub secret: ClientSecret,
    /// What the id stands for.
    pub client: RegisteredClient,
}

impl Clients {
    /// What AWS's clients call this installation.
    pub fn start_urls(&self) -> &StartUrls {
        &self.start_urls
    }

    /// Registers a client for [`limits::REGISTRATION_LIFE`]. It is not stored: the id carries it, under our stamp.
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
