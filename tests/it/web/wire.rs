//! Requests that browsers do not send: unknown hosts, forged forwarding headers, repeated cookies, and oversized requests.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// Sends these bytes and reads to the end of the connection: the status and the whole response.
pub async fn say(address: SocketAddr, head: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).context("no answer")?.parse()?;
    Ok((status, answer))
}

#[tokio::test]
async fn only_the_public_host_is_served() -> Result<()> {
    let fixture = Fixture::new().await?;
    let address = fixture.stack.gateway.address;
    let own = format!("127.0.0.1:{}", address.port());
    let get = |target: &str, hosts: &str| {
        format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")
    };
    ensure!(
        say(address, &get("/signed-out", &format!("Host: {own}\r\n")))
            .await?
            .0
            == 200
    );
    ensure!(
        say(
            address,
            &get(
                &format!("http://{own}/signed-out"),
                &format!("Host: {own}\r\n")
            )
        )
        .await?
        .0 == 200
    );
    for hosts in [
        String::new(),
        "Host: evil.example\r\n".to_owned(),
        "Host: 127.0.0.1\r\n".to_owned(),
        format!("Host: localhost:{}\r\n", address.port()),
        format!("Host: {own}.evil.example\r\n"),
        format!("Host: {own}\r\nHost: {own}\r\n"),
        format!("Host: evil.example\r\nX-Forwarded-Host: {own}\r\n"),
        format!("Host: {own}@evil.example\r\n"),
        "Host: \r\n".to_owned(),
    ] {
        let (status, answer) = say(address, &get("/signed-out", &hosts)).await?;
        ensure!(status == 421 || status == 400, "{hosts:?}: {answer}");
        ensure!(
            status == 400 || answer.contains("Wrong address"),
            "{hosts:?}: {answer}"
        );
        ensure!(!answer.contains("evil.example"), "{answer}");
        // A link to the portal might lead back to this error.
        ensure!(!answer.contains("href=\"/\""), "{answer}");
    }
    // The stylesheet of the error page is served under any host, and nothing else.
    let foreign = "Host: evil.example\r\n";
    let (_, page) = say(address, &get("/signed-out", foreign)).await?;
    let (_, style) = page
        .split_once("<link rel=\"stylesheet\" href=\"")
        .context("no style")?;
    let (style, _) = style.split_once('"').context("no style")?;
    let (status, answer) = say(address, &get(style, foreign)).await?;
    ensure!(
        status == 200 && answer.contains("content-type: text/css"),
        "{style}: {answer}"
    );
    for path in ["/assets/app-000000000000.css", "/jwks", "/assets/"] {
        let (status, _) = say(address, &get(path, foreign)).await?;
        ensure!(status == 421, "{path}: {status}");
    }
    for target in [
        "http://evil.example/signed-out",
        "https://evil.example/signed-out",
    ] {
        let (status, _) = say(address, &get(target, &format!("Host: {own}\r\n"))).await?;
        ensure!(status == 421 || status == 400, "{target}: {status}");
    }
    let smuggled = format!(
        "POST /sign-out HTTP/1.1\r\nHost: {own}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /"
    );
    let (status, _) = say(address, &smuggled).await?;
    ensure!((400..500).contains(&status), "two lengths: {status}");
    Ok(())
}

#[tokio::test]
async fn forged_forwarding_headers_are_ignored() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("bob").await?;
    let plain = fixture
        .get("/sessions")
        .header(COOKIE, &pass.cookie)
        .send()
        .await?
        .status();
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9;host=evil.example;proto=https"),
        ("x-real-ip", "203.0.113.9"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-uri", "/livez"),
        ("x-forwarded-prefix", "//evil.example"),
        ("x-original-url", "/livez"),
        ("x-rewrite-url", "/livez"),
        ("x-http-method-override", "DELETE"),
        ("x-forwarded-user", "alice"),
        ("x-forwarded-email", "alice@example.com"),
    ] {
        let answer = fixture
            .get("/sessions")
            .header(COOKIE, &pass.cookie)
            .header(name, value)
            .send()
            .await?;
        ensure!(answer.status() == plain);
        let text = answer.text().await?;
        ensure!(
            !text.contains("203.0.113.9") && !text.contains("evil.example") && text.contains("Bob"),
            "{name}"
        );
        let answer = fixture.get("/sessions").header(name, value).send().await?;
        ensure!(
            location(&answer)? == "/sign-in?return_to=%2Fsessions",
            "{name}"
        );
        let (authorize, _) = fixture.begin("/sign-in/example", None).await?;
        ensure!(!authorize.contains("evil.example"), "{authorize}");
    }
    let answer = fixture.post(
        &pass,
        "/credentials",
        &[("account", "999999999999"), ("permission_set", "x")],
    );
    answer
        .header("x-forwarded-for", "203.0.113.9")
        .send()
        .await?;
    let refused = fixture.events("issue_refused").await?;
    ensure!(refused[0]["address"] == "127.0.0.1", "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn repeated_or_malformed_cookie_is_ignored() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let (name, value) = pass.cookie.split_once('=').context("no cookie")?;
    for cookie in [
        format!("{name}={value}; {name}={value}"),
        format!("{name}=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; {name}={value}"),
        format!("{name}=\"{value}\""),
        format!("{}={value}", name.to_uppercase()),
        format!("__Host-{name}={value}"),
        format!("{name}={value}A"),
        format!("{name}={}", &value[1..]),
        format!("{name}="),
        format!("{BROWSER}={value}"),
    ] {
        let answer = fixture.get("/").header(COOKIE, &cookie).send().await?;
        ensure!(answer.status() == 303, "{cookie}: {}", answer.status());
    }
    let answer = fixture
        .get("/")
        .header(COOKIE, format!("other=1; {name}={value}; more=2"))
        .send()
        .await?;
    ensure!(answer.status() == 200);
    Ok(())
}

#[tokio::test]
async fn oversized_requests_are_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let cookies = format!("a={}", "b".repeat(9 * 1024));
    let answer = fixture
        .get("/signed-out")
        .header(COOKIE, cookies)
        .send()
        .await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(
        status == 431 && text.contains("cookies or headers"),
        "{status}: {text}"
    );
    let many = (0..80).fold(fixture.get("/signed-out"), |request, n| {
        request.header(format!("x-{n}"), "1")
    });
    ensure!(many.send().await?.status() == 431);
    let answer = fixture
        .get(&format!("/signed-out?{}", "a".repeat(9 * 1024)))
        .send()
        .await?;
    ensure!(answer.status() == 414, "{}", answer.status());
    ensure!(answer.text().await?.contains("Reference"));
    let own = fixture.stack.gateway.address;
    let huge = format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nX: {}\r\n\r\n",
        own.port(),
        "a".repeat(2 * 1024 * 1024)
    );
    // Rejected, or closed while the client is still sending.
    if let Ok((status, _)) = say(own, &huge).await {
        ensure!((400..500).contains(&status), "{status}");
    }
    ensure!(fixture.get("/signed-out").send().await?.status() == 200);
    Ok(())
}
