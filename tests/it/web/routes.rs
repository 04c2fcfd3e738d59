//! All routes of the public listener: methods, response headers, and access without a session.

use reqwest::header::{ALLOW, CACHE_CONTROL, HeaderMap, ORIGIN, USER_AGENT};
use reqwest::{Method, StatusCode};

use super::*;

/// The path and its methods.
const ROUTES: &[(&str, &str)] = &[
    ("/", "GET, HEAD"),
    ("/sign-in", "GET, HEAD"),
    ("/sign-in/example", "GET"),
    ("/sign-in/example/callback", "GET"),
    ("/sign-in/example/acs", "POST"),
    ("/sign-in/example/continue", "GET"),
    ("/sign-in/example/aws-acs", "POST"),
    ("/sign-in/example/aws-continue/ticket", "GET"),
    ("/sign-in/example/metadata", "GET, HEAD"),
    ("/sign-in/example/slo", "GET, POST"),
    ("/sign-out", "POST"),
    ("/sign-out/clients", "POST"),
    ("/signed-out", "GET, HEAD"),
    ("/console", "GET, HEAD, POST"),
    ("/console/continue/ticket", "GET"),
    ("/credentials", "POST"),
    ("/sessions", "GET, HEAD"),
    ("/config", "GET, HEAD"),
    ("/decode", "GET, HEAD, POST"),
    ("/assignment/accounts", "GET"),
    ("/assignment/roles", "GET"),
    ("/federation/credentials", "GET"),
    ("/logout", "POST"),
    ("/start", "GET, HEAD"),
    ("/start/", "GET, HEAD"),
    ("/sessions/end", "POST"),
    ("/device", "GET, POST"),
    ("/client/register", "POST"),
    ("/device_authorization", "POST"),
    ("/token", "POST"),
    ("/authorize", "GET, POST"),
    ("/.well-known/openid-configuration", "GET, HEAD"),
    ("/jwks", "GET, HEAD"),
    ("/v1/authorize", "GET, HEAD, POST"),
    ("/v1/sessions/confirmation", "GET, HEAD"),
    ("/v1/token", "POST"),
    ("/saml/metadata", "GET, HEAD"),
    ("/client-address", "GET"),
    ("/assets/app.css", "GET, HEAD"),
];

const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW",
];

/// Routes that require a session.
const PRIVATE: [&str; 7] = [
    "/sign-in/example/aws-continue/ticket",
    "/",
    "/console?account=111122223333&permission_set=ReadOnly",
    "/console/continue/ticket",
    "/sessions",
    "/config",
    "/decode?role=111122223333/ReadOnly",
];

/// Asserts the headers of every response of the public listener.
fn ensure_security_headers(fixture: &Fixture, headers: &HeaderMap) -> Result<()> {
    let aws = fixture.stack.aws.url();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self' \
         https://signin.aws.amazon.com https://*.signin.aws.amazon.com https://console.aws.amazon.com https://*.console.aws.amazon.com {aws}; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
    );
    for (name, value) in [
        ("content-security-policy", policy.as_str()),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        let lines: Vec<_> = headers.get_all(name).iter().collect();
        ensure!(lines.len() == 1 && lines[0] == value, "{name}: {lines:?}");
    }
    ensure!(
        headers.contains_key("permissions-policy") && headers.contains_key(CACHE_CONTROL),
        "{headers:?}"
    );
    let reference = headers.get("x-request-id").context("no reference")?;
    ensure!(reference.len() == 16, "{reference:?}");
    for absent in [
        "server",
        "x-powered-by",
        "access-control-allow-origin",
        "strict-transport-security",
    ] {
        ensure!(!headers.contains_key(absent), "{absent} is there");
    }
    Ok(())
}

#[tokio::test]
async fn routes_enforce_methods_and_set_security_headers() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    for (path, allowed) in ROUTES {
        for method in METHODS {
            for cookie in ["", pass.cookie.as_str()] {
                let name = Method::from_bytes(method.as_bytes())?;
                let answer = fixture
                    .client
                    .request(name, fixture.at(path))
                    .header(COOKIE, cookie)
                    .send()
                    .await?;
                let (status, headers) = (answer.status(), answer.headers().clone());
                ensure_security_headers(&fixture, &headers)
                    .with_context(|| format!("{method} {path}: {status}"))?;
                let taken = allowed.split(", ").any(|known| known == method);
                ensure!(
                    taken == (status != StatusCode::METHOD_NOT_ALLOWED),
                    "{method} {path}: {status}"
                );
                ensure!(status != 500, "{method} {path}: {status}");
                if !taken {
                    let allow = headers.get(ALLOW).context("no Allow")?.to_str()?;
                    ensure!(
                        allowed.split(", ").all(|known| allow.contains(known)),
                        "{method} {path}: {allow}"
                    );
                }
                let sets = cookie_set(&answer, SESSION).is_some()
                    || cookie_set(&answer, BROWSER).is_some();
                ensure!(
                    !sets || *path == "/sign-in/example",
                    "{method} {path} sets a cookie"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_immutable_responses_are_cached() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let page = fixture
        .get("/")
        .header(COOKIE, &pass.cookie)
        .send()
        .await?
        .text()
        .await?;
    let links: Vec<&str> = page
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect();
    ensure!(links.len() == 3, "{links:?}");
    for (path, want) in links
        .iter()
        .map(|path| (*path, "public, max-age=31536000, immutable"))
        .chain([
            ("/jwks", "public, max-age=3600"),
            ("/saml/metadata", "public, max-age=3600"),
            ("/.well-known/openid-configuration", "public, max-age=3600"),
            ("/assets/app.css", "no-store"),
            ("/", "no-store"),
            ("/signed-out", "no-store"),
            ("/nowhere", "no-store"),
            ("/sign-in/example", "no-store"),
        ])
    {
        let answer = fixture.get(path).send().await?;
        ensure!(
            answer.headers()[CACHE_CONTROL] == want,
            "{path}: {:?}",
            answer.headers()[CACHE_CONTROL]
        );
        ensure_security_headers(&fixture, answer.headers())?;
    }
    let etag = fixture.get("/jwks").send().await?.headers()["etag"].clone();
    let answer = fixture
        .get("/jwks")
        .header("if-none-match", etag)
        .send()
        .await?;
    ensure!(answer.status() == 304);
    Ok(())
}

#[tokio::test]
async fn head_matches_get_without_body() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    for path in [
        "/",
        "/sessions",
        "/decode",
        "/signed-out",
        "/jwks",
        "/saml/metadata",
        "/.well-known/openid-configuration",
    ] {
        let with = |method: Method| {
            let request = fixture.client.request(method, fixture.at(path));
            request.header(COOKIE, &pass.cookie)
        };
        let (get, head) = (
            with(Method::GET).send().await?,
            with(Method::HEAD).send().await?,
        );
        ensure!(
            head.status() == get.status() && head.status() == 200,
            "{path}"
        );
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            let (get_value, head_value) = (get.headers().get(name), head.headers().get(name));
            ensure!(
                get_value == head_value,
                "{path}: {name}: {get_value:?}, {head_value:?}"
            );
        }
        ensure!(get.headers().contains_key("content-length"), "{path}");
        ensure!(head.bytes().await?.is_empty(), "{path}");
    }
    // Also on the connection: a body after HEAD would be read as the next response.
    let address = fixture.stack.gateway.address;
    let (status, answer) = wire::say(
        address,
        &format!("HEAD /jwks HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
    )
    .await?;
    ensure!(status == 200 && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = fixture.client.head(fixture.at("/sessions")).send().await?;
    ensure!(location(&answer)? == "/sign-in?return_to=%2Fsessions");
    Ok(())
}

#[tokio::test]
async fn pages_require_a_valid_session() -> Result<()> {
    let fixture = Fixture::new().await?;
    for path in PRIVATE {
        let joint = if path.contains('?') { '&' } else { '?' };
        for trick in [
            "",
            "x=/healthz",
            "x=%23",
            "x=;/livez",
            "x=/../jwks",
            "x=%2e%2e/assets/",
        ] {
            let path = if trick.is_empty() {
                path.to_owned()
            } else {
                format!("{path}{joint}{trick}")
            };
            for agent in ["kube-probe/1.30", "GoogleHC/1.0", "ELB-HealthChecker/2.0"] {
                let answer = fixture.get(&path).header(USER_AGENT, agent).send().await?;
                ensure!(
                    answer.status() == 303 && location(&answer)?.starts_with("/sign-in?return_to="),
                    "{path}: {}",
                    answer.status()
                );
                let request = fixture
                    .get(&path)
                    .header(USER_AGENT, agent)
                    .header(ACCEPT, "application/json");
                let answer = request.send().await?;
                ensure!(
                    answer.status() == 401
                        && answer.json::<Value>().await?["error"] == "sign_in_first",
                    "{path}"
                );
            }
        }
    }
    for path in [
        "/;/sessions",
        "/sessions;x",
        "/sessions/",
        "//sessions",
        "/SESSIONS",
        "/%73essions/..",
        "/sessions%00",
        "/./sessions%2f",
    ] {
        let answer = fixture.get(path).send().await?;
        ensure!(
            answer.status() == 404 || answer.status() == 303,
            "{path}: {}",
            answer.status()
        );
    }
    Ok(())
}

#[tokio::test]
async fn listeners_have_separate_routes() -> Result<()> {
    let fixture = Fixture::new().await?;
    for path in ["/livez", "/readyz", "/metrics"] {
        ensure!(
            fixture.get(path).send().await?.status() == 404,
            "{path} is public"
        );
        let inside = format!("http://{}{path}", fixture.stack.gateway.management);
        ensure!(
            fixture.client.get(&inside).send().await?.status() == 200,
            "{path}"
        );
    }
    for (path, _) in ROUTES {
        let inside = format!("http://{}{path}", fixture.stack.gateway.management);
        ensure!(
            fixture.client.get(&inside).send().await?.status() == 404,
            "{path} is on the management listener"
        );
    }
    Ok(())
}

#[tokio::test]
async fn cross_origin_requests_are_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    for (path, _) in ROUTES {
        let request = fixture
            .client
            .request(Method::OPTIONS, fixture.at(path))
            .header(ORIGIN, "https://evil.example");
        let answer = request
            .header("access-control-request-method", "POST")
            .send()
            .await?;
        let answers = answer
            .headers()
            .keys()
            .any(|name| name.as_str().starts_with("access-control-"));
        ensure!(
            !answers && answer.status() == 405,
            "{path}: {}",
            answer.status()
        );
    }
    Ok(())
}
