//! Forged and invalid forms are rejected and have no effect.

use reqwest::header::{CONTENT_ENCODING, ORIGIN};

use super::*;

const FIELDS: [(&str, &str); 5] = [
    ("account", "444455556666"),
    ("permission_set", "Developer"),
    ("role", "444455556666/Developer"),
    ("message", DENIED),
    ("others", "true"),
];
/// An error with an encoded message of 80 characters.
const DENIED: &str = "Encoded authorization failure message: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const FORMS: [&str; 5] = [
    "/console",
    "/credentials",
    "/decode",
    "/sessions/end",
    "/sign-out",
];

/// Asserts that nothing was issued and no session has ended.
async fn ensure_no_effect(fixture: &Fixture, passes: &[&Pass]) -> Result<()> {
    for pass in passes {
        let answer = fixture.get("/").header(COOKIE, &pass.cookie).send().await?;
        ensure!(answer.status() == 200);
    }
    ensure!(
        fixture.stack.aws.requests().is_empty(),
        "{} requests to AWS",
        fixture.stack.aws.requests().len()
    );
    ensure!(
        fixture.events("signed_out").await?.is_empty()
            && fixture.events("issue_intended").await?.is_empty()
    );
    Ok(())
}

#[tokio::test]
async fn form_without_csrf_token_is_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (mine, second, bobs) = (
        fixture.pass("alice").await?,
        fixture.pass("alice").await?,
        fixture.pass("bob").await?,
    );
    let turned: String = mine.csrf.chars().rev().collect();
    for path in FORMS {
        for token in [
            "",
            second.csrf.as_str(),
            bobs.csrf.as_str(),
            &turned,
            &mine.csrf[1..],
            "é",
        ] {
            let forged = Pass {
                csrf: token.to_owned(),
                ..mine.clone()
            };
            let answer = fixture.post(&forged, path, &FIELDS).send().await?;
            ensure!(
                answer.status() == 403,
                "{path} with {token:?}: {}",
                answer.status()
            );
        }
        let request = fixture
            .client
            .post(fixture.at(path))
            .header(COOKIE, &mine.cookie)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = request
            .body("account=444455556666&permission_set=Developer&others=true")
            .send()
            .await?;
        ensure!(
            answer.status() == 403,
            "{path} without a token: {}",
            answer.status()
        );
    }
    ensure_no_effect(&fixture, &[&mine, &second, &bobs]).await
}

#[tokio::test]
async fn cross_site_form_is_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    for path in FORMS {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "anything"),
            ("origin", "https://evil.example"),
            ("origin", "http://127.0.0.1"),
            ("origin", "https://127.0.0.1"),
        ] {
            let answer = fixture
                .post(&pass, path, &FIELDS)
                .header(name, value)
                .send()
                .await?;
            ensure!(
                answer.status() == 403,
                "{path} with {name}: {value}: {}",
                answer.status()
            );
        }
        let twice = fixture
            .post(&pass, path, &FIELDS)
            .header(ORIGIN, fixture.stack.url())
            .header(ORIGIN, "https://evil.example");
        ensure!(twice.send().await?.status() == 403);
    }
    ensure_no_effect(&fixture, &[&pass]).await?;

    let mut browser = fixture.signed_in("bob").await?;
    let csrf = pass_of(&browser)?.csrf;
    let fields = [
        ("account", "444455556666"),
        ("permission_set", "Developer"),
        ("csrf", csrf.as_str()),
    ];
    let page = browser
        .submit_cross_site_form(
            "https://evil.example/",
            &fixture.at("/credentials"),
            &fields,
        )
        .await?;
    ensure!(
        page.status().is_some_and(|status| status == 403),
        "{}",
        page.text()
    );
    ensure_no_effect(&fixture, &[&pass]).await
}

#[tokio::test]
async fn get_requests_have_no_side_effects() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let query = format!(
        "account=444455556666&permission_set=Developer&others=true&csrf={}",
        pass.csrf
    );
    for path in FORMS.iter().chain(&["/", "/sessions", "/signed-out"]) {
        fixture
            .get(&format!("{path}?{query}"))
            .header(COOKIE, &pass.cookie)
            .send()
            .await?;
    }
    ensure_no_effect(&fixture, &[&pass]).await
}

#[tokio::test]
async fn invalid_forms_return_clear_errors() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let csrf = &pass.csrf;
    let huge = "a".repeat(64 * 1024);
    let bodies = [
        String::new(),
        format!("csrf={csrf}"),
        format!("account=444455556666&account=111122223333&permission_set=Developer&csrf={csrf}"),
        format!(
            "account=444455556666&permission_set=Developer&permission_set=ReadOnly&csrf={csrf}"
        ),
        format!("account=44445555666&permission_set=Developer&csrf={csrf}"),
        format!("account=%EF%BC%94444555566666&permission_set=Developer&csrf={csrf}"),
        format!("account=444455556666%00&permission_set=Developer&csrf={csrf}"),
        format!("account[]=444455556666&permission_set=Developer&csrf={csrf}"),
        format!("account=444455556666&permission_set=%00%ff%fe&csrf={csrf}"),
        format!("account=444455556666&permission_set={huge}&csrf={csrf}"),
        "%".to_owned(),
        "\u{0}\u{0}&&&===".to_owned(),
    ];
    for path in ["/credentials", "/console"] {
        for body in &bodies {
            let request = fixture
                .client
                .post(fixture.at(path))
                .header(COOKIE, &pass.cookie);
            let answer = request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body.clone())
                .send()
                .await?;
            let shown: String = body.chars().take(60).collect();
            ensure!(
                answer.status().is_client_error(),
                "{path}: {shown}: {}",
                answer.status()
            );
            ensure!(
                answer.headers().contains_key("x-frame-options"),
                "{:?}",
                answer.headers()
            );
            ensure!(
                answer.text().await?.contains("Reference"),
                "{path}: {shown}"
            );
        }
        let oversized = fixture
            .post(&pass, path, &[("account", &huge)])
            .send()
            .await?;
        ensure!(oversized.status() == 413, "{}", oversized.status());
        for kind in [
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=a",
        ] {
            let request = fixture
                .client
                .post(fixture.at(path))
                .header(COOKIE, &pass.cookie);
            let answer = request
                .header(CONTENT_TYPE, kind)
                .body(format!("csrf={csrf}"))
                .send()
                .await?;
            ensure!(
                answer.status().is_client_error(),
                "{kind}: {}",
                answer.status()
            );
        }
        let packed = fixture
            .post(&pass, path, &FIELDS)
            .header(CONTENT_ENCODING, "gzip")
            .send()
            .await?;
        ensure!(packed.status() == 415, "{}", packed.status());
    }
    ensure_no_effect(&fixture, &[&pass]).await
}
