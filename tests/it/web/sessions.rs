//! My sessions: listing and ending sessions, and their expiry.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn session_is_listed_and_ended() -> Result<()> {
    let fixture = Fixture::new().await?;
    let phone = fixture.pass("alice").await?;
    let mut desk = fixture.signed_in("alice").await?;
    let page = desk.click("My sessions").await?;
    ensure!(
        page.select("ul.sessions > li")?.len() == 2 && page.text().contains("127.0.0.1"),
        "{}",
        page.text()
    );
    let page = desk
        .press("End the session: A program on Linux, 127.0.0.1", &[])
        .await?;
    ensure!(
        page.url()
            .as_str()
            .starts_with(&fixture.at("/sessions?ended=one&proof="))
            && page.text().contains("The session was ended"),
        "{}",
        page.url()
    );
    ensure!(page.select("ul.sessions > li")?.len() == 1);
    let answer = fixture
        .get("/")
        .header(COOKIE, &phone.cookie)
        .send()
        .await?;
    ensure!(answer.status() == 303);
    let ended = fixture.events("signed_out").await?;
    ensure!(
        ended.len() == 1 && ended[0]["reason"] == "ended_by_owner",
        "{ended:?}"
    );
    Ok(())
}

#[tokio::test]
async fn forged_link_shows_no_notice() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (mine, other) = (fixture.pass("alice").await?, fixture.pass("alice").await?);
    let answer = fixture
        .post(&other, "/sessions/end", &[("others", "true")])
        .send()
        .await?;
    let notice_url = location(&answer)?;
    let others = fixture.pass("alice").await?;
    let get = async |place: &str, pass: &Pass| -> Result<bool> {
        let page = fixture
            .get(place)
            .header(COOKIE, &pass.cookie)
            .send()
            .await?;
        Ok(page.text().await?.contains("All other sessions were ended"))
    };
    ensure!(get(&notice_url, &other).await?);
    for link in [
        notice_url.as_str(),
        "/sessions?ended=others",
        "/sessions?ended=others&proof=",
    ] {
        ensure!(!get(link, &others).await?, "{link}");
    }
    // A session that has ended cannot end others and shows no notice.
    let answer = fixture
        .post(&mine, "/sessions/end", &[("others", "true")])
        .send()
        .await?;
    ensure!(
        answer.status() == 401 && get("/sessions", &others).await?.eq(&false),
        "{}",
        answer.status()
    );
    Ok(())
}

#[tokio::test]
async fn all_other_sessions_are_ended() -> Result<()> {
    let fixture = Fixture::new().await?;
    let others = [fixture.pass("alice").await?, fixture.pass("alice").await?];
    let bob = fixture.pass("bob").await?;
    fixture.clock.advance(Duration::from_secs(1));
    let mut mine = fixture.signed_in("alice").await?;
    mine.click("My sessions").await?;
    let page = mine.press("End all other sessions", &[]).await?;
    ensure!(
        page.text().contains("All other sessions were ended")
            && page.select("ul.sessions > li")?.len() == 1,
        "{}",
        page.text()
    );
    for pass in others {
        let answer = fixture.get("/").header(COOKIE, &pass.cookie).send().await?;
        ensure!(answer.status() == 303);
    }
    for pass in [bob, pass_of(&mine)?] {
        let answer = fixture.get("/").header(COOKIE, &pass.cookie).send().await?;
        ensure!(answer.status() == 200);
    }
    Ok(())
}

#[tokio::test]
async fn session_of_another_user_cannot_be_ended() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (alice, bob) = (fixture.pass("alice").await?, fixture.pass("bob").await?);
    let events = fixture.events("signed_in").await?;
    let id = events[1]["session"].as_str().context("no id")?;
    let answer = fixture
        .post(&alice, "/sessions/end", &[("session", id)])
        .send()
        .await?;
    ensure!(answer.status() == 303);
    let answer = fixture.get("/").header(COOKIE, &bob.cookie).send().await?;
    ensure!(
        answer.status() == 200 && fixture.events("signed_out").await?.is_empty(),
        "{}",
        answer.status()
    );
    for fields in [&[] as &[(&str, &str)], &[("others", "yes")]] {
        ensure!(
            fixture
                .post(&alice, "/sessions/end", fields)
                .send()
                .await?
                .status()
                == 400
        );
    }
    Ok(())
}

#[tokio::test]
async fn idle_session_ends_and_page_is_kept() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    fixture.clock.advance(Duration::from_secs(59 * 60));
    let page = browser.open(&fixture.at("/sessions")).await?;
    ensure!(
        page.url().path() == "/sessions"
            && browser
                .visits()
                .last()
                .is_some_and(|visit| visit.url.path() == "/sessions"),
        "{}",
        page.url()
    );
    let before = pass_of(&browser)?;
    fixture.clock.advance(Duration::from_secs(61 * 60));
    let page = browser.open(&fixture.at("/?q=prod")).await?;
    ensure!(
        page.url().as_str() == fixture.at("/?q=prod"),
        "{}",
        page.url()
    );
    let way: Vec<&str> = browser
        .visits()
        .iter()
        .rev()
        .take(6)
        .map(|visit| visit.url.path())
        .collect();
    ensure!(
        way.contains(&"/sign-in") && way.contains(&"/authorize"),
        "{way:?}"
    );
    ensure!(pass_of(&browser)?.cookie != before.cookie);
    Ok(())
}

#[tokio::test]
async fn active_session_ends_at_its_maximum_lifetime() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut cookie = fixture.pass("alice").await?.cookie;
    for round in 1..=16 {
        let answer = fixture.get("/").header(COOKIE, &cookie).send().await?;
        ensure!(
            answer.status() == 200,
            "{} in round {round}",
            answer.status()
        );
        // The client uses the renewed secret, like a browser.
        cookie = cookie_set(&answer, SESSION).unwrap_or(cookie);
        fixture.clock.advance(Duration::from_secs(30 * 60));
    }
    let answer = fixture.get("/").header(COOKIE, &cookie).send().await?;
    ensure!(
        answer.status() == 303 && location(&answer)? == "/sign-in?return_to=%2F",
        "{}",
        answer.status()
    );
    let answer = fixture
        .get("/")
        .header(COOKIE, &cookie)
        .header(ACCEPT, "application/json")
        .send()
        .await?;
    ensure!(answer.status() == 401);
    let error = answer.json::<Value>().await?;
    ensure!(error["error"] == "sign_in_first", "{error}");
    Ok(())
}

#[tokio::test]
async fn form_after_session_end_is_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    fixture.clock.advance(Duration::from_secs(9 * 3_600));
    let page = browser.press("Credentials", &[]).await?;
    ensure!(
        page.status().is_some_and(|status| status == 401),
        "{}",
        page.text()
    );
    ensure!(
        page.text()
            .contains("your session has ended. No changes were made."),
        "{}",
        page.text()
    );
    let page = browser.click("Sign in").await?;
    ensure!(page.url().as_str() == fixture.at("/"), "{}", page.url());
    ensure!(
        fixture.stack.aws.issued().is_empty(),
        "{} issued",
        fixture.stack.aws.issued().len()
    );
    Ok(())
}
