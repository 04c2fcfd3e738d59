//! Each fault has its effect and ends.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rolecall_testkit::aws::{Aws, AwsSettings, Fault};
use serde_json::json;

use crate::setup::Setup;

#[tokio::test]
async fn sts_error_faults_take_effect_and_end() -> Result<()> {
    let setup = Setup::new().await?;
    for (fault, status, code) in [
        (Fault::Throttle { times: 1 }, 400, "Throttling"),
        (Fault::RegionDisabled, 403, "RegionDisabledException"),
        (Fault::AccessDenied, 403, "AccessDenied"),
        (Fault::ExpiredToken, 400, "ExpiredTokenException"),
        (
            Fault::IdpCommunicationError { times: 1 },
            400,
            "IDPCommunicationError",
        ),
        (Fault::IdpRejectedClaim, 403, "IDPRejectedClaim"),
        (Fault::PackedPolicyTooLarge, 400, "PackedPolicyTooLarge"),
        (Fault::MalformedPolicy, 400, "MalformedPolicyDocument"),
        (
            Fault::Error {
                code: "OptInRequired",
                status: 403,
                message: "",
            },
            403,
            "OptInRequired",
        ),
    ] {
        let counted = matches!(
            fault,
            Fault::Throttle { .. } | Fault::IdpCommunicationError { .. }
        );
        setup.aws.inject_fault(fault);
        setup
            .present(&setup.token()?)
            .await?
            .assert_error(status, code, "");
        if !counted {
            setup
                .present(&setup.token()?)
                .await?
                .assert_error(status, code, "");
            setup.aws.clear_faults();
        }
        setup.present(&setup.token()?).await?.assert_success();
    }
    Ok(())
}

#[tokio::test]
async fn sts_connection_faults_take_effect_and_end() -> Result<()> {
    let setup = Setup::new().await?;
    setup.aws.inject_fault(Fault::ServerError { times: 2 });
    for _ in 0..2 {
        assert_eq!(setup.present(&setup.token()?).await?.status, 503);
    }
    setup.aws.inject_fault(Fault::DropConnection { times: 1 });
    let response = setup
        .http
        .post(setup.aws.url())
        .form(&setup.form(&setup.token()?))
        .send()
        .await;
    assert!(response.is_err(), "{response:?}");
    setup
        .aws
        .inject_fault(Fault::SlowBy(Duration::from_millis(60)));
    let started = Instant::now();
    setup.present(&setup.token()?).await?.assert_success();
    assert!(started.elapsed() >= Duration::from_millis(60));
    Ok(())
}

#[tokio::test]
async fn signin_faults_take_effect_and_end() -> Result<()> {
    let setup = Setup::new().await?;
    let session = setup.session().await?;
    let credentials = json!({"sessionId": session.access_key_id, "sessionKey": session.secret_access_key, "sessionToken": session.session_token}).to_string();
    let get_signin_token = async |duration: &str| -> Result<(u16, String)> {
        let form = [
            ("Action", "getSigninToken"),
            ("Session", &credentials),
            (duration, "900"),
        ];
        let response = setup
            .http
            .post(format!("{}/federation", setup.aws.url()))
            .form(&form)
            .send()
            .await?;
        Ok((response.status().as_u16(), response.text().await?))
    };
    for (fault, expected, shown) in [
        (
            Fault::SigninBadRequest,
            400,
            "Invalid credentials parameter",
        ),
        (
            Fault::SigninRejectsDuration,
            400,
            "Invalid credentials parameter",
        ),
        (Fault::SigninHtml, 200, "<html>"),
        (Fault::SigninServerError { times: 1 }, 503, "503"),
        (
            Fault::SigninSlow(Duration::from_millis(5)),
            200,
            "SigninToken",
        ),
    ] {
        setup.aws.inject_fault(fault);
        let (status, body) = get_signin_token("SessionDuration").await?;
        assert_eq!(status, expected);
        assert!(body.contains(shown), "{shown} in {body}");
        setup.aws.clear_faults();
    }
    setup.aws.inject_fault(Fault::SigninRejectsDuration);
    assert_eq!(get_signin_token("Unknown").await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn recorded_requests_are_bounded() -> Result<()> {
    for kept in [0, 2] {
        let aws = Aws::start(AwsSettings {
            requests_kept: kept,
            ..AwsSettings::default()
        })?;
        for n in 0..3 {
            reqwest::get(format!("{}/?Action=Unknown{n}", aws.url())).await?;
        }
        let actions: Vec<String> = aws
            .requests()
            .into_iter()
            .map(|request| request.action)
            .collect();
        assert_eq!(actions, ["Unknown1", "Unknown2"][..kept]);
    }
    Ok(())
}

#[tokio::test]
async fn server_stops_when_dropped() -> Result<()> {
    let aws = Aws::start(AwsSettings::default())?;
    let address = aws
        .url()
        .strip_prefix("http://")
        .context("a url")?
        .to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    drop(aws);
    assert!(std::net::TcpStream::connect(&address).is_err());
    Ok(())
}
