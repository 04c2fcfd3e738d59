//! The tokens that the gateway signs: those that IAM trusts, and the ID token of `aws login`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{RoleArn, RoleSessionTags, SourceIdentity};
use crate::base::Source;
use crate::base::secret::{SecretText, WebIdentityToken};
use crate::identity::Subject;

/// What a token for AWS says (IAM User Guide: AssumeRoleWithWebIdentity and session tags).
#[derive(Clone, Debug)]
pub struct WebIdentityClaims {
    /// `sub`, 6 to 255 characters: provider and subject.
    pub subject: Subject,
    /// `jti`: unique for each token; the audit trail names it.
    pub token_id: String,
    /// `https://aws.amazon.com/roles`: the one role that the token is for. STS rejects the token for every other role,
    /// whatever the role's trust policy says. None: the claim is left out, and trust policies alone decide.
    pub role: Option<RoleArn>,
    /// `aud`: a single string, one of the client ids of the account's OIDC provider.
    pub audience: String,
    /// `https://aws.amazon.com/tags`
    pub tags: RoleSessionTags,
    /// `https://aws.amazon.com/source_identity`
    pub source_identity: Option<SourceIdentity>,
}

/// What the ID token of `aws login` says (AWS Sign-In, `CreateOAuth2Token`). It names the session to the client, which
/// takes account and profile from `sub`; nobody is convinced of anything by it.
#[derive(Clone, Debug)]
pub struct LoginTokenClaims {
    /// `sub`: the session's ARN.
    pub session_arn: String,
    /// `aud`: the client id.
    pub client_id: &'static str,
    /// `exp`: when the session ends at the latest.
    pub expires_at: DateTime<Utc>,
}

/// Mints tokens that IAM trusts, signed with the gateway's own key.
#[async_trait]
pub trait WebIdentityIssuer: Send + Sync {
    /// A token of at most [`crate::base::limits::WEB_IDENTITY_TOKEN_LIFE`].
    ///
    /// # Errors
    /// When no key can sign, or the token is larger than STS takes.
    async fn mint(&self, claims: &WebIdentityClaims) -> Result<WebIdentityToken, Source>;

    /// The ID token of `aws login`. Its issuer is not the one that IAM knows, so that no account can take it for a
    /// [`WebIdentityToken`].
    ///
    /// # Errors
    /// When no key can sign.
    async fn mint_login_token(&self, claims: &LoginTokenClaims) -> Result<SecretText, Source>;
}
