//! StartDeviceAuthorization of sso-oidc (RFC 8628), and the person's side of it: the code is looked up, compared, typed,
//! and answered. Wrong codes are counted before they are looked up, so that guessing in parallel gains nothing.

use chrono::TimeDelta;

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::{DeviceCode, SecretDigest, random_token};
use crate::caller::Flow;
use crate::clients::answer::{Answering, pending_device};
use crate::clients::{
    ClientId, Clients, ConsentChoice, ConsentError, ConsentRequest, DeviceAuthorization,
    RegisteredClient, Requester, StartUrlMismatch, UserCode, UserCodeEntry, client_key,
};
use crate::identity::AuthTime;
use crate::record::rate_limit::{LimitExceeded, LimitName, RateLimitError, RateLimitSlot};
use crate::record::{StoreError, VersionedRecord};
use crate::session::Session;

/// How often another user code is drawn when one is taken.
const USER_CODE_TRIES: usize = 8;

/// A device authorization that has begun (RFC 8628 3.2).
#[derive(Debug)]
pub struct StartedDeviceAuthorization {
    /// `device_code`
    pub device_code: DeviceCode,
    /// `user_code`
    pub user_code: UserCode,
    /// `expires_in`
    pub expires_in: TimeDelta,
    /// `interval`
    pub interval: TimeDelta,
}

/// Why none has begun.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The device flow is switched off.
    #[error(
        "the device flow is switched off here: sign in with a browser on the same machine, as `aws sso login` does without --use-device-code"
    )]
    Off,
    /// The client was configured for another portal.
    #[error(transparent)]
    StartUrl(#[from] StartUrlMismatch),
    /// Too many from this address.
    #[error(transparent)]
    TooMany(#[from] LimitExceeded),
    /// Our own store.
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

/// What the person answered on the page of a device.
#[derive(Clone, Debug)]
pub struct DeviceConsent {
    /// The code, which a link may have filled in.
    pub user_code: String,
    /// The half of it that the person typed.
    pub retyped: String,
    /// Yes or no.
    pub decision: ConsentChoice,
    /// The names of the other requests that they were shown.
    pub shown: Vec<String>,
}

/// How fresh a sign-in is.
pub(crate) enum Freshness {
    /// Within [`limits::DEVICE_APPROVAL_SIGN_IN_AGE`].
    Fresh,
    /// Older, or of unknown age: a new one may be fresh.
    Old,
    /// The provider does not tell the age of a new one either.
    Withheld,
}

impl Clients {
    /// Begins a device authorization for a client that names this start URL; OAuth's own requests name none.
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
            origin: context.origin.clone(),
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

    /// A user code that leads to the authorization at this key, and to no other.
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

    /// The request of the code that a person typed, or that a link filled in.
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

    /// Takes a person's answer to a device; how many requests it served.
    ///
    /// # Errors
    /// [`ConsentError`].
    pub async fn decide_device(
        &self,
        context: &RequestContext,
        session: &Session,
        answer: &DeviceConsent,
    ) -> Result<u32, ConsentError> {
        let (key, seen) = self
            .find_device(context, session, &answer.user_code)
            .await?;
        let device = seen.record;
        if answer.decision == ConsentChoice::Allow
            && !device.user_code().is_retyped_by(&answer.retyped)
        {
            self.acquire_user_code_slot(session).await?;
            return Err(ConsentError::NotRetyped);
        }
        let answering = Answering {
            requester: device.requester(),
            pending: pending_device(key, &device),
            decision: answer.decision,
            shown: &answer.shown,
        };
        match self.answer(context, session, answering).await? {
            None => Err(ConsentError::SessionEnded),
            Some(0) => Err(ConsentError::UnknownCode),
            Some(served) => Ok(served),
        }
    }

    /// Whether the sign-in is young enough for letting in a program that need not be on the person's machine.
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
        // A wrong code is counted before it is known to be one.
        let slots = self.acquire_user_code_slot(session).await?;
        let records = &self.records;
        let entry: Option<VersionedRecord<UserCodeEntry>> = records.get(code.key()).await?;
        let Some(entry) = entry else {
            // It counts against the address too, but that refuses nobody who is signed in.
            let _ = self
                .rates
                .count_refusal(context.origin.address, LimitName::Failures)
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
