//! Authentication at the portal interface: one access token of the gateway in one header. Each error has its own message.

use super::*;

#[tokio::test]
async fn token_is_accepted_only_in_the_header() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let token = fixture.token_of("alice").await?;
    let paths = [
        "/assignment/accounts".to_owned(),
        format!("/assignment/roles?account_id={SANDBOX}"),
        credentials_of(SANDBOX, "Developer")?,
    ];
    for path in &paths {
        let and = if path.contains('?') { '&' } else { '?' };
        let unheard = "The header x-amz-sso_bearer_token is missing. A reverse proxy";
        let unclear = "The header x-amz-sso_bearer_token must contain exactly one access token.";
        let foreign = "This access token was not issued by Rolecall at http://127.0.0.1:";
        let ended = "Session token not found or invalid";
        let (expired, printed) = ("UnauthorizedException", "InvalidRequestException");
        let spelt = |end: &str| format!("{}{end}", &token[..token.len() - end.len()]);
        let tries = [
            (fixture.get(path), printed, unheard),
            (
                fixture.get(path).header(COOKIE, &pass.cookie),
                printed,
                unheard,
            ),
            (
                fixture
                    .get(path)
                    .header(AUTHORIZATION, format!("Bearer {token}")),
                printed,
                unheard,
            ),
            (
                fixture.get(&format!(
                    "{path}{and}access_token={token}&{BEARER_TOKEN}={token}"
                )),
                printed,
                unheard,
            ),
            (
                fixture
                    .get(path)
                    .header(BEARER_TOKEN, &token)
                    .header(BEARER_TOKEN, &token),
                printed,
                unclear,
            ),
            (
                fixture.get(path).header(BEARER_TOKEN, &b"\xe9"[..]),
                printed,
                unclear,
            ),
            // The format of AWS's CreateToken response.
            (
                fixture.get(path).header(
                    BEARER_TOKEN,
                    "aoal-YigITUDiNX1xZwOMXM5MxOWDL0E0jg9P6_C:MGYC",
                ),
                printed,
                foreign,
            ),
            (fixture.get(path).header(BEARER_TOKEN, ""), expired, foreign),
            (
                fixture
                    .get(path)
                    .header(BEARER_TOKEN, &token[..token.len() - 1]),
                expired,
                foreign,
            ),
            (
                fixture.get(path).header(BEARER_TOKEN, format!("{token}A")),
                expired,
                foreign,
            ),
            (
                fixture.get(path).header(BEARER_TOKEN, token.to_uppercase()),
                expired,
                foreign,
            ),
            (
                fixture.get(path).header(BEARER_TOKEN, "x".repeat(4_000)),
                expired,
                foreign,
            ),
            (
                fixture.get(path).header(BEARER_TOKEN, spelt("AAAA")),
                expired,
                ended,
            ),
        ];
        for (number, (request, exception, expected)) in tries.into_iter().enumerate() {
            let (status, kind, body) = read(request.send().await?).await?;
            ensure!(
                status == 401 && kind == exception,
                "{path}, try {number}: {status} {kind} {body}"
            );
            let message = body["message"].as_str().unwrap_or_default();
            ensure!(
                message.starts_with(expected),
                "{path}, try {number}: {body}"
            );
        }
    }
    ensure!(
        fixture.stack.aws.issued().is_empty(),
        "{} issued",
        fixture.stack.aws.issued().len()
    );
    Ok(())
}
