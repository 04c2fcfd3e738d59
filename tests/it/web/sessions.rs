//! My sessions: seeing them, ending them, and how they end by themselves.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn sessions_are_listed_and_one_is_ended() -> Result<()> {
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
            && page.text().contains("The session was ended")
    );
    ensure!(page.select("ul.sessions > li")?.len() == 1);
    let answer = fixture
        .get("/")
        .header(COOKIE, &phone.cookie)
        .send()
        .await?;
    ensure!(answer.status() == 303, "an ended session lives");
    let ended = fixture.events("signed_out").await?;
    ensure!(ended.len() == 1 && ended[0]["reason"] == "ended_by_owner");
    Ok(())
}

#[tokio::test]
async fn a_link_of_somebody_else_tells_nobody_that_sessions_have_ended() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (mine, other) = (fixture.pass("alice").await?, fixture.pass("alice").await?);
    let answer = fixture
        .post(&other, "/sessions/end", &[("others", "true")])
        .send()
        .await?;
    let told = location(&answer)?;
    let others = fixture.pass("alice").await?;
    let get = async |place: &str, pass: &Pass| -> Result<bool> {
        let page = fixture
            .get(place)
            .header(COOKIE, &pass.cookie)
            .send()
            .await?;
        Ok(page.text().await?.contains("All other sessions were ended"))
    };
    ensure!(get(&told, &other).await?);
    for link in [
        told.as_str(),
        "/sessions?ended=others",
        "/sessions?ended=others&proof=",
    ] {
        ensure!(!get(link, &others).await?, "{link}");
    }
    // One that has ended ends no other, and does not say so.
    let answer = fixture
        .post(&mine, "/sessions/end", &[("others", "true")])
        .send()
        .await?;
    ensure!(answer.status() == 401 && get("/sessions", &others).await?.eq(&false));
    Ok(())
}

#[tokio::test]
async fn all_others_are_ended_at_once() -> Result<()> {
    let fixture = Fixture::new().await?;
    let others = [fixture.pass("alice").await?, fixture.pass("alice").await?];
    let bob = fixture.pass("bob").await?;
    fixture.clock.advance(Duration::from_secs(1));
    let mut mine = fixture.signed_in("alice").await?;
    mine.click("My sessions").await?;
    let page = mine.press("End all other sessions", &[]).await?;
    ensure!(
        page.text().contains("All other sessions were ended")
            && page.select("ul.sessions > li")?.len() == 1
    );
    for pass in others {
        let answer = fixture.get("/").header(COOKIE, &pass.cookie).send().await?;
        ensure!(answer.status() == 303);
    }
    for pass in [bob, pass_of(&mine)?] {
        let answer = fixture.get("/").header(COOKIE, &pass.cookie).send().await?;
        ensure!(answer.status() == 200, "ended too much");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_ends_the_session_of_somebody_else() -> Result<()> {
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
    ensure!(answer.status() == 200 && fixture.events("signed_out").await?.is_empty());
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
async fn an_idle_session_ends_and_the_person_comes_back_to_their_place() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    fixture.clock.advance(Duration::from_secs(59 * 60));
    let page = browser.open(&fixture.at("/sessions")).await?;
    ensure!(
        page.url().path() == "/sessions"
            && browser
                .visits()
                .last()
                .is_some_and(|visit| visit.url.path() == "/sessions")
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
async fn no_use_keeps_a_session_beyond_its_end() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut cookie = fixture.pass("alice").await?.cookie;
    for round in 1..=16 {
        let answer = fixture.get("/").header(COOKIE, &cookie).send().await?;
        ensure!(
            answer.status() == 200,
            "{} in round {round}",
            answer.status()
        );
        // The secret is renewed along the way, as a browser would take it.
        cookie = cookie_set(&answer, SESSION).unwrap_or(cookie);
        fixture.clock.advance(Duration::from_secs(30 * 60));
    }
    let answer = fixture.get("/").header(COOKIE, &cookie).send().await?;
    ensure!(answer.status() == 303 && location(&answer)? == "/sign-in?return_to=%2F");
    let answer = fixture
        .get("/")
        .header(COOKIE, &cookie)
        .header(ACCEPT, "application/json")
        .send()
        .await?;
    ensure!(answer.status() == 401 && answer.json::<Value>().await?["error"] == "sign_in_first");
    Ok(())
}

#[tokio::test]
async fn a_form_sent_after_the_end_does_nothing() -> Result<()> {
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
        "a form was sent again on somebody's behalf"
    );
    Ok(())
}
