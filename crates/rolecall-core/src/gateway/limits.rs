//! Rate limits at the verbs: who is counted where.

use crate::aws_login::LoginCode;
use crate::identity::Identity;
use crate::port::StoreError;
use crate::rate_limit::{
    AddressPlaces, DEVICE_AUTHORIZATIONS, LimitExceeded, LimitName, Place, RateLimit,
    RateLimitError, SAML_RESPONSES,
};
use crate::record::Seen;
use crate::secret::{AuthorizationCode, RefreshToken, SecretDigest, SessionSecret};
use crate::session::Session;

use super::{Gateway, LoginError, RequestContext};

/// What a request to the token endpoint of `aws login` shows.
#[derive(Clone, Copy, Debug)]
pub enum LoginShown<'a> {
    /// `code`
    Code(&'a AuthorizationCode),
    /// `refreshToken`
    Refresh(&'a RefreshToken),
}

impl Gateway {
    /// Takes a place for a sign-in that begins: the address's, or where it has none left, one of the live session that
    /// the browser shows. What comes back is to be kept until the sign-in is completed.
    pub(super) async fn admit_sign_in(
        &self,
        context: &RequestContext,
        session: Option<&SessionSecret>,
    ) -> Result<Option<AddressPlaces>, RateLimitError> {
        let rate = self.world.limits.sign_in;
        let address = context.origin.address;
        let taken = self
            .rates
            .take_for_address(LimitName::SignIn, rate, address)
            .await;
        let exceeded = match taken {
            Ok(taken) => return Ok(Some(taken)),
            Err(RateLimitError::Exceeded(exceeded)) => exceeded,
            Err(error @ RateLimitError::Unavailable(_)) => return Err(error),
        };
        let live = match session {
            Some(secret) => self.session(secret).await?,
            None => None,
        };
        let session = live.ok_or(exceeded)?;
        let place = Place::new(LimitName::SignIn, rate, &session.id.to_string());
        self.rates.take(&[place]).await?;
        Ok(None)
    }

    /// Gives the places of a sign-in back that could not begin.
    pub(super) async fn give_sign_in_back(&self, begun: Option<&AddressPlaces>) {
        let Some(taken) = begun else {
            return;
        };
        let (limit, rate) = (LimitName::SignIn, self.world.limits.sign_in);
        // A place that is not given back is free again when its window ends.
        match self.rates.give_back_for_address(limit, rate, taken).await {
            Ok(()) | Err(_) => {}
        }
    }

    /// Gives the places of a sign-in back that was completed, and remembers its address.
    pub(super) async fn sign_in_completed(&self, begun: Option<&AddressPlaces>) {
        let Some(taken) = begun else {
            return;
        };
        let (limit, rate) = (LimitName::SignIn, self.world.limits.sign_in);
        // As above; the address is remembered the next time.
        match self.rates.complete_for_address(limit, rate, taken).await {
            Ok(()) | Err(_) => {}
        }
    }

    /// Takes one of the few SAML responses that are verified for the sign-in of this `state`.
    pub(super) async fn admit_response(&self, state: SecretDigest) -> Result<(), RateLimitError> {
        let bucket = state.to_string();
        let place = Place::new(LimitName::SamlResponses, SAML_RESPONSES, &bucket);
        self.rates.take(&[place]).await.map(drop)
    }

    /// Gives the place back of a response that could not be verified for want of the provider or the store.
    pub(super) async fn give_response_back(&self, state: SecretDigest) {
        let bucket = state.to_string();
        let place = Place::new(LimitName::SamlResponses, SAML_RESPONSES, &bucket);
        // One that is not given back is one response less.
        match self.rates.give_back(&[place]).await {
            Ok(()) | Err(_) => {}
        }
    }

    /// Takes a place for [`Gateway::register_client`], which needs no store: where that does not answer, nothing is
    /// counted.
    ///
    /// # Errors
    /// [`LimitExceeded`].
    pub async fn admit_registration(&self, context: &RequestContext) -> Result<(), LimitExceeded> {
        let (rate, address) = (self.world.limits.register, context.origin.address);
        let taken = self
            .rates
            .take_for_address(LimitName::Register, rate, address);
        unless_exceeded(taken.await.map(drop))
    }

    /// Takes a place for a device authorization.
    pub(super) async fn admit_device_authorization(
        &self,
        context: &RequestContext,
    ) -> Result<(), RateLimitError> {
        let (limit, address) = (LimitName::DeviceAuthorization, context.origin.address);
        self.rates
            .take_for_address(limit, DEVICE_AUTHORIZATIONS, address)
            .await
            .map(drop)
    }

    /// Takes a place for credentials of this person and, where STS will be asked, one of the account's and Region's. Where
    /// the store does not answer nothing is counted: who got here has a session.
    pub(super) async fn admit_issue(
        &self,
        identity: &Identity,
        sts: Option<&str>,
    ) -> Result<(), LimitExceeded> {
        let limits = &self.world.limits;
        let person = identity.key().to_string();
        let mut places = vec![Place::new(
            LimitName::Credentials,
            limits.credentials,
            &person,
        )];
        places.extend(sts.map(|bucket| Place::new(LimitName::StsRate, limits.sts_rate, bucket)));
        unless_exceeded(self.rates.take(&places).await.map(drop))
    }

    /// The places of user codes that are typed in this session: its own, and its person's.
    pub(super) fn user_code_places(&self, session: &Session) -> [Place; 2] {
        let place = |max, bucket: String| {
            let rate = RateLimit::new(max, crate::limits::WRONG_CODES_WINDOW);
            Place::new(LimitName::UserCodes, rate, &bucket)
        };
        [
            place(
                crate::limits::WRONG_CODES_PER_SESSION_MAX,
                session.id.to_string(),
            ),
            place(
                crate::limits::WRONG_CODES_PER_PERSON_MAX,
                session.identity.key().to_string(),
            ),
        ]
    }

    /// Refuses a request to the token endpoint of `aws login`, before its proof is verified, when its address has had too
    /// many refusals and what it shows is not live.
    ///
    /// # Errors
    /// [`LoginError::RateLimited`], [`LoginError::Unavailable`].
    pub async fn check_login(
        &self,
        context: &RequestContext,
        shown: LoginShown<'_>,
    ) -> Result<(), LoginError> {
        match self.too_many_refusals(context, LimitName::Failures) {
            Some(exceeded) if !self.is_live_login(shown).await? => Err(exceeded.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts a refusal at the token endpoint of `aws login` where what was shown is not live; the error to answer with.
    pub async fn login_refused(
        &self,
        context: &RequestContext,
        shown: LoginShown<'_>,
        error: LoginError,
    ) -> LoginError {
        let counts = match &error {
            LoginError::Proof(_)
            | LoginError::CodeSpent
            | LoginError::OtherRequest
            | LoginError::SessionOver => self.is_live_login(shown).await.is_ok_and(|live| !live),
            LoginError::Issue(_) | LoginError::RateLimited(_) | LoginError::Unavailable(_) => false,
        };
        match counts {
            true => self
                .count_refusal(context, LimitName::Failures)
                .await
                .map_or(error, LoginError::RateLimited),
            false => error,
        }
    }

    async fn is_live_login(&self, shown: LoginShown<'_>) -> Result<bool, StoreError> {
        match shown {
            LoginShown::Code(code) => {
                let seen: Option<Seen<LoginCode>> = self.world.records.get(code.digest()).await?;
                Ok(seen.is_some())
            }
            LoginShown::Refresh(token) => match token.handle() {
                Some(handle) => Ok(self.live_client_session(handle).await?.is_some()),
                None => Ok(false),
            },
        }
    }
}

fn unless_exceeded(taken: Result<(), RateLimitError>) -> Result<(), LimitExceeded> {
    match taken {
        Err(RateLimitError::Exceeded(exceeded)) => Err(exceeded),
        Ok(()) | Err(RateLimitError::Unavailable(_)) => Ok(()),
    }
}
