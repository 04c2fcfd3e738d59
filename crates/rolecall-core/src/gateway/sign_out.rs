//! Signing out: here first, then at the provider.

use url::Url;

use crate::port::StoreError;
use crate::secret::SessionSecret;
use crate::session::Session;

use super::{Gateway, RequestContext};

impl Gateway {
    /// Ends this session here; returns where the browser goes to end it at the provider as well, if there is such a
    /// place.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the session lives on.
    pub async fn sign_out(
        &self,
        context: &RequestContext,
        session: &Session,
        secret: &SessionSecret,
    ) -> Result<Option<Url>, StoreError> {
        self.end(
            context,
            &session.identity,
            session.id,
            secret.digest(),
            "sign_out",
        )
        .await?;
        match self.provider(&session.identity.provider) {
            Some(provider) => Ok(provider.sign_out_url(&session.identity).await),
            None => Ok(None),
        }
    }

    /// Ends the session this browser held before a new sign-in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn replace_session(
        &self,
        context: &RequestContext,
        old: &SessionSecret,
    ) -> Result<(), StoreError> {
        match self.session(old).await? {
            Some(session) => {
                self.end(
                    context,
                    &session.identity,
                    session.id,
                    old.digest(),
                    "replaced",
                )
                .await
            }
            None => Ok(()),
        }
    }
}
