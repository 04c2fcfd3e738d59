//! Errors and outages of AWS: the page shows the next step, and its reference ID matches the audit event.

use std::time::Duration;

use rolecall_testkit::aws::Fault;

use super::*;
use crate::operate::until;

const ROLE: [(&str, &str); 2] = [("account", "444455556666"), ("permission_set", "Developer")];

/// The expected page: the status, a part of the message, a part of the hint.
type ExpectedPage = (u16, &'static str, &'static str);

/// Requests credentials in the browser and compares the page with the audit event.
async fn ensure_error_page(
    fixture: &Fixture,
    browser: &mut Browser,
    path: &str,
    expected: ExpectedPage,
) -> Result<String> {
    let fields = role_form(browser)?;
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let page = browser
        .submit_cross_site_form(fixture.stack.url(), &fixture.at(path), &fields)
        .await?;
    let (status, explanation, hint) = expected;
    let text = page.text();
    ensure!(
        page.status().is_some_and(|got| got == status),
        "{:?}: {text}",
        page.status()
    );
    ensure!(text.contains(explanation) && text.contains(hint), "{text}");
    let shown = reference(&page)?;
    browser.open(&fixture.at("/")).await?;
    Ok(shown)
}

fn role_form(browser: &Browser) -> Result<Vec<(&'static str, String)>> {
    let mut fields: Vec<(&'static str, String)> =
        ROLE.map(|(name, value)| (name, value.to_owned())).to_vec();
    fields.push(("csrf", pass_of(browser)?.csrf));
    Ok(fields)
}

#[tokio::test]
async fn every_aws_error_shows_the_next_step() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let many = 1_000;
    let table: [(Fault, &str, ExpectedPage); 7] = [
        (
            Fault::AccessDenied,
            "access_denied",
            (
                403,
                "does not trust Rolecall",
                "Check that arn:aws:iam::444455556666:role/rolecall/Developer exists",
            ),
        ),
        (
            Fault::RegionDisabled,
            "region_disabled",
            (
                403,
                "is not active in this Region",
                "Activate the Region for STS in account 444455556666",
            ),
        ),
        (
            Fault::ExpiredToken,
            "expired",
            (403, "token as expired", "clock is wrong"),
        ),
        (
            Fault::IdpCommunicationError { times: many },
            "provider_unreachable",
            (
                503,
                "could not reach the gateway",
                "must be reachable from the internet",
            ),
        ),
        (
            Fault::IdpRejectedClaim,
            "rejected_claim",
            (
                403,
                "rejected a claim of the gateway",
                "is identical to the OIDC provider",
            ),
        ),
        (
            Fault::MalformedPolicy,
            "malformed_policy",
            (
                403,
                "cannot read the session policy",
                "Check session_policy",
            ),
        ),
        (
            Fault::Throttle { times: many },
            "throttled",
            (429, "too many requests", "Try again in a few seconds"),
        ),
    ];
    for (fault, reason, mut expected) in table {
        expected.1 = expected.1.split('’').next().unwrap_or(expected.1);
        fixture.stack.aws.inject_fault(fault);
        let shown = ensure_error_page(&fixture, &mut browser, "/credentials", expected).await?;
        fixture.stack.aws.clear_faults();
        let failed = fixture.events("issue_failed").await?;
        let failed = failed.last().context("no outcome event")?;
        ensure!(
            failed["reference"] == shown.as_str() && failed["reason"] == reason,
            "{failed}"
        );
        ensure!(failed["aws_code"].is_string(), "{failed}");
    }
    let pass = pass_of(&browser)?;
    ensure!(fixture.post_json(&pass, "/credentials", &ROLE).await?.0 == 200);
    Ok(())
}

/// The gateway remembers the size, so that this test shares its fixture with no other fault.
#[tokio::test]
async fn packed_size_error_shows_the_next_step() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    fixture.stack.aws.inject_fault(Fault::PackedPolicyTooLarge);
    let expected = (
        403,
        "of this role exceed",
        "fewer policy_arns and session_tags",
    );
    let shown = ensure_error_page(&fixture, &mut browser, "/credentials", expected).await?;
    let failed = fixture.events("issue_failed").await?;
    let failed = failed.last().context("no outcome event")?;
    ensure!(
        failed["reference"] == shown.as_str() && failed["reason"] == "packed_too_large",
        "{failed}"
    );
    Ok(())
}

#[tokio::test]
async fn account_without_provider_shows_the_command() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    fixture
        .stack
        .aws
        .account("444455556666")?
        .delete_oidc_provider(fixture.stack.url());
    let command = format!(
        "aws iam create-open-id-connect-provider --url {} --client-id-list sts.amazonaws.com",
        fixture.stack.url()
    );
    let expected = (
        403,
        "Account 444455556666 has no OIDC provider for",
        "aws iam create-open-id-connect-provider",
    );
    for path in ["/credentials", "/console"] {
        let shown = ensure_error_page(&fixture, &mut browser, path, expected).await?;
        let failed = fixture.events("issue_failed").await?;
        ensure!(
            failed
                .last()
                .is_some_and(|event| event["reference"] == shown.as_str()),
            "{failed:?}"
        );
    }
    let (status, json) = fixture
        .post_json(&pass_of(&browser)?, "/credentials", &ROLE)
        .await?;
    ensure!(
        status == 403
            && json["hint"]
                .as_str()
                .is_some_and(|hint| hint.contains(&command)),
        "{json}"
    );
    ensure!(
        json["reference"].is_string() && json["error"] == "provider_not_registered",
        "{json}"
    );
    Ok(())
}

#[tokio::test]
async fn outage_is_not_reported_as_denial() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let many = 1_000;
    for fault in [
        Fault::ServerError { times: many },
        Fault::DropConnection { times: many },
    ] {
        fixture.stack.aws.inject_fault(fault);
        let expected = (502, "AWS STS is unavailable", "Try again in a few seconds");
        let shown = ensure_error_page(&fixture, &mut browser, "/credentials", expected).await?;
        fixture.stack.aws.clear_faults();
        let failed = fixture.events("issue_failed").await?;
        ensure!(
            failed
                .last()
                .is_some_and(|event| event["reference"] == shown.as_str()
                    && event["reason"] == "sts_unavailable"),
            "{failed:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn sign_in_endpoint_failure_suggests_credentials() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    for (fault, expected) in [
        (
            Fault::SigninBadRequest,
            (
                502,
                "AWS rejected the console sign-in",
                "use credentials instead",
            ),
        ),
        (
            Fault::SigninHtml,
            (
                502,
                "AWS Sign-In is unavailable",
                "Try again in a few seconds",
            ),
        ),
        (
            Fault::SigninServerError { times: 1_000 },
            (
                502,
                "AWS Sign-In is unavailable",
                "Try again in a few seconds",
            ),
        ),
    ] {
        fixture.stack.aws.inject_fault(fault);
        let shown = ensure_error_page(&fixture, &mut browser, "/console", expected).await?;
        fixture.stack.aws.clear_faults();
        let trail = fixture.trail().await?;
        ensure!(
            trail
                .iter()
                .any(|event| event["reference"] == shown.as_str()),
            "{shown}: {trail:?}"
        );
    }
    fixture.stack.aws.inject_fault(Fault::SigninRejectsDuration);
    let page = browser.press("Console", &[]).await?;
    ensure!(
        page.text().contains("You are signed in to the console"),
        "{}",
        page.text()
    );
    Ok(())
}

#[tokio::test]
async fn unassigned_and_unknown_roles_give_the_same_error() -> Result<()> {
    let fixture = Fixture::new().await?;
    let bob = fixture.pass("bob").await?;
    let mut answers = Vec::new();
    for (account, permission_set, variant) in [
        ("444455556666", "Administrator", ""),
        ("444455556666", "developer", ""),
        ("444455556666", "Developer ", ""),
        ("444455556666", "Developer", "Readonly"),
        ("444455556666", "Developer", "../readonly"),
        ("444455556666", "rolecall/Developer", ""),
        (
            "444455556666",
            "arn:aws:iam::444455556666:role/rolecall/Developer",
            "",
        ),
        ("444455556666", "", ""),
        ("999999999999", "Developer", ""),
        ("777788889999", "ReadOnly", ""),
    ] {
        let fields = [
            ("account", account),
            ("permission_set", permission_set),
            ("variant", variant),
        ];
        for path in ["/credentials", "/console"] {
            let (status, mut json) = fixture.post_json(&bob, path, &fields).await?;
            json["reference"].take();
            answers.push((status, json));
        }
        let link = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let answer = fixture
            .get(&format!("/console?{link}"))
            .header(COOKIE, &bob.cookie)
            .send()
            .await?;
        ensure!(answer.status() == 403);
    }
    ensure!(
        answers.iter().all(|answer| *answer == answers[0]) && answers[0].0 == 403,
        "{answers:?}"
    );
    ensure!(answers[0].1["error"] == "not_granted");
    ensure!(
        fixture.stack.aws.requests().is_empty()
            && fixture.events("issue_refused").await?.len() == 20
    );
    let fields = [("account", "111122223333"), ("permission_set", "Developer")];
    let (status, json) = fixture.post_json(&bob, "/credentials", &fields).await?;
    ensure!(status == 403 && json["error"] == "condition", "{json}");
    Ok(())
}

/// Undelivered credentials are audited as such.
#[tokio::test]
async fn disconnected_client_is_audited() -> Result<()> {
    let fixture = Fixture::new().await?;
    let browser = fixture.signed_in("alice").await?;
    let pass = pass_of(&browser)?;
    fixture
        .stack
        .aws
        .inject_fault(Fault::SlowBy(Duration::from_millis(1_000)));
    let asked = fixture.post_json(&pass, "/credentials", &ROLE);
    ensure!(
        tokio::time::timeout(Duration::from_millis(400), asked)
            .await
            .is_err()
    );
    let undelivered = until("the outcome", async || {
        Ok(fixture.events("issue_undelivered").await?.pop())
    })
    .await?;
    let done = fixture.events("issue_done").await?;
    ensure!(
        done.len() == 1 && done[0]["reference"] == undelivered["reference"],
        "{done:?} {undelivered}"
    );
    fixture.stack.aws.clear_faults();
    ensure!(fixture.post_json(&pass, "/credentials", &ROLE).await?.0 == 200);
    ensure!(fixture.events("issue_undelivered").await?.len() == 1);
    Ok(())
}
