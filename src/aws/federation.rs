//! The console sign-in endpoint: `getSigninToken` by POST, so that no secret is part of a URL, and the login URL with
//! the token.
//!
//! See the IAM User Guide, "Enable custom identity broker access to the AWS console". There is one fallback Region; the
//! time limit for all attempts is five seconds.

use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::aws::{
    ConsoleLink, ConsoleSignIn, ConsoleSignInError as SignInError, Credentials, Destination,
    Partition, Region, RoleSessionDuration,
};
use rolecall_core::base::BoxError;
use rolecall_core::base::text;
use tokio::time::Instant;
use url::Url;

use super::{AwsSettings, http};
use crate::egress::{self, Egress};

/// Time limit for all attempts.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of a response. A token has about 2,000 characters.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Maximum length of a token that fits into a URL for browsers and proxies.
const TOKEN_CHARS_MAX: usize = 16 * 1024;
/// Durations are rounded down to multiples of this, because the endpoint rejects some other values.
const DURATION_STEP_SECONDS: u32 = 900;

/// The AWS sign-in endpoint.
pub struct SignInEndpoint {
    http: reqwest::Client,
    /// The origins to call, in order.
    origins: Vec<Url>,
    /// The origin for sign-out, in the configured Region.
    sign_out: Url,
}

#[derive(serde::Deserialize)]
struct SigninTokenResponse {
    #[serde(rename = "SigninToken")]
    token: String,
}

/// Why an attempt did not return a token.
enum Failure {
    Refused(u16),
    Outage(BoxError),
}

impl SignInEndpoint {
    /// The endpoint of the configured Region and of the first fallback Region.
    ///
    /// # Errors
    /// If a CA certificate is invalid, or a Region does not form a valid URL.
    pub fn new(settings: &AwsSettings, egress: &Egress) -> Result<Self, BoxError> {
        let origins = match &settings.signin_endpoint {
            Some(origin) => vec![origin.clone()],
            None => settings
                .regions_for(None)
                .iter()
                .take(2)
                .map(|region| sign_in_origin(settings.partition, region))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self {
            http: http::client(egress)?,
            origins,
            sign_out: match &settings.signin_endpoint {
                Some(origin) => origin.clone(),
                None => regional_origin(settings.partition, &settings.sts_region)?,
            },
        })
    }

    /// Calls `getSigninToken` at one origin; if AWS rejects the duration, calls it again without one.
    async fn signin_token(
        &self,
        origin: &Url,
        credentials: &Credentials,
        duration: Option<RoleSessionDuration>,
    ) -> Result<String, Failure> {
        match (self.ask(origin, credentials, duration).await, duration) {
            (Err(Failure::Refused(400)), Some(_)) => self.ask(origin, credentials, None).await,
            (answer, _) => answer,
        }
    }

    async fn ask(
        &self,
        origin: &Url,
        credentials: &Credentials,
        duration: Option<RoleSessionDuration>,
    ) -> Result<String, Failure> {
        let session = serde_json::json!({
            "sessionId": credentials.access_key_id,
            "sessionKey": credentials.secret_access_key.expose(),
            "sessionToken": credentials.session_token.expose(),
        });
        let mut form = vec![
            ("Action", "getSigninToken".to_owned()),
            ("Session", session.to_string()),
        ];
        if let Some(duration) = duration {
            let seconds = duration.seconds() / DURATION_STEP_SECONDS * DURATION_STEP_SECONDS;
            form.push(("SessionDuration", seconds.to_string()));
        }
        let answer = self
            .http
            .post(below(origin, "/federation"))
            .form(&form)
            .send()
            .await
            .map_err(|error| {
                Failure::Outage(egress::with_hint(text::chain(&error.without_url())).into())
            })?;
        match answer.status().as_u16() {
            200 => token_of(answer).await.map_err(Failure::Outage),
            status @ 400..=499 => Err(Failure::Refused(status)),
            status => Err(Failure::Outage(format!("HTTP status {status}").into())),
        }
    }

    /// The `Action=login` URL. It is a secret: opening it signs in.
    fn login_url(&self, origin: &Url, token: &str, destination: &Destination, issuer: &Url) -> Url {
        let mut url = below(origin, "/federation");
        url.query_pairs_mut()
            .append_pair("Action", "login")
            .append_pair("Issuer", issuer.as_str())
            .append_pair("Destination", destination.as_url().as_str())
            .append_pair("SigninToken", token);
        url
    }
}

/// The origin for sign-in: the regional host; the one of us-east-1 has no prefix.
fn sign_in_origin(partition: Partition, region: &Region) -> Result<Url, url::ParseError> {
    if region.as_str() == "us-east-1" {
        Url::parse(&format!("https://{}", partition.sign_in_domain()))
    } else {
        regional_origin(partition, region)
    }
}

/// The origin for sign-out: the regional host, also for us-east-1, because the host without a prefix ignores
/// `redirect_uri`.
fn regional_origin(partition: Partition, region: &Region) -> Result<Url, url::ParseError> {
    Url::parse(&format!("https://{region}.{}", partition.sign_in_domain()))
}

fn below(origin: &Url, path: &str) -> Url {
    let mut url = origin.clone();
    url.set_path(path);
    url.set_query(None);
    url
}

async fn token_of(answer: reqwest::Response) -> Result<String, BoxError> {
    let body = http::body(answer, ANSWER_BYTES_MAX).await?;
    // The message of serde_json could contain parts of the response.
    let SigninTokenResponse { token } = serde_json::from_slice(&body)
        .map_err(|_| "the response does not contain a sign-in token")?;
    let sound = (1..=TOKEN_CHARS_MAX).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if sound {
        Ok(token)
    } else {
        Err("the sign-in token is empty, too long or not printable ASCII".into())
    }
}

#[async_trait]
impl ConsoleSignIn for SignInEndpoint {
    async fn link(
        &self,
        credentials: &Credentials,
        duration: Option<RoleSessionDuration>,
        destination: &Destination,
        issuer: &Url,
    ) -> Result<ConsoleLink, SignInError> {
        let deadline = Instant::now() + TOTAL_TIMEOUT;
        let mut outage: BoxError = "no sign-in endpoint is configured".into();
        for (index, origin) in self.origins.iter().enumerate() {
            let left = u32::try_from(self.origins.len() - index).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            let answer =
                tokio::time::timeout(share, self.signin_token(origin, credentials, duration)).await;
            match answer.unwrap_or_else(|_| {
                Err(Failure::Outage("no response within the time limit".into()))
            }) {
                Ok(token) => {
                    let url = self.login_url(origin, &token, destination, issuer);
                    return Ok(ConsoleLink::new(url));
                }
                Err(Failure::Refused(status)) => return Err(SignInError::Refused { status }),
                Err(Failure::Outage(source)) => {
                    tracing::warn!(host = origin.host_str(), error = %source, "the AWS sign-in endpoint is unavailable");
                    outage = source;
                }
            }
        }
        Err(SignInError::Unavailable(outage))
    }

    fn sign_out_url(&self, then: &Url) -> Url {
        let mut url = below(&self.sign_out, "/oauth");
        url.query_pairs_mut()
            .append_pair("Action", "logout")
            .append_pair("redirect_uri", then.as_str());
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(partition: Partition, region: &str, fallback: &str) -> SignInEndpoint {
        SignInEndpoint::new(
            &AwsSettings {
                role_claim: true,
                partition,
                sts_region: Region::parse(region).unwrap(),
                sts_fallback_regions: vec![Region::parse(fallback).unwrap()],
                sts_endpoint: None,
                signin_endpoint: None,
            },
            &Egress::default(),
        )
        .unwrap()
    }

    #[test]
    fn sign_in_host_depends_on_partition_and_region() {
        for (partition, region, fallback, origins) in [
            (
                Partition::Aws,
                "eu-west-1",
                "us-east-1",
                [
                    "https://eu-west-1.signin.aws.amazon.com/",
                    "https://signin.aws.amazon.com/",
                ],
            ),
            (
                Partition::China,
                "cn-north-1",
                "cn-northwest-1",
                [
                    "https://cn-north-1.signin.amazonaws.cn/",
                    "https://cn-northwest-1.signin.amazonaws.cn/",
                ],
            ),
            (
                Partition::GovCloud,
                "us-gov-west-1",
                "us-gov-east-1",
                [
                    "https://us-gov-west-1.signin.amazonaws-us-gov.com/",
                    "https://us-gov-east-1.signin.amazonaws-us-gov.com/",
                ],
            ),
            (
                Partition::EuropeanSovereign,
                "eusc-de-east-1",
                "eusc-de-west-1",
                [
                    "https://eusc-de-east-1.signin.amazonaws-eusc.eu/",
                    "https://eusc-de-west-1.signin.amazonaws-eusc.eu/",
                ],
            ),
        ] {
            let actual = endpoint(partition, region, fallback).origins;
            assert_eq!(actual.iter().map(Url::as_str).collect::<Vec<_>>(), origins);
        }
    }

    #[test]
    fn sign_out_redirects_back() {
        let then = Url::parse("https://sso.example.com/console?account=1&x=a b").unwrap();
        let endpoint = endpoint(Partition::Aws, "eu-west-1", "us-east-1");
        let back =
            "redirect_uri=https%3A%2F%2Fsso.example.com%2Fconsole%3Faccount%3D1%26x%3Da%2520b";
        assert_eq!(
            endpoint.sign_out_url(&then).as_str(),
            format!("https://eu-west-1.signin.aws.amazon.com/oauth?Action=logout&{back}")
        );
    }
}
