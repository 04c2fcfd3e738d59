//! Texts and roles that another person chose.

use super::*;

/// An encoded message that no AWS made.
fn forged() -> String {
    format!("Encoded authorization failure message: {}", "a".repeat(80))
}

async fn answer(
    fixture: &Fixture,
    pass: &Pass,
    message: &str,
    role: &str,
) -> Result<(u16, String)> {
    let fields = [("message", message), ("role", role)];
    let answer = fixture.post(pass, "/decode", &fields).send().await?;
    ensure!(answer.headers()["cache-control"] == "no-store");
    Ok((answer.status().as_u16(), answer.text().await?))
}

#[tokio::test]
async fn pasted_markup_and_control_characters_are_inert() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("bob").await?;
    let message = "</textarea><script>alert(1)</script> User: arn:aws:sts::444455556666:assumed-role/<b>\u{202e}x/y is not authorized to \
                   perform: s3:GetObject on resource: \"><img/src=x/onerror=alert(1)> because no session policy allows\u{0}";
    let (status, page) = answer(&fixture, &pass, message, "").await?;
    ensure!(status == 200, "{status}: {page}");
    for alive in ["<script>alert", "<img/src", "</textarea><script", "/<b>"] {
        ensure!(!page.contains(alive), "{alive}: {page}");
    }
    // Only the text area repeats what reorders text.
    let (before, _) = page.split_once("<textarea").context("no text area")?;
    ensure!(!before.contains('\u{202e}'), "{before}");
    ensure!(fixture.stack.aws.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn text_that_is_no_error_is_refused_without_an_issue() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("bob").await?;
    let role = "444455556666/Developer";
    let huge = "x".repeat(100_000);
    let large = format!("{} ", "x".repeat(14_500));
    let encoded_max = "y".repeat(10_241);
    // Three bytes for each character of the form.
    let punctuation = "{\"".repeat(6_990);
    for (message, expected) in [
        ("", 422),
        ("hello", 422),
        ("\u{0}\u{1}\u{feff}\u{fffd}", 422),
        (encoded_max.as_str(), 422),
        (punctuation.as_str(), 422),
        (large.as_str(), 413),
        (huge.as_str(), 413),
    ] {
        let (status, page) = answer(&fixture, &pass, message, role).await?;
        ensure!(status == expected, "{} characters: {status}", message.len());
        ensure!(page.len() < 64 * 1_024, "{} bytes", page.len());
    }
    // Bytes that are not UTF-8.
    let body = format!("message=%ff%fe%00&role={role}&csrf={}", pass.csrf);
    let request = fixture.client.post(fixture.at("/decode"));
    let binary = request
        .header(COOKIE, &pass.cookie)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let status = binary.body(body).send().await?.status();
    ensure!(status == 422 || status == 400, "{status}");
    ensure!(fixture.stack.aws.requests().is_empty(), "AWS was asked");
    ensure!(fixture.events("issue_intended").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn forged_and_foreign_messages_are_not_decoded() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("bob").await?;
    let of_sandbox = denied(&fixture, &pass, "777788889999", "Developer", "readonly").await?;
    let cut = &of_sandbox[..of_sandbox.len() - 20];
    for message in [forged().as_str(), &of_sandbox, cut] {
        let (status, page) = answer(&fixture, &pass, message, "444455556666/Developer").await?;
        ensure!(status == 422, "{status}: {page}");
        ensure!(
            page.contains("AWS cannot read the encoded message.") && !page.contains("m5.24xlarge"),
            "{page}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn roles_of_others_decode_nothing() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("bob").await?;
    for (role, expected) in [
        // Of a platform engineer, of production without a second factor, of no account.
        ("444455556666/Administrator", 403),
        ("111122223333/Developer", 403),
        ("999988887777/Developer", 403),
        ("444455556666/Developer@admin", 403),
        ("444455556666", 400),
        ("x/Developer", 400),
        ("../444455556666/Developer", 400),
    ] {
        let (status, page) = answer(&fixture, &pass, &forged(), role).await?;
        ensure!(status == expected, "{role}: {status}: {page}");
    }
    ensure!(fixture.stack.aws.requests().is_empty(), "AWS was asked");
    // Other roles are not mentioned, whatever the text names.
    let text = "User: arn:aws:sts::444455556666:assumed-role/Administrator/alice is not authorized to perform: iam:CreateUser";
    let (status, page) = answer(&fixture, &pass, text, "").await?;
    ensure!(
        status == 200 && !page.contains("payments-dev/Administrator"),
        "{page}"
    );
    Ok(())
}

#[tokio::test]
async fn message_is_not_kept_for_after_a_sign_in() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mine = fixture.pass("bob").await?;
    let fields = [
        ("message", forged()),
        ("role", "444455556666/Developer".to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let pass = Pass {
        cookie: "rc_s=unknown".to_owned(),
        ..mine
    };
    let answer = fixture.post(&pass, "/decode", &fields).send().await?;
    ensure!(answer.status() == 401, "{}", answer.status());
    let page = answer.text().await?;
    ensure!(!page.contains("aaaaaaaaaa"), "{page}");
    ensure!(fixture.stack.aws.requests().is_empty());
    // Neither is one in the address, which no link of the gateway has.
    let path = format!(
        "/decode?message={}&role=444455556666/Developer",
        "a".repeat(80)
    );
    let fresh = fixture.pass("bob").await?;
    let answer = fixture
        .get(&path)
        .header(COOKIE, &fresh.cookie)
        .send()
        .await?;
    let page = answer.text().await?;
    ensure!(!page.contains("aaaaaaaaaa"), "{page}");
    ensure!(fixture.stack.aws.requests().is_empty(), "AWS was asked");
    Ok(())
}
