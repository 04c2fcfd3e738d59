//! AssumeRoleWithSAML and POST to the sign-in endpoint, with responses that have one error at a time.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rolecall_testkit::aws::{Aws, AwsSettings};
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::signature::Credential;
use rolecall_testkit::xml::Element;
use serde_json::json;

use crate::saml_setup::{ENTITY, PROVIDER, RECIPIENT, ROLE, Setup, Signed, at, metadata, set};
use crate::setup::{ACCOUNT, StsResponse};

#[tokio::test]
async fn valid_response_issues_session() -> Result<()> {
    let setup = Setup::new()?;
    for signed in [Signed::Both, Signed::Assertion, Signed::Response] {
        let response = setup.present(&setup.response(signed, |_| {})?).await?;
        response.assert_success();
        assert_eq!(response.text("Subject"), "okta|alice");
        assert_eq!(response.text("SubjectType"), "persistent");
        assert_eq!(response.text("Issuer"), ENTITY);
        assert_eq!(
            response.text("Audience"),
            RECIPIENT,
            "AWS returns the recipient as Audience"
        );
        assert_eq!(response.text("SourceIdentity"), "alice@example.com");
        assert_eq!(response.text("NameQualifier").len(), 28);
    }
    let issued = setup.aws.issued().pop().context("a session")?;
    assert_eq!(
        issued.assumed_role_arn,
        "arn:aws:sts::111122223333:assumed-role/Developer/alice@example.com"
    );
    assert_eq!(issued.tags, [("team".to_owned(), "R and D".to_owned())]);
    assert_eq!(issued.transitive_tag_keys, ["team"]);
    Ok(())
}

#[tokio::test]
async fn unsigned_and_foreign_signatures_are_rejected() -> Result<()> {
    let setup = Setup::new()?;
    let invalid = |response: StsResponse| {
        response.assert_error(400, "InvalidIdentityToken", "signature invalid")
    };
    invalid(
        setup
            .present(&setup.response(Signed::Nothing, |_| {})?)
            .await?,
    );
    let other_provider = Setup {
        credential: Credential::generate(Algorithm::Rs256)?,
        ..Setup::new()?
    };
    invalid(setup.present(&other_provider.valid_response()?).await?);
    let text = String::from_utf8(STANDARD.decode(setup.valid_response()?)?)?;
    let altered = text.replace("role/rolecall/Developer,", "role/rolecall/Admin,");
    invalid(setup.present(&STANDARD.encode(altered)).await?);
    // A valid signature of the assertion does not make up for an invalid one of the response.
    let altered = text.replacen("_response", "_responsf", 1);
    invalid(setup.present(&STANDARD.encode(altered)).await?);

    let both = metadata(&[&other_provider.credential, &setup.credential])?;
    setup.account.saml_provider("rolecall", &both)?;
    setup
        .present(&setup.valid_response()?)
        .await?
        .assert_success();
    setup.account.delete_saml_provider(PROVIDER);
    setup.present(&setup.valid_response()?).await?.assert_error(
        400,
        "InvalidIdentityToken",
        "Specified provider doesn't exist",
    );
    Ok(())
}

#[tokio::test]
async fn each_invalid_part_is_rejected() -> Result<()> {
    type Change = fn(&mut Element);
    let setup = Setup::new()?;
    let invalid = "invalid SAML response";
    let cases: Vec<(Change, &str)> = vec![
        (
            |r| {
                r.find_mut("Issuer")
                    .expect("one")
                    .set_text("https://evil.example")
            },
            "Issuer not present in specified provider",
        ),
        (
            |r| at(r, &["Conditions", "AudienceRestriction", "Audience"]).set_text("urn:other"),
            "required audience",
        ),
        (
            |r| drop(at(r, &["Subject"]).take("NameID")),
            "NameID is required",
        ),
        (
            |r| {
                let data = ["Subject", "SubjectConfirmation", "SubjectConfirmationData"];
                at(r, &data).set("Recipient", "https://evil.example/saml");
            },
            "Recipient",
        ),
        (
            |r| {
                let again = at(r, &["Subject", "SubjectConfirmation"]).clone();
                at(r, &["Subject"]).append(again);
            },
            invalid,
        ),
        (
            |r| {
                let again = r.find("Assertion").expect("one").clone();
                r.append(again);
            },
            invalid,
        ),
        (
            |r| {
                let code = r.at_mut(&["Status", "StatusCode"]).expect("one");
                code.set("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder");
            },
            invalid,
        ),
        (|r| set(r, "Role", None), invalid),
        (|r| set(r, "Role", Some(&["Developer"])), invalid),
        (
            |r| set(r, "RoleSessionName", None),
            "RoleSessionName is required",
        ),
        (
            |r| set(r, "RoleSessionName", Some(&["al ice"])),
            "RoleSessionName in AuthnResponse must match",
        ),
        (
            |r| set(r, "SessionDuration", Some(&["899"])),
            "between 900 and 43200",
        ),
        (
            |r| set(r, "PrincipalTag:team", Some(&["a", "b"])),
            "must have one value",
        ),
    ];
    for (change, message) in cases {
        let response = setup
            .present(&setup.response(Signed::Both, change)?)
            .await?;
        response.assert_error(400, "InvalidIdentityToken", message);
    }
    for junk in ["!!!!", "PGE+PC9hPg==", "eA=="] {
        let response = setup.present(junk).await?;
        response.assert_error(400, "InvalidIdentityToken", invalid);
    }
    let long = "x".repeat(100_001);
    setup
        .present(&long)
        .await?
        .assert_error(400, "ValidationError", "at 'sAMLAssertion'");
    Ok(())
}

#[tokio::test]
async fn trust_policy_is_enforced() -> Result<()> {
    let setup = Setup::new()?;
    let denied = |response: StsResponse| {
        response.assert_error(
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithSAML",
        );
    };
    for (key, value) in [
        ("SAML:aud", "https://signin.aws.amazon.com/saml"),
        ("SAML:iss", "https://other.example"),
        ("SAML:sub", "okta|bob"),
        ("SAML:sub_type", "transient"),
        ("sts:SourceIdentity", "bob@example.com"),
        ("aws:RequestTag/team", "Sales"),
    ] {
        setup.trust(&json!({ key: value }))?;
        denied(setup.present(&setup.valid_response()?).await?);
    }
    setup.trust(&json!({ "SAML:sub": "okta|alice" }))?;
    setup
        .present(&setup.valid_response()?)
        .await?
        .assert_success();
    // A role that is not in the response, or is there with another provider.
    let other = ROLE.replace("Developer", "Admin");
    let changes = [("RoleArn", other.as_str())];
    denied(
        setup
            .present_with(&setup.valid_response()?, &changes)
            .await?,
    );
    let elsewhere = format!("{ROLE},arn:aws:iam::111122223333:saml-provider/other");
    let response = setup.response(Signed::Both, |r| set(r, "Role", Some(&[&elsewhere])))?;
    denied(setup.present(&response).await?);
    Ok(())
}

#[tokio::test]
async fn times_and_durations_are_limited() -> Result<()> {
    let setup = Setup::new()?;
    let fine = setup.valid_response()?;
    setup.clock.advance(TimeDelta::seconds(299).to_std()?);
    setup.present(&fine).await?.assert_success();
    setup.clock.advance(TimeDelta::seconds(1).to_std()?);
    setup
        .present(&fine)
        .await?
        .assert_error(400, "ExpiredTokenException", "within 5 minutes");
    let fine = setup.valid_response()?;
    setup
        .present_with(&fine, &[("DurationSeconds", "3601")])
        .await?
        .assert_error(400, "ValidationError", "MaxSessionDuration");
    let short = setup.response(Signed::Both, |r| {
        set(r, "SessionDuration", Some(&["900"]));
    })?;
    setup
        .present_with(&short, &[("DurationSeconds", "3600")])
        .await?
        .assert_success();
    let issued = setup.aws.issued().pop().context("a session")?;
    assert!(issued.expiration - issued.issued_at <= TimeDelta::seconds(900));
    Ok(())
}

#[tokio::test]
async fn browser_post_opens_console() -> Result<()> {
    let setup = Setup::new()?;
    let long = setup.response(Signed::Both, |r| {
        set(r, "SessionDuration", Some(&["43200"]));
    })?;
    let (status, page) = setup.post(&long).await?;
    assert_eq!(status, 200, "{page}");
    let ends = (setup.clock.now() + TimeDelta::hours(12)).format("%Y-%m-%d %H:%M");
    for text in [
        "You are signed in to the console",
        "https://console.aws.amazon.com/s3/",
        &ends.to_string(),
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let unsigned = setup.response(Signed::Nothing, |_| {})?;
    let several = setup.response(Signed::Both, |r| {
        let one = format!("{ROLE},{PROVIDER}");
        set(r, "Role", Some(&[&one, &one]));
    })?;
    for (bad, words) in [
        (unsigned.as_str(), "signature invalid"),
        (&several, "several roles"),
        ("", "provider doesn"),
    ] {
        let (status, page) = setup.post(bad).await?;
        assert!(status == 400 && page.contains(words), "{page}");
    }
    Ok(())
}

#[test]
fn invalid_metadata_is_rejected() -> Result<()> {
    let aws = Aws::start(AwsSettings::default())?;
    let account = aws.account(ACCOUNT)?;
    let credential = Credential::generate(Algorithm::Rs256)?;
    let good = metadata(&[&credential])?;
    account.saml_provider("a.b_c-1", &good)?;
    let none = metadata(&[])?;
    let bad = [
        ("", good.clone()),
        ("a b", good.clone()),
        ("a", String::new()),
        ("a", format!("\u{feff}{good}")),
        ("a", good.replace("IDPSSODescriptor", "SPSSODescriptor")),
        (
            "a",
            good.replace("SingleSignOnService", "SingleLogoutService"),
        ),
        ("a", none),
        ("a", format!("{good}<")),
    ];
    for (name, metadata) in bad {
        assert!(account.saml_provider(name, &metadata).is_err(), "{name}");
    }
    Ok(())
}
