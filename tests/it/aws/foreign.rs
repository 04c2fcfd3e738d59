//! Responses that do not come from STS: of a proxy, of another vendor's server, or a page with a success status.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};
use rolecall_core::aws::{Sts as _, StsError, StsRefusal};
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{StsClient, http_client};
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
        let error = asked(head, body).await?;
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
