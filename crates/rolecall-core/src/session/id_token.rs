//! ID tokens of providers that accounts trust directly (`trust = "provider-oidc"`): each in a sealed record of its own. The
//! record of a session contains none, unless no account trusted the provider when the session began: that one is for
//! `id_token_hint` alone, and is not sent to AWS.
//!
//! The record ends before the token does, and with the browser session whose sign-in brought the token. It is removed when
//! that session ends, and not used if the session has ended: an outage of the store during a sign-out leaves nothing usable.
//!
//! A person has one token from sign-ins with a second factor, and one from those without. AWS can see `amr`, so a session
//! without a second factor never uses the former. Clients of the person use the same tokens.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::aws::{ProviderIdToken, UnusableIdToken};
use crate::base::limits;
use crate::base::secret::{SecretDigest, SecretText, WebIdentityToken};
use crate::caller::{Caller, EpochId, SessionId};
use crate::identity::{ProviderId, Subject};
use crate::record::{Record, StoreError, VersionedRecord};
use crate::session::{Session, Sessions};

/// The ID token of a person, as far as AWS may accept it.
#[derive(Clone, Debug)]
pub(crate) enum StoredIdToken {
    /// It can be sent to AWS.
    Usable {
        token: WebIdentityToken,
        until: DateTime<Utc>,
    },
    /// The provider's ID tokens cannot be used for AWS.
    Unusable(UnusableIdToken),
}

#[derive(Serialize, Deserialize)]
struct IdTokenRecord {
    provider: ProviderId,
    subject: Subject,
    /// The browser session whose sign-in brought it.
    session: SessionId,
    /// Epoch of the person at the beginning of that session.
    epoch: Option<EpochId>,
    content: Content,
}

#[derive(Serialize, Deserialize)]
enum Content {
    Usable(#[serde(with = "crate::base::secret::sealed_text")] SecretText),
    Unusable(UnusableIdToken),
}

impl Record for IdTokenRecord {
    const KIND: &'static str = "id-token";
}

fn key(person: SecretDigest, mfa: bool) -> SecretDigest {
    let factors: &[u8] = if mfa { b"mfa" } else { b"" };
    SecretDigest::of("rolecall/id-token/v1", &[person.as_bytes(), factors])
}

impl Sessions {
    /// Keeps the ID token of the sign-in that began this session. It replaces an earlier one of the person.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn keep_id_token(
        &self,
        session: &Session,
        token: ProviderIdToken,
    ) -> Result<(), StoreError> {
        let (identity, now) = (&session.identity, self.clock.now());
        let unusable = token.check(&identity.subject, now).err();
        let until = match unusable {
            None => token.usable_until(),
            Some(_) => now + limits::UNUSABLE_ID_TOKEN_LIFE,
        };
        let until = until.min(session.ends_at);
        let keep = |_: Option<IdTokenRecord>| {
            let record = IdTokenRecord {
                provider: identity.provider.clone(),
                subject: identity.subject.clone(),
                session: session.id,
                epoch: session.epoch,
                content: match unusable {
                    None => Content::Usable(token.token.clone()),
                    Some(reason) => Content::Unusable(reason),
                },
            };
            (record, until, ())
        };
        self.records
            .update(key(identity.key(), identity.mfa), keep)
            .await
    }

    /// The ID token that this caller may use; `None` if a new sign-in is needed first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(crate) async fn id_token(
        &self,
        caller: Caller<'_>,
    ) -> Result<Option<StoredIdToken>, StoreError> {
        let identity = caller.identity;
        let person = identity.key();
        let factors: &[bool] = if identity.mfa {
            &[true, false]
        } else {
            &[false]
        };
        for mfa in factors {
            let seen: Option<VersionedRecord<IdTokenRecord>> =
                self.records.get(key(person, *mfa)).await?;
            let Some(VersionedRecord {
                record, expires_at, ..
            }) = seen
            else {
                continue;
            };
            if record.provider != identity.provider || record.subject != identity.subject {
                continue;
            }
            let (epoch, ended) = self.ends(person, record.session).await?;
            if ended || epoch.is_some_and(|epoch| epoch.ends(record.session, record.epoch)) {
                continue;
            }
            return Ok(Some(match record.content {
                Content::Usable(token) => StoredIdToken::Usable {
                    token: WebIdentityToken::new(token.expose()),
                    until: expires_at,
                },
                Content::Unusable(reason) => StoredIdToken::Unusable(reason),
            }));
        }
        Ok(None)
    }

    /// Removes the ID tokens of a person that this session brought; of all sessions if it is `None`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(super) async fn forget_id_tokens(
        &self,
        person: SecretDigest,
        session: Option<SessionId>,
    ) -> Result<(), StoreError> {
        for mfa in [true, false] {
            let key = key(person, mfa);
            let seen: Option<VersionedRecord<IdTokenRecord>> = self.records.get(key).await?;
            let brought = |seen: &VersionedRecord<IdTokenRecord>| {
                session.is_none_or(|session| seen.record.session == session)
            };
            if seen.as_ref().is_some_and(brought) {
                self.records.take::<IdTokenRecord>(key).await?;
            }
        }
        Ok(())
    }
}
