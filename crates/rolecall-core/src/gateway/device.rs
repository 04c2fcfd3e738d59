//! StartDeviceAuthorization of sso-oidc (RFC 8628), and the person's side of it: the code is looked up, compared, typed,
//! and answered. Wrong codes are counted before they are looked up, so that guessing in parallel gains nothing.

use chrono::TimeDelta;

use crate::client::{ClientId, RegisteredClient, client_key};
use crate::client_session::Flow;
use crate::consent::{Asked, Asking, Decision};
use crate::device::{DeviceAuthorization, UserCode, UserCodeEntry};
use crate::limits;
use crate::port::StoreError;
use crate::record::Seen;
use crate::secret::{DeviceCode, SecretDigest, random_token};
use crate::session::Session;

use super::consent::{Answering, waiting_device};
use super::tally::{Limit, neighbourhood, tally_key};
use super::{ConsentError, Gateway, RequestContext};

/// How often another user code is drawn when one is taken.
const USER_CODE_TRIES: usize = 8;

/// A device authorization that has begun (RFC 8628 3.2).
#[derive(Debug)]
pub struct DeviceStarted {
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
    /// Too many from this address.
    #[error("too many requests from your address: wait a minute")]
    TooMany,
    /// Our own store.
    #[error("sign-in is unavailable")]
    Unavailable(#[from] StoreError),
}

/// What the person answered on the page of a device.
#[derive(Clone, Debug)]
pub struct DeviceAnswer {
    /// The code, which a link may have filled in.
    pub user_code: String,
    /// The half of it that the person typed.
    pub retyped: String,
    /// Yes or no.
    pub decision: Decision,
    /// The names of the other requests that they were shown.
    pub shown: Vec<String>,
}

impl Gateway {
    /// Begins a device authorization.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub async fn start_device_authorization(
        &self,
        context: &RequestContext,
        id: &ClientId,
        client: &RegisteredClient,
    ) -> Result<DeviceStarted, DeviceError> {
        if !self.world.clients.device_flow {
            return Err(DeviceError::Off);
        }
        let limit = Limit {
            max: limits::DEVICE_AUTHORIZATIONS_MAX,
            window: limits::DEVICE_AUTHORIZATIONS_WINDOW,
        };
        let address = context.origin.address.map(neighbourhood);
        let tally = tally_key("device", &address.unwrap_or_default());
        if !self.count(tally, limit).await? {
            return Err(DeviceError::TooMany);
        }
        let entropy = self.world.entropy.as_ref();
        let device_code = DeviceCode::new(random_token(entropy));
        let key = device_code.digest();
        let asking = Asking {
            client: client_key(id),
            client_name: client.registration.name.clone(),
            origin: context.origin.clone(),
            begun_at: self.world.clock.now(),
        };
        let user_code = self.reserve_user_code(key).await?;
        let device = DeviceAuthorization::begin(asking, user_code.clone());
        let until = device.stored_until();
        self.world.records.insert(key, &device, until).await?;
        self.wait(&device.asking, waiting_device(key, &device))
            .await?;
        Ok(DeviceStarted {
            device_code,
            user_code,
            expires_in: limits::AUTHORIZATION_LIFE,
            interval: limits::POLL_INTERVAL,
        })
    }

    /// A user code that leads to the authorization at this key, and to no other.
    async fn reserve_user_code(&self, device: SecretDigest) -> Result<UserCode, StoreError> {
        let until = self.world.clock.now() + limits::AUTHORIZATION_LIFE;
        for _ in 0..USER_CODE_TRIES {
            let code = UserCode::generate(self.world.entropy.as_ref());
            let entry = UserCodeEntry { device };
            match self.world.records.insert(code.key(), &entry, until).await {
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
    ) -> Result<Asked, ConsentError> {
        let (key, seen) = self.find_device(context, session, typed).await?;
        let device = seen.record;
        let others = self
            .others(&device.asking, &waiting_device(key, &device))
            .await?;
        Ok(Asked {
            asking: device.asking,
            flow: Flow::Device,
            user_code: Some(device.user_code),
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
        answer: &DeviceAnswer,
    ) -> Result<u32, ConsentError> {
        let (key, seen) = self
            .find_device(context, session, &answer.user_code)
            .await?;
        let device = seen.record;
        if answer.decision == Decision::Allow && !device.user_code.is_retyped_by(&answer.retyped) {
            self.count_try(context, session).await?;
            return Err(ConsentError::NotRetyped);
        }
        let answering = Answering {
            asking: &device.asking,
            waiting: waiting_device(key, &device),
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
    pub(super) fn is_fresh(&self, session: &Session) -> bool {
        let signed_in_at = session.identity.authenticated_at;
        self.world.clock.now() <= signed_in_at + limits::DEVICE_APPROVAL_SIGN_IN_AGE
    }

    async fn find_device(
        &self,
        context: &RequestContext,
        session: &Session,
        typed: &str,
    ) -> Result<(SecretDigest, Seen<DeviceAuthorization>), ConsentError> {
        let now = self.world.clock.now();
        if !self.world.clients.device_flow {
            return Err(ConsentError::DeviceFlowOff);
        }
        if !self.is_fresh(session) {
            return Err(ConsentError::NotFresh);
        }
        let code = UserCode::parse(typed).map_err(|_| ConsentError::UnknownCode)?;
        self.count_try(context, session).await?;
        let records = &self.world.records;
        let entry: Option<Seen<UserCodeEntry>> = records.get(code.key()).await?;
        let entry = entry.ok_or(ConsentError::UnknownCode)?;
        self.discount_try(context, session).await?;
        let key = entry.record.device;
        let seen: Option<Seen<DeviceAuthorization>> = records.get(key).await?;
        let open = seen.filter(|seen| seen.record.is_open(now));
        open.map(|seen| (key, seen))
            .ok_or(ConsentError::UnknownCode)
    }

    /// Counts a wrong code before it is known to be one.
    async fn count_try(
        &self,
        context: &RequestContext,
        session: &Session,
    ) -> Result<(), ConsentError> {
        for (key, limit) in wrong_codes(context, session) {
            if !self.count(key, limit).await? {
                return Err(ConsentError::TooManyTries);
            }
        }
        Ok(())
    }

    async fn discount_try(
        &self,
        context: &RequestContext,
        session: &Session,
    ) -> Result<(), StoreError> {
        for (key, limit) in wrong_codes(context, session) {
            self.discount(key, limit).await?;
        }
        Ok(())
    }
}

/// The two tallies of wrong codes: of the session, and of the address.
fn wrong_codes(context: &RequestContext, session: &Session) -> [(SecretDigest, Limit); 2] {
    let address = context.origin.address.map(neighbourhood);
    let limit = |max| Limit {
        max,
        window: limits::WRONG_CODES_WINDOW,
    };
    [
        (
            tally_key("wrong code in session", &session.id.to_string()),
            limit(limits::WRONG_CODES_PER_SESSION_MAX),
        ),
        (
            tally_key("wrong code from address", &address.unwrap_or_default()),
            limit(limits::WRONG_CODES_PER_ADDRESS_MAX),
        ),
    ]
}
