//! Each error code of STS, and each message where AWS uses one code for several causes: the page, the JSON answer, the exception for
//! AWS clients and the audit event have the cause and the next step. `aws::table` has the errors that the gateway remembers.

use rolecall_harness::sample_data::CALLER;

use super::*;

/// An error of STS, and what becomes of it.
struct Row {
    code: &'static str,
    status: u16,
    message: &'static str,
    /// The reason in the audit trail.
    reason: &'static str,
    /// A part of the explanation.
    cause: &'static str,
    /// A part of the next step.
    hint: &'static str,
}

const fn row(
    (code, status, message): (&'static str, u16, &'static str),
    reason: &'static str,
    cause: &'static str,
    hint: &'static str,
) -> Row {
    Row {
        code,
        status,
        message,
        reason,
        cause,
        hint,
    }
}

/// An account whose roles trust tokens of the gateway.
const PAYMENTS_DEV: &str = "444455556666";
const NOT_ACCEPTED: &str = "did not accept the gateway's token";
const THROTTLED: &str = "AWS is receiving too many requests";
const MOMENT: &str = "Try again in a few seconds";
const OTHER: &str = "AWS refused the request";
const LOG: &str = "the gateway's log contains AWS's own message";
const ADMINISTRATORS: &str = "Contact your administrator";

/// Of requests with a token, which are not signed.
#[rustfmt::skip]
const TOKEN: &[Row] = &[
    row(("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity"), "access_denied", "does not trust Rolecall", "trust policy allows sts:AssumeRoleWithWebIdentity"),
    row(("AccessDenied", 403, "Not authorized to perform sts:TagSession"), "tag_session", "does not allow session tags", "Add sts:TagSession"),
    row(("AccessDenied", 403, "Not authorized to perform sts:SetSourceIdentity"), "set_source_identity", "does not allow a source identity", "Add sts:SetSourceIdentity"),
    row(("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity with an explicit deny in a service control policy"), "service_control_policy", "A service control policy", "is not the cause"),
    row(("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity because no resource control policy allows it"), "resource_control_policy", "A resource control policy", "sts:RoleAuthorizedByIdp"),
    row(("MalformedPolicyDocument", 400, "Syntax errors in policy."), "malformed_policy", "cannot read the session policy", "Check session_policy"),
    row(("IDPRejectedClaim", 403, "The identity provider reported that authentication failed"), "rejected_claim", "rejected a claim", "clock is synchronized"),
    row(("IDPCommunicationError", 400, "The identity provider could not be reached"), "provider_unreachable", "could not reach the gateway", "reachable from the internet"),
    row(("InvalidIdentityToken", 400, "No OpenIDConnect provider found in your account for https://sso.example.com"), "provider_not_registered", "has no OIDC provider for", "aws iam create-open-id-connect-provider"),
    row(("InvalidIdentityToken", 400, "Incorrect token audience"), "audience", "does not accept tokens for", "add-client-id-to-open-id-connect-provider"),
    row(("InvalidIdentityToken", 400, "Couldn't retrieve verification key from your identity provider"), "keys_unreachable", "could not read the gateway's public keys", "/jwks must be reachable"),
    row(("InvalidIdentityToken", 400, "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"), "thumbprint", "does not trust the certificate", "update-open-id-connect-provider-thumbprint"),
    row(("InvalidIdentityToken", 400, "The target role ARN is not present in the roles claim of the identity token"), "role_claim", "as one for another role", "set role_claim = false"),
    row(("InvalidIdentityToken", 400, "Missing a required claim: subject"), "subject", "did not accept the subject", "6 to 255 characters"),
    row(("InvalidIdentityToken", 400, "The ID Token provided is not a valid JWT."), "invalid_proof", NOT_ACCEPTED, "they must be identical"),
    row(("ExpiredTokenException", 400, "Token expired"), "expired", "as expired", "clock is wrong"),
    row(("RegionDisabledException", 403, "STS is not activated in this region"), "region_disabled", "is not active in this Region", "Activate the Region for STS"),
    row(("OptInRequired", 403, "The AWS Access Key Id needs a subscription for the service"), "account_inactive", "cannot use AWS STS", "Ask the owner of account"),
    row(("Throttling", 400, "Rate exceeded"), "throttled", THROTTLED, MOMENT),
    row(("ThrottlingException", 400, "Rate exceeded"), "throttled", THROTTLED, MOMENT),
    row(("RequestLimitExceeded", 503, "Request limit exceeded."), "throttled", THROTTLED, MOMENT),
    row(("TooManyRequestsException", 429, "Too many requests"), "throttled", THROTTLED, MOMENT),
    row(("ValidationError", 400, "1 validation error detected: Value at 'roleArn' failed to satisfy constraint"), "other", OTHER, LOG),
    row(("SomethingNewException", 400, "Something new"), "other", OTHER, LOG),
];

/// Of requests that the gateway signs. Names of principals are for operators, so the pages do not have them.
#[rustfmt::skip]
const SIGNED: &[Row] = &[
    row(("AccessDenied", 403, "User: arn:aws:iam::999988887777:user/canary is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222233334444:role/x"), "access_denied", "does not trust Rolecall", ADMINISTRATORS),
    row(("AccessDenied", 403, "User: arn:aws:iam::999988887777:user/canary is not authorized to perform: sts:TagSession on resource: arn:aws:iam::222233334444:role/x"), "tag_session", "does not allow session tags", ADMINISTRATORS),
    row(("AccessDenied", 403, "User: arn:aws:iam::999988887777:user/canary is not authorized to perform: sts:SetSourceIdentity on resource: arn:aws:iam::222233334444:role/x"), "set_source_identity", "does not allow a source identity", ADMINISTRATORS),
    row(("AccessDenied", 403, "User: arn:aws:iam::999988887777:user/canary is not authorized to perform: sts:AssumeRole with an explicit deny in a service control policy"), "service_control_policy", "a policy of the AWS organization denies it", ADMINISTRATORS),
    row(("ValidationError", 400, "1 validation error detected: Value at 'externalId' failed to satisfy constraint"), "external_id", "requires another external id", ADMINISTRATORS),
    row(("InvalidClientTokenId", 403, "The security token included in the request is invalid."), "invalid_credentials", "the gateway's own credentials", ADMINISTRATORS),
    row(("SignatureDoesNotMatch", 403, "The request signature we calculated does not match"), "invalid_credentials", "the gateway's own credentials", ADMINISTRATORS),
    row(("ExpiredToken", 403, "The security token included in the request is expired"), "invalid_credentials", "the gateway's own credentials", ADMINISTRATORS),
    row(("OptInRequired", 403, "The AWS Access Key Id needs a subscription for the service"), "account_inactive", "own AWS account cannot use AWS STS", ADMINISTRATORS),
    row(("RegionDisabledException", 403, "STS is not activated in this region"), "region_disabled", "is not active in this Region", ADMINISTRATORS),
    row(("Throttling", 400, "Rate exceeded"), "throttled", THROTTLED, MOMENT),
    row(("ValidationError", 400, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"), "chained_duration_too_long", "role chaining", "For longer sessions use trust"),
];

/// HTTP status and exception for AWS clients.
fn answer(reason: &str) -> (u16, &'static str) {
    match reason {
        "throttled" => (429, "TooManyRequestsException"),
        "provider_unreachable" => (503, "InternalServerException"),
        _ => (403, "ForbiddenException"),
    }
}

/// Requests the role of this account while STS answers with the error: as JSON, as a page and by an AWS client.
async fn check(
    fixture: &Fixture,
    pass: &Pass,
    token: &str,
    account: &str,
    row: &Row,
) -> Result<()> {
    let fields = [("account", account), ("permission_set", "Developer")];
    let (status, exception) = answer(row.reason);
    let (json_status, json) = fixture.post_json(pass, "/credentials", &fields).await?;
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    ensure!(
        json_status == status
            && json["error"] == row.reason
            && text("message").contains(row.cause)
            && text("hint").contains(row.hint),
        "{json_status} {json}"
    );
    let page = fixture.post(pass, "/credentials", &fields).send().await?;
    let page_status = page.status().as_u16();
    let page = page.text().await?.replace("&#39;", "'");
    ensure!(
        page_status == status && page.contains(row.cause) && page.contains(row.hint),
        "{page_status} {page}"
    );
    let path = credentials_of(account, "Developer")?;
    let (sdk_status, kind, body) = fixture.ask(token, &path).await?;
    let message = body["message"].as_str().unwrap_or_default();
    ensure!(
        sdk_status == status
            && kind == exception
            && message.contains(row.cause)
            && message.contains(row.hint),
        "{sdk_status} {kind} {body}"
    );
    for shown in [&json.to_string(), &page, message] {
        ensure!(!shown.contains("user/canary"), "{shown}");
    }
    let failed = fixture.events("issue_failed").await?;
    let last = failed.len().checked_sub(3).map(|first| &failed[first..]);
    let last = last.context("an event for each request")?;
    ensure!(
        last.iter()
            .all(|event| event["reason"] == row.reason && event["aws_code"] == row.code),
        "{last:?}"
    );
    Ok(())
}

async fn check_all(account: &str, rows: &[Row]) -> Result<()> {
    let fixture = Fixture::with(|settings| {
        *settings = TestStackSettings {
            clock: settings.clock.clone(),
            ..TestStackSettings::every_trust()
        };
    })
    .await?;
    let mut browser = fixture.browser()?;
    browser.open(&fixture.at("/sign-in/example")).await?;
    browser.sign_in_at_provider("alice").await?;
    let pass = pass_of(&browser)?;
    let token = fixture.allow_client(&mut browser).await?;
    let token = token.access_token.expose();
    let mut faults = Vec::new();
    for row in rows {
        fixture.stack.aws.inject_fault(Fault::Error {
            code: row.code,
            status: row.status,
            message: row.message,
        });
        if let Err(error) = check(&fixture, &pass, token, account, row).await {
            faults.push(format!("{} {}: {error:#}", row.code, row.message));
        }
        fixture.stack.aws.clear_faults();
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[tokio::test]
async fn errors_of_requests_with_a_token_have_cause_and_next_step() -> Result<()> {
    check_all(PAYMENTS_DEV, TOKEN).await
}

#[tokio::test]
async fn errors_of_signed_requests_have_cause_and_next_step() -> Result<()> {
    check_all(CALLER.id, SIGNED).await
}
