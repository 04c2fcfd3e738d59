//! The browser with a site that returns the requests.

use actix_web::{HttpRequest, HttpResponse, web};
use anyhow::{Context, Result};
use rolecall_testkit::browser::{Browser, SameSite};
use rolecall_testkit::serve::LocalServer;
use serde_json::{Map, Value, json};

/// `/echo` returns the request; `/set?…` sets a cookie; `/go?URL` redirects; `/page?HEADER` has a form and this header.
fn site() -> Result<LocalServer> {
    LocalServer::start(0, |routes| {
        routes.route("/echo", web::to(echo));
        let set = |http: HttpRequest| async move {
            HttpResponse::NoContent()
                .insert_header(("Set-Cookie", http.query_string().replace('+', " ")))
                .finish()
        };
        routes.route("/set", web::get().to(set));
        let go = |http: HttpRequest| async move {
            HttpResponse::SeeOther()
                .insert_header(("Location", http.query_string()))
                .finish()
        };
        routes.route("/go", web::to(go));
        routes.route("/page", web::get().to(page));
    })
}

async fn echo(http: HttpRequest, body: String) -> HttpResponse {
    let headers = http
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), json!(value.to_str().ok()?))));
    HttpResponse::Ok().json(json!({ "method": http.method().as_str(), "body": body, "headers": headers.collect::<Map<_, _>>() }))
}

async fn page(http: HttpRequest) -> HttpResponse {
    let (name, value) = http
        .query_string()
        .split_once(':')
        .unwrap_or(("X-None", ""));
    HttpResponse::Ok().content_type("text/html").insert_header((name, value.replace('+', " ").replace("%27", "'"))).body(
        "<h1>Hello</h1><script>no()</script><a href='/echo#top'>  Go   on </a>\
         <form method=post action=/echo><input type=hidden name=csrf value=t><input name=who>\
         <input type=checkbox name=yes value=1 checked><input type=checkbox name=no value=1>\
         <select name=pick><option value=a>A<option value=b selected>B</select><textarea name=note>n</textarea>\
         <button name=do value=first>First</button><button name=do value=second formaction='/go?/echo'>Second</button></form>",
    )
}

fn header<'a>(echo: &'a Value, name: &str) -> Option<&'a str> {
    echo["headers"][name].as_str()
}

#[tokio::test]
async fn headers_depend_on_initiating_site() -> Result<()> {
    let (site_a, site_b) = (site()?, site()?);
    let echo = format!("{}/echo", site_a.url());
    let mut browser = Browser::new()?;
    let typed = browser.open(&echo).await?.json()?;
    assert_eq!(header(&typed, "sec-fetch-site"), Some("none"));
    assert_eq!(
        (header(&typed, "referer"), header(&typed, "origin")),
        (None, None)
    );
    browser.open(&format!("{}/page", site_a.url())).await?;
    let clicked = browser.click("Go on").await?;
    assert_eq!(clicked.url().fragment(), Some("top"));
    let clicked = clicked.json()?;
    assert_eq!(header(&clicked, "sec-fetch-site"), Some("same-origin"));
    assert_eq!(
        header(&clicked, "referer"),
        Some(format!("{}/page", site_a.url()).as_str())
    );
    for (from, site, referer) in [
        (site_b.url(), "same-site", format!("{}/", site_b.url())),
        (
            "https://evil.example".to_owned(),
            "cross-site",
            "https://evil.example/".to_owned(),
        ),
    ] {
        let posted = browser
            .submit_cross_site_form(&from, &echo, &[("a", "b c")])
            .await?
            .json()?;
        assert_eq!(header(&posted, "sec-fetch-site"), Some(site));
        assert_eq!(header(&posted, "origin"), Some(from.as_str()));
        assert_eq!(header(&posted, "referer"), Some(referer.as_str()));
        assert_eq!(posted["body"], "a=b+c");
    }
    // The farthest site of a chain of redirects determines `Sec-Fetch-Site`.
    let there_and_back = format!("{}/go?{echo}", site_b.url());
    let back = browser
        .follow_cross_site_link(&format!("{}/page", site_a.url()), &there_and_back)
        .await?
        .json()?;
    assert_eq!(header(&back, "sec-fetch-site"), Some("same-site"));
    Ok(())
}

#[tokio::test]
async fn no_referrer_page_posts_null_origin() -> Result<()> {
    let site_a = site()?;
    let mut browser = Browser::new()?;
    for (policy, origin, referer) in [
        ("Referrer-Policy:no-referrer", "null".to_owned(), None),
        (
            "Referrer-Policy:same-origin",
            site_a.url(),
            Some(format!("{}/page?Referrer-Policy:same-origin", site_a.url())),
        ),
    ] {
        browser
            .open(&format!("{}/page?{policy}", site_a.url()))
            .await?;
        let posted = browser.submit("/echo", &[("who", "me")]).await?.json()?;
        assert_eq!(header(&posted, "origin"), Some(origin.as_str()));
        assert_eq!(header(&posted, "referer"), referer.as_deref());
        assert_eq!(header(&posted, "sec-fetch-site"), Some("same-origin"));
    }
    Ok(())
}

#[tokio::test]
async fn form_is_sent_as_filled_in() -> Result<()> {
    let site_a = site()?;
    let mut browser = Browser::new()?;
    let page = browser.open(&format!("{}/page", site_a.url())).await?;
    assert!(page.text().starts_with("Hello Go on"), "{}", page.text());
    let sent = browser.submit("/echo", &[("who", "é&=")]).await?.json()?;
    assert_eq!(
        sent["body"],
        "csrf=t&who=%C3%A9%26%3D&yes=1&pick=b&note=n&do=first"
    );
    browser.open(&format!("{}/page", site_a.url())).await?;
    assert!(browser.submit("/echo", &[("unknown", "x")]).await.is_err());
    assert!(browser.submit("#no-such-form", &[]).await.is_err());
    // 303 changes to GET without a body.
    let pressed = browser.press("Second", &[("pick", "a")]).await?.json()?;
    assert_eq!(
        (&pressed["method"], &pressed["body"]),
        (&json!("GET"), &json!(""))
    );
    let methods: Vec<_> = browser
        .visits()
        .iter()
        .rev()
        .take(2)
        .map(|visit| visit.method.to_string())
        .collect();
    assert_eq!(methods, ["GET", "POST"]);
    Ok(())
}

#[tokio::test]
async fn cookie_attributes_are_enforced() -> Result<()> {
    let site_a = site()?;
    let (url, mut browser) = (site_a.url(), Browser::new()?);
    let set = [
        "__Host-s=1;Secure;HttpOnly;Path=/;SameSite=Lax",
        "strict=1;Path=/;SameSite=Strict",
        "t=1;Path=/;Secure;SameSite=None",
        "__Host-bad=1;Path=/",
        "old=1;Path=/;Max-Age=3600",
    ];
    for cookie in set {
        browser.open(&format!("{url}/set?{cookie}")).await?;
    }
    let stored = browser
        .cookie("__Host-s")
        .context("no __Host- cookie on loopback")?;
    assert!(
        stored.http_only && stored.secure && stored.host_only && stored.same_site == SameSite::Lax
    );
    let echo = format!("{url}/echo");
    let all = browser.open(&echo).await?.json()?;
    assert_eq!(
        header(&all, "cookie"),
        Some("__Host-s=1; strict=1; t=1; old=1")
    );
    let link = browser
        .follow_cross_site_link("https://evil.example", &echo)
        .await?
        .json()?;
    assert_eq!(header(&link, "cookie"), Some("__Host-s=1; t=1; old=1"));
    let post = browser
        .submit_cross_site_form("https://evil.example", &echo, &[])
        .await?
        .json()?;
    assert_eq!(header(&post, "cookie"), Some("t=1"));
    browser.restart();
    let left = browser.open(&echo).await?.json()?;
    assert_eq!(header(&left, "cookie"), Some("old=1"));
    Ok(())
}

#[tokio::test]
async fn form_action_applies_to_redirects() -> Result<()> {
    let site_a = site()?;
    let mut browser = Browser::new()?;
    browser
        .open(&format!(
            "{}/page?Content-Security-Policy:form-action+'self'",
            site_a.url()
        ))
        .await?;
    browser.press("Second", &[]).await?;
    browser
        .open(&format!(
            "{}/page?Content-Security-Policy:form-action+'none'",
            site_a.url()
        ))
        .await?;
    let refused = browser
        .submit("/echo", &[])
        .await
        .err()
        .context("the form was sent")?;
    assert!(
        refused.to_string().contains("form-action 'none'"),
        "{refused}"
    );
    Ok(())
}

#[tokio::test]
async fn external_hosts_are_not_contacted() -> Result<()> {
    let site_a = site()?;
    let mut browser = Browser::new()?;
    let page = browser
        .open(&format!(
            "{}/go?https://console.aws.amazon.com/x",
            site_a.url()
        ))
        .await?;
    assert_eq!(
        (page.status(), page.url().as_str()),
        (None, "https://console.aws.amazon.com/x")
    );
    assert_eq!(
        browser.hosts().into_iter().collect::<Vec<_>>(),
        [site_a.address().to_string()]
    );
    Ok(())
}
