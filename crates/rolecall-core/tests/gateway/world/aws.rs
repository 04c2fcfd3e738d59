//! AWS and the gateway's own issuer: what they were told is kept, what they answer can be chosen.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rolecall_core::aws::{
    AssumedRole, ConsoleLink, ConsoleSignIn, ConsoleSignInError, Credentials, Destination,
    LoginTokenClaims, MintedSaml, Partition, Recipient, RoleSessionDuration, SamlClaims,
    SamlIssuer, Sts, StsError, StsRefusal, StsRequest, WebIdentityClaims, WebIdentityIssuer,
};
use rolecall_core::base::secret::{SamlResponse, SecretText, WebIdentityToken};
use rolecall_core::base::{Clock as _, Source};
use url::Url;

use super::{Gate, Journal, ManualClock};

/// What the sign-in endpoint was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub access_key_id: String,
    pub seconds: Option<u32>,
    pub destination: String,
    pub issuer: String,
}

type Next<E> = Mutex<Option<E>>;

pub struct Aws {
    clock: Arc<ManualClock>,
    journal: Journal,
    gate: Arc<Gate>,
    requests: Mutex<Vec<StsRequest>>,
    claims: Mutex<Vec<WebIdentityClaims>>,
    saml_claims: Mutex<Vec<SamlClaims>>,
    links: Mutex<Vec<Wanted>>,
    next_sts_error: Next<StsError>,
    lost_answers: AtomicU32,
    next_console_error: Next<ConsoleSignInError>,
    next_mint_error: Next<Source>,
}

impl Aws {
    pub fn new(clock: Arc<ManualClock>, journal: Journal, gate: Arc<Gate>) -> Self {
        Self {
            clock,
            journal,
            gate,
            requests: Mutex::default(),
            claims: Mutex::default(),
            saml_claims: Mutex::default(),
            links: Mutex::default(),
            next_sts_error: Mutex::default(),
            lost_answers: AtomicU32::default(),
            next_console_error: Mutex::default(),
            next_mint_error: Mutex::default(),
        }
    }

    pub fn refuse_once(&self, refusal: StsRefusal, code: &str) {
        *self.next_sts_error.lock().unwrap() = Some(StsError::Refused {
            refusal,
            code: code.to_owned(),
            message: "as AWS says".to_owned(),
            request_id: Some("request-7".to_owned()),
        });
    }

    pub fn sts_down_once(&self) {
        *self.next_sts_error.lock().unwrap() = Some(StsError::Unavailable("no route".into()));
    }

    /// The next call is sent so often and answered never.
    pub fn sts_silent_once(&self, tries: u32) {
        let source = "timed out".into();
        *self.next_sts_error.lock().unwrap() = Some(StsError::Unanswered { tries, source });
    }

    /// The next call is answered after so many tries that were not.
    pub fn lose_answers_once(&self, tries: u32) {
        self.lost_answers.store(tries, Ordering::Relaxed);
    }

    pub fn fail_console_once(&self, error: ConsoleSignInError) {
        *self.next_console_error.lock().unwrap() = Some(error);
    }

    pub fn fail_mint_once(&self) {
        *self.next_mint_error.lock().unwrap() = Some("no key".into());
    }

    /// The requests to STS since the last time.
    pub fn take_requests(&self) -> Vec<StsRequest> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    /// The one request to STS, with the claims of its token.
    #[track_caller]
    pub fn take_only(&self) -> (StsRequest, WebIdentityClaims) {
        let (mut requests, mut claims) = (self.take_requests(), self.take_claims());
        assert_eq!((requests.len(), claims.len()), (1, 1));
        (requests.remove(0), claims.remove(0))
    }

    pub fn take_claims(&self) -> Vec<WebIdentityClaims> {
        std::mem::take(&mut *self.claims.lock().unwrap())
    }

    pub fn take_saml_claims(&self) -> Vec<SamlClaims> {
        std::mem::take(&mut *self.saml_claims.lock().unwrap())
    }

    pub fn take_links(&self) -> Vec<Wanted> {
        std::mem::take(&mut *self.links.lock().unwrap())
    }
}

#[async_trait]
impl Sts for Aws {
    async fn assume(&self, request: &StsRequest) -> Result<AssumedRole, StsError> {
        self.journal.note("assume");
        self.gate.pass().await;
        tokio::task::yield_now().await;
        let number = {
            let mut requests = self.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len()
        };
        if let Some(error) = self.next_sts_error.lock().unwrap().take() {
            return Err(error);
        }
        Ok(AssumedRole {
            credentials: Credentials {
                access_key_id: format!("ASIA{number:016}"),
                secret_access_key: SecretText::new("canary-secret-access-key"),
                session_token: SecretText::new("canary-session-token"),
                expires_at: self.clock.now() + request.session().duration.as_delta(),
            },
            assumed_role_arn: format!("{}/assumed", request.session().role),
            request_id: Some("request-1".to_owned()),
            region: "eu-west-1".to_owned(),
            packed_size_percent: Some(3),
            unanswered: self.lost_answers.swap(0, Ordering::Relaxed),
        })
    }
}

#[async_trait]
impl WebIdentityIssuer for Aws {
    async fn mint(&self, claims: &WebIdentityClaims) -> Result<WebIdentityToken, Source> {
        self.journal.note("mint");
        self.gate.pass().await;
        if let Some(error) = self.next_mint_error.lock().unwrap().take() {
            return Err(error);
        }
        self.claims.lock().unwrap().push(claims.clone());
        Ok(WebIdentityToken::new("canary-web-identity-token"))
    }

    async fn mint_login_token(&self, claims: &LoginTokenClaims) -> Result<SecretText, Source> {
        self.journal.note("mint login token");
        self.gate.pass().await;
        let LoginTokenClaims {
            session_arn,
            client_id,
            expires_at,
        } = claims;
        Ok(SecretText::new(format!(
            "{session_arn} {client_id} {expires_at}"
        )))
    }
}

#[async_trait]
impl SamlIssuer for Aws {
    async fn respond(&self, claims: &SamlClaims) -> Result<MintedSaml, Source> {
        self.journal.note("mint");
        self.gate.pass().await;
        if let Some(error) = self.next_mint_error.lock().unwrap().take() {
            return Err(error);
        }
        self.saml_claims.lock().unwrap().push(claims.clone());
        let own = Recipient::parse("https://signin.aws.amazon.com/saml", Partition::Aws).unwrap();
        Ok(MintedSaml {
            response: SamlResponse::new("canary-saml-response"),
            assertion: "_assertion-1".to_owned(),
            recipient: claims.recipient.clone().unwrap_or(own),
            expires_at: self.clock.now() + rolecall_core::base::limits::SAML_RESPONSE_LIFE,
        })
    }
}

#[async_trait]
impl ConsoleSignIn for Aws {
    async fn link(
        &self,
        credentials: &Credentials,
        duration: Option<RoleSessionDuration>,
        destination: &Destination,
        issuer: &Url,
    ) -> Result<ConsoleLink, ConsoleSignInError> {
        self.journal.note("link");
        self.gate.pass().await;
        if let Some(error) = self.next_console_error.lock().unwrap().take() {
            return Err(error);
        }
        self.links.lock().unwrap().push(Wanted {
            access_key_id: credentials.access_key_id.clone(),
            seconds: duration.map(RoleSessionDuration::seconds),
            destination: destination.as_url().to_string(),
            issuer: issuer.to_string(),
        });
        Ok(ConsoleLink::new("https://signin.example/canary-link"))
    }

    fn sign_out_url(&self, then: &Url) -> Url {
        let mut url = Url::parse("https://signin.example/oauth?Action=logout").unwrap();
        url.query_pairs_mut()
            .append_pair("redirect_uri", then.as_str());
        url
    }
}
