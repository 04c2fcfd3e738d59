//! Tokens that the gateway signs: those for IAM, and the ID token of `aws login`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{RoleArn, RoleSessionTags, SourceIdentity};
use crate::base::BoxError;
use crate::base::secret::{SecretText, WebIdentityToken};
use crate::identity::Subject;

/// Content of a token for AWS (IAM User Guide, AssumeRoleWithWebIdentity and session tags).
#[derive(Clone, Debug)]
pub struct WebIdentityClaims {
    /// `sub`, 6 to 255 characters: provider and subject.
    pub subject: Subject,
    /// `jti`: unique for each token; recorded in the audit trail.
    pub token_id: String,
    /// `https://aws.amazon.com/roles`: the one role that the token is for. STS rejects the token for every other role,
    /// whatever the role's trust policy says. None: the claim is omitted, and only trust policies restrict the role.
    pub role: Option<RoleArn>,
    /// `aud`: a single string, one of the client IDs of the account's OIDC provider.
    pub audience: String,
    /// `https://aws.amazon.com/tags`
    pub tags: RoleSessionTags,
    /// `https://aws.amazon.com/source_identity`
    pub source_identity: Option<SourceIdentity>,
}

/// Content of the ID token of `aws login` (AWS Sign-In, `CreateOAuth2Token`). The client takes account and profile from
/// `sub`. The token authorizes nothing.
#[derive(Clone, Debug)]
pub struct LoginTokenClaims {
    /// `sub`: ARN of the session.
    pub session_arn: String,
    /// `aud`: ID of the client.
    pub client_id: &'static str,
    /// `exp`: latest end of the session.
    pub expires_at: DateTime<Utc>,
}

/// Signs tokens that IAM trusts, with the key of the gateway.
#[async_trait]
pub trait WebIdentityIssuer: Send + Sync {
    /// Signs a token that is valid for at most [`crate::base::limits::WEB_IDENTITY_TOKEN_LIFE`].
    ///
    /// # Errors
    /// No key can sign, or the token is larger than STS accepts.
    async fn mint(&self, claims: &WebIdentityClaims) -> Result<WebIdentityToken, BoxError>;

    /// Signs the ID token of `aws login`. Its issuer is not the one that IAM trusts, so no account accepts it as a
    /// [`WebIdentityToken`].
    ///
    /// # Errors
    /// No key can sign.
    async fn mint_login_token(&self, claims: &LoginTokenClaims) -> Result<SecretText, BoxError>;
}
