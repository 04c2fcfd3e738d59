//! The client address behind reverse proxies: network conditions of roles, and the address in audit events.

use reqwest::header::HeaderValue;

use super::*;

const ROLE: [(&str, &str); 2] = [("account", "444455556666"), ("permission_set", "Developer")];

/// A stack behind a proxy on loopback, in which the role of bob is restricted to one network.
async fn fixture(listen: &str) -> Result<Fixture> {
    let from = "accounts = [\"payments-dev\", \"sandbox\"]\n";
    let bound = format!("{from}when = {{ network = [\"10.1.2.0/24\"] }}\n");
    Fixture::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
        settings.listen = listen.to_owned();
        settings.access = settings.access.replace(from, &bound);
    })
    .await
}

/// Requests the role with these headers: the status, and the address in the latest audit event.
async fn ask(fixture: &Fixture, pass: &Pass, headers: &[(&str, &[u8])]) -> Result<(u16, Value)> {
    let mut request = fixture.post(pass, "/credentials", &ROLE);
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value)?);
    }
    let status = request.send().await?.status().as_u16();
    let mut trail = fixture.trail().await?;
    let mut newest = trail.pop().context("no audit event")?;
    Ok((status, newest["address"].take()))
}

#[tokio::test]
async fn forged_client_address_grants_no_access() -> Result<()> {
    let fixture = fixture("").await?;
    let pass = fixture.pass("bob").await?;
    let inside: &[u8] = b"10.1.2.3";
    let (status, address) = ask(&fixture, &pass, &[("x-forwarded-for", inside)]).await?;
    ensure!(status == 200 && address == "10.1.2.3", "{status} {address}");
    // nginx with `$proxy_add_x_forwarded_for` and a client that sends its own header.
    let forged: [&[(&str, &[u8])]; 7] = [
        &[("x-forwarded-for", b"\xe9"), ("forwarded", b"for=10.1.2.3")],
        &[
            ("x-forwarded-for", b"\xe9, 127.0.0.1"),
            ("forwarded", b"for=10.1.2.3"),
        ],
        &[
            ("x-forwarded-for", b"10.1.2.3"),
            ("x-forwarded-for", b"\xe9"),
        ],
        &[("x-forwarded-for", b"10.1.2.3, unknown")],
        &[("x-forwarded-for", b"10.1.2.3, ")],
        &[("x-forwarded-for", b"10.1.2.3%1")],
        &[("forwarded", b"for=10.1.2.3")],
    ];
    for headers in forged {
        let (status, address) = ask(&fixture, &pass, headers).await?;
        ensure!(
            status == 403 && address.is_null(),
            "{headers:?}: {status} {address}"
        );
    }
    let (status, address) = ask(
        &fixture,
        &pass,
        &[
            ("x-forwarded-for", b"10.1.2.3, \xe9, 203.0.113.9"),
            ("forwarded", b"for=10.1.2.3"),
        ],
    )
    .await?;
    ensure!(
        status == 403 && address == "203.0.113.9",
        "{status} {address}"
    );
    Ok(())
}

#[tokio::test]
async fn only_configured_address_header_is_used() -> Result<()> {
    let forwarded: (&str, &[u8]) = ("forwarded", b"for=\"10.1.2.3:4711\";proto=https");
    let listed: (&str, &[u8]) = ("x-forwarded-for", b"10.1.2.3");
    for (listen, opens, closed) in [
        (
            "client_address = \"x-forwarded-for\"",
            Some(listed),
            forwarded,
        ),
        ("client_address = \"forwarded\"", Some(forwarded), listed),
        ("client_address = \"peer\"", None, listed),
        ("client_address = \"peer\"", None, forwarded),
    ] {
        let fixture = fixture(listen).await?;
        let pass = fixture.pass("bob").await?;
        let (status, _) = ask(&fixture, &pass, &[closed]).await?;
        ensure!(status == 403, "{listen}: {closed:?}: {status}");
        if let Some(opens) = opens {
            let (status, address) = ask(&fixture, &pass, &[opens]).await?;
            ensure!(
                status == 200 && address == "10.1.2.3",
                "{listen}: {status} {address}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn unknown_address_is_shown_and_never_grouped() -> Result<()> {
    let fixture = fixture("").await?;
    let pass = fixture.pass("bob").await?;
    let page = fixture
        .get("/sessions")
        .header(COOKIE, &pass.cookie)
        .header("x-forwarded-for", "unknown")
        .send()
        .await?;
    let page = page.text().await?;
    ensure!(page.contains("127.0.0.1"), "{page}");
    let (to, cookie) = {
        let answer = fixture
            .get("/sign-in/example")
            .header("x-forwarded-for", "unknown")
            .send()
            .await?;
        (
            location(&answer)?,
            cookie_set(&answer, BROWSER).context("no cookie")?,
        )
    };
    let callback = fixture.approve(&to, "alice").await?;
    let request = fixture.client.get(callback).header(COOKIE, cookie);
    let answer = request.header("x-forwarded-for", "unknown").send().await?;
    let session = cookie_set(&answer, SESSION).context("not signed in")?;
    let request = fixture.get("/sessions").header(COOKIE, session);
    let page = request.header("x-forwarded-for", "unknown").send().await?;
    let page = page.text().await?;
    ensure!(page.contains("Unknown address"), "{page}");
    let signed_in = fixture.events("signed_in").await?;
    let newest = signed_in.last().context("no sign-in")?;
    ensure!(
        newest.get("address").is_some_and(Value::is_null),
        "{newest}"
    );
    Ok(())
}
