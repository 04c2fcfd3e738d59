//! Responses that do not come from STS: of a proxy, of another vendor's server, or a page with a success status.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use aws_credential_types::Credentials;
use rolecall_core::aws::{ErrorText, Region, Sts as _, StsError, StsRefusal};
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{OwnCredentials, StsClient, http_client};
use rolecalld::world::SystemClock;
use url::Url;

use super::fixture::{StsFixture, settings};

/// A server that answers each request with this, until the test ends.
fn server(head: &str, body: &str) -> Result<Url> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream?;
            if stream.read(&mut [0; 64 * 1024])? > 0 {
                stream.write_all(answer.as_bytes())?;
            }
        }
        std::io::Result::Ok(())
    });
    Ok(Url::parse(&format!("http://{address}"))?)
}

async fn asked(head: &str, body: &str) -> Result<StsError> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let mut settings = settings(None)?;
    settings.sts_endpoint = Some(server(head, body)?);
    let sts = StsClient::new(settings, http_client());
    match sts.assume(&fixture.request().await?).await {
        Ok(issued) => bail!("{head}: {issued:?}"),
        Err(error) => Ok(error),
    }
}

#[tokio::test]
async fn response_of_another_server_is_refusal() -> Result<()> {
    for (head, body, code, message) in [
        (
            "403 Forbidden\r\ncontent-type: text/html",
            "<html><title>Blocked</title><body>Destination not allowed</body></html>",
            "HTTP 403",
            "Blocked Destination not allowed",
        ),
        (
            "407 Proxy Authentication Required",
            "",
            "HTTP 407",
            "an empty response",
        ),
        // As Ceph's radosgw answers.
        (
            "400 Bad Request\r\ncontent-type: application/xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>InvalidArgument</Code><RequestId>tx01</RequestId></Error>",
            "HTTP 400",
            "InvalidArgument tx01",
        ),
        (
            "404 Not Found\r\ncontent-type: application/json",
            "{\"message\":\"no Route matched\"}",
            "HTTP 404",
            "{\"message\":\"no Route matched\"}",
        ),
        (
            "301 Moved Permanently\r\nlocation: https://example.com/",
            "Moved",
            "HTTP 301",
            "Moved",
        ),
        (
            "200 OK\r\ncontent-type: text/html",
            "<html>SecretAccessKey Welcome</html>",
            "HTTP 200",
            "a success that is not a response of AWS STS",
        ),
    ] {
        let (earlier, error) = asked(head, body).await?.into_parts();
        // A success can be one of STS that is damaged.
        let lost = u32::from(head.starts_with('2'));
        assert_eq!(earlier.unanswered, lost, "{head}");
        let StsError::Refused {
            refusal,
            code: status,
            message: words,
            request_id: None,
        } = &error
        else {
            bail!("{head}: {error:?}");
        };
        assert_eq!(*refusal, StsRefusal::NotSts, "{head}");
        assert_eq!((status.as_str(), words.as_str()), (code, message));
    }
    Ok(())
}

#[tokio::test]
async fn outage_statuses_are_outages() -> Result<()> {
    for head in [
        "408 Request Timeout",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
    ] {
        let error = asked(head, "busy").await?;
        assert!(
            matches!(
                error,
                StsError::Unavailable(_) | StsError::Unanswered { .. }
            ),
            "{head}: {error:?}"
        );
    }
    Ok(())
}

/// A proxy that answers with 502 or 504 may have sent the request to STS. One that rejects the request has not.
#[tokio::test]
async fn responses_that_are_not_of_sts_count_as_unanswered() -> Result<()> {
    for (head, attempts) in [
        ("403 Forbidden", 0),
        ("407 Proxy Authentication Required", 0),
        ("429 Too Many Requests", 0),
        ("500 Internal Server Error", 3),
        ("502 Bad Gateway", 3),
        ("504 Gateway Timeout", 3),
    ] {
        let (earlier, _) = asked(head, "<html>busy</html>").await?.into_parts();
        assert_eq!(earlier.unanswered, attempts, "{head}");
    }
    Ok(())
}

/// A success of STS that contains these members.
fn success(credentials: &str, more: &str) -> String {
    format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>{credentials}<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/Developer/alice</Arn><AssumedRoleId>AROAEXAMPLE:alice</AssumedRoleId></AssumedRoleUser>{more}</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>"
    )
}

const CREDENTIALS: &str = "<Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>canary</SecretAccessKey><SessionToken>canary</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>";

/// STS may have issued credentials, so no other Region is asked for them a second time.
#[tokio::test]
async fn a_success_that_cannot_be_read_is_final() -> Result<()> {
    for body in [
        "<html>Welcome</html>".to_owned(),
        success("", ""),
        success(CREDENTIALS, "")[..300].to_owned(),
    ] {
        let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
        let (first, second) = (server("200 OK", &body)?, Url::parse(&fixture.aws.url())?);
        let endpoints = Arc::new(move |region: &Region| {
            Some(match region.as_str() {
                "eu-west-1" => first.clone(),
                _ => second.clone(),
            })
        });
        let sts = StsClient::with_endpoints(settings(None)?, http_client(), endpoints);
        let Err(error) = sts.assume(&fixture.request().await?).await else {
            bail!("issued: {body}");
        };
        assert_eq!(error.refusal(), Some(StsRefusal::NotSts), "{body}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        assert_eq!(error.into_parts().0.unanswered, 1, "{body}");
        assert!(fixture.aws.requests().is_empty(), "{body}");
    }
    Ok(())
}

/// Only PackedPolicySize has the measure of PackedPolicyTooLarge.
#[tokio::test]
async fn packed_size_is_that_of_policies_and_tags() -> Result<()> {
    let packed = "<PackedPolicySize>12</PackedPolicySize>";
    let utilization = "<SessionTokenUtilization>61</SessionTokenUtilization>";
    for (sizes, expected) in [
        (format!("{packed}{utilization}"), Some(12)),
        (packed.to_owned(), Some(12)),
        (utilization.to_owned(), Some(61)),
        (String::new(), None),
    ] {
        let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
        let mut settings = settings(None)?;
        settings.sts_endpoint = Some(server("200 OK", &success(CREDENTIALS, &sizes))?);
        let sts = StsClient::new(settings, http_client());
        let issued = sts.assume(&fixture.request().await?).await?;
        assert_eq!(issued.packed_size_percent, expected, "{sizes}");
    }
    Ok(())
}

/// An answer about whose credentials these are must be consistent.
#[tokio::test]
async fn caller_identity_with_another_account_is_no_answer() -> Result<()> {
    let arn = "arn:aws:iam::111122223333:user/gateway";
    for (account, arn, is_known) in [
        ("111122223333", arn, true),
        ("444455556666", arn, false),
        ("", arn, false),
        (
            "111122223333",
            "arn:aws:iam::111122223333:role/gateway",
            false,
        ),
    ] {
        let body = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>{arn}</Arn><UserId>AIDA</UserId><Account>{account}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        );
        let mut settings = settings(None)?;
        settings.sts_endpoint = Some(server("200 OK", &body)?);
        let key = Credentials::new("AKIAIOSFODNN7EXAMPLE", "canary", None, None, "test");
        let own = OwnCredentials::provided(key, Arc::new(SystemClock));
        let sts = StsClient::new(settings, http_client()).signing_with(own);
        let identity = sts.own_identity().await;
        assert_eq!(identity.is_ok(), is_known, "{account} {arn}: {identity:?}");
    }
    Ok(())
}

/// A server may repeat the request in its response.
#[tokio::test]
async fn repeated_token_is_removed() -> Result<()> {
    let token = format!(
        "eyJhbGciOiJFUzI1NiJ9.{}.{}",
        "p".repeat(600),
        "s".repeat(86)
    );
    let error = asked("400 Bad Request", &format!("cannot parse {token}")).await?;
    let told = format!("{error} {error:?}");
    assert!(told.contains("cannot parse [removed]"), "{told}");
    assert!(!told.contains("eyJ") && !told.contains("ssss"), "{told}");
    Ok(())
}

/// A success that is not one of STS is no outage: it does not block credentials for others.
#[tokio::test]
async fn empty_successes_do_not_open_the_circuit_breaker() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let issued = fixture.issued().await?;
    let message = ErrorText::read(&"canary".repeat(12)).encoded;
    let message = message.context("an encoded message")?;
    for operation in ["DecodeAuthorizationMessage", "GetCallerIdentity"] {
        let body = format!(
            "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result></{operation}Result></{operation}Response>"
        );
        let mut settings = settings(None)?;
        settings.sts_endpoint = Some(server("200 OK\r\ncontent-type: text/xml", &body)?);
        let sts = StsClient::new(settings, http_client());
        for _ in 0..5 {
            let error = match operation {
                "GetCallerIdentity" => sts.identity_of(&issued.credentials, None).await.err(),
                _ => {
                    let answer =
                        sts.decode_authorization_message(&issued.credentials, None, &message);
                    answer.await.err()
                }
            };
            let error = error.context("the response is empty")?;
            // An open circuit breaker would be StsError::Unavailable.
            assert_eq!(error.refusal(), Some(StsRefusal::NotSts), "{error}");
        }
    }
    Ok(())
}
