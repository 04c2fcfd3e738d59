//! Programs without a browser use the ID token of the user's last sign-in.

use rolecall_wire::http::ERROR_TYPE;
use rolecall_wire::sso::{BEARER_TOKEN, GetRoleCredentialsRequest, path};

use super::*;

impl Fixture {
    /// GetRoleCredentials with an access token: the status, the exception and the message.
    async fn role_credentials(&self, token: &str) -> Result<(u16, String, String)> {
        let query = serde_urlencoded::to_string(GetRoleCredentialsRequest {
            role_name: "Direct".to_owned(),
            account_id: ACCOUNT.to_owned(),
        })?;
        let request = self.get(&format!("{}?{query}", path::GET_ROLE_CREDENTIALS));
        let answer = request.header(BEARER_TOKEN, token).send().await?;
        let kind = answer.headers().get(ERROR_TYPE);
        let kind = kind.map_or(Ok(""), |kind| kind.to_str())?.to_owned();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await?;
        let message = body["message"].as_str().unwrap_or_default().to_owned();
        Ok((status, kind, message))
    }
}

#[tokio::test]
async fn program_is_told_to_sign_in_again() -> Result<()> {
    let fixture = fixture().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let tokens = fixture.allow_client(&mut browser).await?;
    let token = tokens.access_token.expose();
    ensure!(fixture.role_credentials(token).await?.0 == 200);
    fixture.clock.advance(Duration::from_secs(600));
    let (status, kind, message) = fixture.role_credentials(token).await?;
    ensure!((status, &*kind) == (403, "ForbiddenException"), "{message}");
    let link = fixture.at(&format!("/sign-in/{PROVIDER_ID}"));
    ensure!(
        message.starts_with("Sign in again: role Direct in account 111122223333")
            && message.contains(&link),
        "{message}"
    );
    let refused = fixture.events("issue_refused").await?;
    ensure!(refused[0]["reason"] == "id_token_expired", "{refused:?}");
    // The link is enough: the program keeps its session.
    browser.open(&link).await?;
    ensure!(fixture.role_credentials(token).await?.0 == 200);
    // After the sign-out, nobody uses the token.
    browser.open(&fixture.at("/")).await?;
    browser.press("Sign out", &[]).await?;
    let (status, kind, _) = fixture.role_credentials(token).await?;
    ensure!((status, &*kind) == (403, "ForbiddenException"));
    Ok(())
}

#[tokio::test]
async fn script_of_the_portal_is_told_to_sign_in_again() -> Result<()> {
    let fixture = fixture().await?;
    let pass = fixture.pass("alice").await?;
    let (status, answer) = fixture.post_json(&pass, "/credentials", &FIELDS).await?;
    ensure!(status == 200, "{answer}");
    fixture.clock.advance(Duration::from_secs(600));
    let (status, answer) = fixture.post_json(&pass, "/credentials", &FIELDS).await?;
    ensure!(
        status == 403 && answer["error"] == "id_token_expired",
        "{answer}"
    );
    Ok(())
}
