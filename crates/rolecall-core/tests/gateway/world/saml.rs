//! The scripted provider's SAML: a response is `PERSON ASSERTION SESSION_INDEX [NAME]`, an order to sign out is
//! `NAME REQUEST [SESSION_INDEX …]`, both vouched for by whoever writes the test.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use chrono::TimeDelta;
use rolecall_core::base::secret::{SamlResponse, SecretDigest, SecretText};
use rolecall_core::base::{Clock as _, limits};
use rolecall_core::identity::{Evidence, NameId};
use rolecall_core::sign_in::{
    Callback, Challenge, Correlation, LogoutMessage, LogoutOrder, OrderedBy, PackedResponse,
    ProviderError, RejectReason, ReplayKey, ResponseForAws, SamlServiceProvider, Turn,
    VerifiedSignIn,
};
use serde_json::json;
use url::Url;

use super::Provider;

/// How long a response says to be good for.
pub const ASSERTION_LIFE: TimeDelta = TimeDelta::minutes(5);
/// A response that nobody has signed.
pub const UNSIGNED: &str = "unsigned";
/// `SessionNotOnOrAfter`, from the sign-in on.
pub const PROVIDER_SESSION: TimeDelta = TimeDelta::hours(2);

pub fn saml(text: &str) -> SamlResponse {
    SamlResponse::new(text)
}

pub fn saml_callback(text: &str) -> Callback {
    Callback::Saml(saml(text))
}

pub fn logout(text: &str) -> LogoutMessage {
    LogoutMessage::Post {
        message: SecretText::new(text),
        relay_state: None,
    }
}

fn signed(message: &str) -> Result<(), ProviderError> {
    match message {
        UNSIGNED => Err(ProviderError::rejected(
            RejectReason::Signature,
            "nobody signed",
        )),
        _ => Ok(()),
    }
}

impl Provider {
    /// How many messages were verified, whatever came of it.
    pub fn verified(&self) -> usize {
        self.verified.load(Ordering::Relaxed)
    }

    /// How many were to be verified in turn.
    pub fn in_turn(&self) -> usize {
        self.in_turn.load(Ordering::Relaxed)
    }

    async fn verify(&self, turn: &Turn, message: &str) -> Result<(), ProviderError> {
        self.failing()?;
        self.verified.fetch_add(1, Ordering::Relaxed);
        if let Turn::Of(_) = turn {
            self.in_turn.fetch_add(1, Ordering::Relaxed);
        }
        tokio::task::yield_now().await;
        signed(message)
    }

    pub(super) async fn saml_said(
        &self,
        turn: &Turn,
        response: &SamlResponse,
    ) -> Result<VerifiedSignIn, ProviderError> {
        self.verify(turn, response.expose()).await?;
        let words: Vec<&str> = response.expose().split(' ').collect();
        let [person, assertion, session_index, ref name @ ..] = words[..] else {
            panic!("{words:?}");
        };
        let mut identity = self.knows(person);
        let now = self.clock().now();
        let name = name.first().copied().unwrap_or(identity.subject.as_str());
        identity.evidence = Evidence::SamlAssertion {
            name_id: Some(name_id(name)),
            session_index: Some(session_index.to_owned()),
            ends_at: Some(now + PROVIDER_SESSION),
        };
        Ok(VerifiedSignIn {
            identity,
            once: Some(self.once(assertion)),
        })
    }

    fn once(&self, id: &str) -> ReplayKey {
        ReplayKey {
            digest: SecretDigest::of("test/assertion", &[id.as_bytes()]),
            until: self.clock().now() + ASSERTION_LIFE + limits::LEEWAY,
        }
    }
}

fn name_id(value: &str) -> NameId {
    NameId {
        value: value.to_owned(),
        format: None,
        name_qualifier: None,
        sp_name_qualifier: None,
    }
}

#[async_trait]
impl SamlServiceProvider for Provider {
    fn metadata(&self) -> Result<String, ProviderError> {
        Ok("<EntityDescriptor/>".to_owned())
    }

    async fn screen(
        &self,
        _: &Correlation,
        response: SamlResponse,
        turn: &Turn,
    ) -> Result<PackedResponse, ProviderError> {
        self.verify(turn, response.expose()).await?;
        self.pack(&response)
    }

    fn pack(&self, response: &SamlResponse) -> Result<PackedResponse, ProviderError> {
        Ok(PackedResponse::new(SecretText::new(response.expose())))
    }

    fn unpack(&self, packed: &PackedResponse) -> Result<SamlResponse, ProviderError> {
        Ok(saml(packed.text().expose()))
    }

    async fn complete_unsolicited(
        &self,
        response: SamlResponse,
        turn: &Turn,
    ) -> Result<VerifiedSignIn, ProviderError> {
        self.saml_said(turn, &response).await
    }

    fn start_for_aws(&self) -> Option<Url> {
        Url::parse("https://idp.example/aws").ok()
    }

    /// A response for AWS is `PERSON ASSERTION ROLE,PROVIDER [SOURCE_IDENTITY]`.
    async fn verify_for_aws(
        &self,
        response: SamlResponse,
        turn: &Turn,
    ) -> Result<ResponseForAws, ProviderError> {
        self.verify(turn, response.expose()).await?;
        let words: Vec<&str> = response.expose().split(' ').collect();
        let [person, assertion, role, ref source @ ..] = words[..] else {
            panic!("{words:?}");
        };
        Ok(ResponseForAws {
            subject: self.knows(person).subject,
            roles: vec![role.to_owned()],
            session_name: Some("named-by-the-provider".to_owned()),
            source_identity: source.first().map(|one| (*one).to_owned()),
            tag_keys: vec!["team".to_owned()],
            once: Some(self.once(assertion)),
        })
    }

    async fn logout_ordered(
        &self,
        message: LogoutMessage,
        turn: &Turn,
    ) -> Result<LogoutOrder, ProviderError> {
        let LogoutMessage::Post { message, .. } = message else {
            panic!("tests post");
        };
        self.verify(turn, message.expose()).await?;
        let words: Vec<&str> = message.expose().split(' ').collect();
        let [name, request, ref indexes @ ..] = words[..] else {
            panic!("{words:?}");
        };
        Ok(LogoutOrder {
            name_id: name_id(name),
            session_indexes: indexes.iter().map(|index| (*index).to_owned()).collect(),
            issued_at: self.clock().now(),
            once: self.once(request),
            reply: Correlation(json!(request)),
        })
    }

    async fn logout_done(&self, order: &LogoutOrder, _: OrderedBy) -> Option<Challenge> {
        let url = format!("https://idp.example/done?to={}", order.reply.0.as_str()?);
        Some(Challenge::Redirect(url.parse().ok()?))
    }

    async fn logout_answered(
        &self,
        correlation: Correlation,
        _: LogoutMessage,
        _: &Turn,
    ) -> Result<(), ProviderError> {
        assert_eq!(correlation.0, json!("canary-logout-request"));
        self.failing()
    }
}
