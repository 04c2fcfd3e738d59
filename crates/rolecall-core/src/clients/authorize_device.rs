//! StartDeviceAuthorization of sso-oidc (RFC 8628), and the consent of the person: the code is looked up, compared,
//! entered and decided. A wrong code is counted before it is looked up, so parallel guesses are limited as well.

use chrono::TimeDelta;

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::{DeviceCode, SecretDigest, random_token};
use crate::caller::Flow;
use crate::clients::decide::{PendingDecision, pending_device};
use crate::clients::{
    ClientId, Clients, ConsentChoice, ConsentError, ConsentRequest, DeviceAuthorization,
    RegisteredClient, Requester, StartUrlMismatch, UserCode, UserCodeEntry, client_key,
};
use crate::identity::AuthTime;
use crate::record::rate_limit::{LimitExceeded, LimitName, RateLimitError, RateLimitSlot};
use crate::record::{StoreError, VersionedRecord};
use crate::session::Session;

/// Number of attempts to find a free user code.
const USER_CODE_TRIES: usize = 8;

/// The response to a device authorization request (RFC 8628 3.2).
#[derive(Debug)]
pub struct StartedDeviceAuthorization {
    /// `device_code` (RFC 8628 3.2), with which the client polls.
    pub device_code: DeviceCode,
    /// `user_code`, which the person enters in the browser.
    pub user_code: UserCode,
    /// `expires_in`: lifetime of both codes.
    pub expires_in: TimeDelta,
    /// `interval`: minimum time between polls.
    pub interval: TimeDelta,
}

/// Why a device authorization was not started.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The device flow is disabled.
    #[error(
        "the device flow is disabled: sign in with a browser on the same machine, as `aws sso login` does without --use-device-code"
    )]
    Off,
    /// The client is configured for another portal.
    #[error(transparent)]
    StartUrl(#[from] StartUrlMismatch),
    /// The rate limit of the client address is exceeded.
    #[error(transparent)]
    TooMany(#[from] LimitExceeded),
    /// The store is unavailable.
    #[error("sign-in is unavailable")]
    Unavailable(#[from] StoreError),
}

impl From<RateLimitError> for DeviceError {
    fn from(error: RateLimitError) -> Self {
        match error {
            RateLimitError::Exceeded(exceeded) => Self::TooMany(exceeded),
            RateLimitError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

/// The decision of a person about a device.
#[derive(Clone, Debug)]
pub struct DeviceConsent {
    /// The user code, which a link may have filled in.
    pub user_code: String,
    /// The half of the code that the person entered.
    pub retyped: String,
    /// The choice of the person.
    pub choice: ConsentChoice,
    /// IDs of the other requests that the person saw.
    pub shown: Vec<String>,
}

/// Whether a sign-in is recent.
pub(crate) enum Freshness {
    /// It is at most [`limits::DEVICE_APPROVAL_SIGN_IN_AGE`] old.
    Fresh,
    /// It is older, or its age is unknown; a new sign-in may be recent.
    Old,
    /// The provider does not report the age of a new sign-in either.
    Withheld,
}

impl Clients {
    /// Starts a device authorization. `start_url` is the one of the client's configuration; plain OAuth requests have
    /// none.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub async fn start_device_authorization(
        &self,
        context: &RequestContext,
        (id, client): (&ClientId, &RegisteredClient),
        start_url: Option<&str>,
    ) -> Result<StartedDeviceAuthorization, DeviceError> {
        if !self.rules.device_flow {
            return Err(DeviceError::Off);
        }
        let registered = client.registration.issuer_url.as_deref();
        for url in registered.into_iter().chain(start_url) {
            self.start_urls.check(url)?;
        }
        self.admit_device_authorization(context).await?;
        let entropy = self.entropy.as_ref();
        let device_code = DeviceCode::new(random_token(entropy));
        let key = device_code.digest();
        let requester = Requester {
            client: client_key(id),
            client_name: client.registration.name.clone(),
            client_info: context.client_info.clone(),
            begun_at: self.clock.now(),
        };
        let user_code = self.reserve_user_code(key).await?;
        let device = DeviceAuthorization::begin(requester, user_code.clone());
        let until = device.stored_until();
        self.records.insert(key, &device, until).await?;
        self.list_pending(device.requester(), pending_device(key, &device))
            .await?;
        Ok(StartedDeviceAuthorization {
            device_code,
            user_code,
            expires_in: limits::AUTHORIZATION_LIFE,
            interval: limits::POLL_INTERVAL,
        })
    }

    /// Reserves a user code for the device authorization at this key.
    async fn reserve_user_code(&self, device: SecretDigest) -> Result<UserCode, StoreError> {
        let until = self.clock.now() + limits::AUTHORIZATION_LIFE;
        for _ in 0..USER_CODE_TRIES {
            let code = UserCode::generate(self.entropy.as_ref());
            let entry = UserCodeEntry { device };
            match self.records.insert(code.key(), &entry, until).await {
                Ok(()) => return Ok(code),
                Err(StoreError::Exists) => {}
                Err(error @ (StoreError::Conflict | StoreError::Unavailable(_))) => {
                    return Err(error);
                }
            }
        }
        Err(StoreError::Exists)
    }

    /// The request with the user code that a person entered, or that a link filled in.
    ///
    /// # Errors
    /// [`ConsentError`].
    pub async fn look_up_device(
        &self,
        context: &RequestContext,
        session: &Session,
        typed: &str,
    ) -> Result<ConsentRequest, ConsentError> {
        let (key, seen) = self.find_device(context, session, typed).await?;
        let device = seen.record;
        let others = self
            .others(device.requester(), &pending_device(key, &device))
            .await?;
        Ok(ConsentRequest {
            user_code: Some(device.user_code().clone()),
            requester: device.into_requester(),
            flow: Flow::Device,
            others,
        })
    }

    /// Decides a device request. Returns how many requests the decision applies to.
    ///
    /// # Errors
    /// [`ConsentError`].
    pub async fn decide_device(
        &self,
        context: &RequestContext,
        session: &Session,
        consent: &DeviceConsent,
    ) -> Result<u32, ConsentError> {
        let (key, seen) = self
            .find_device(context, session, &consent.user_code)
            .await?;
        let device = seen.record;
        if consent.choice == ConsentChoice::Allow
            && !device.user_code().is_retyped_by(&consent.retyped)
        {
            self.acquire_user_code_slot(session).await?;
            return Err(ConsentError::NotRetyped);
        }
        let decision = PendingDecision {
            requester: device.requester(),
            pending: pending_device(key, &device),
            choice: consent.choice,
            shown: &consent.shown,
        };
        match self.decide(context, session, decision).await? {
            None => Err(ConsentError::SessionEnded),
            Some(0) => Err(ConsentError::UnknownCode),
            Some(served) => Ok(served),
        }
    }

    /// Whether the sign-in is recent enough to approve a client that may be on another machine.
    pub(crate) fn freshness(&self, session: &Session) -> Freshness {
        let now = self.clock.now();
        let identity = &session.identity;
        match (identity.authenticated_at(), identity.auth_time) {
            (Some(at), _) if now - at <= limits::DEVICE_APPROVAL_SIGN_IN_AGE => Freshness::Fresh,
            (None, AuthTime::Withheld) => Freshness::Withheld,
            (Some(_) | None, _) => Freshness::Old,
        }
    }

    async fn find_device(
        &self,
        context: &RequestContext,
        session: &Session,
        typed: &str,
    ) -> Result<(SecretDigest, VersionedRecord<DeviceAuthorization>), ConsentError> {
        let now = self.clock.now();
        if !self.rules.device_flow {
            return Err(ConsentError::DeviceFlowOff);
        }
        match self.freshness(session) {
            Freshness::Fresh => {}
            Freshness::Old => return Err(ConsentError::NotFresh),
            Freshness::Withheld => return Err(ConsentError::AuthTimeMissing),
        }
        let code = UserCode::parse(typed).map_err(|_| ConsentError::UnknownCode)?;
        // Every code counts as wrong until it is found.
        let slots = self.acquire_user_code_slot(session).await?;
        let records = &self.records;
        let entry: Option<VersionedRecord<UserCodeEntry>> = records.get(code.key()).await?;
        let Some(entry) = entry else {
            // It also counts against the address, but never limits signed-in people.
            let _ = self
                .rates
                .count_refusal(context.client_info.address, LimitName::Failures)
                .await;
            return Err(ConsentError::UnknownCode);
        };
        self.rates.release(&slots).await?;
        let key = entry.record.device;
        let seen: Option<VersionedRecord<DeviceAuthorization>> = records.get(key).await?;
        let open = seen.filter(|seen| seen.record.is_pending(now));
        open.map(|seen| (key, seen))
            .ok_or(ConsentError::UnknownCode)
    }

    async fn acquire_user_code_slot(
        &self,
        session: &Session,
    ) -> Result<[RateLimitSlot; 2], ConsentError> {
        let slots = self.user_code_slots(session);
        match self.rates.acquire(&slots).await {
            Ok(_) => Ok(slots),
            Err(RateLimitError::Exceeded(exceeded)) => Err(ConsentError::TooManyTries(exceeded)),
            Err(RateLimitError::Unavailable(error)) => Err(error.into()),
        }
    }
}
