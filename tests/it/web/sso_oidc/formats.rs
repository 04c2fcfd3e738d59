//! Message formats: recorded requests of AWS clients are accepted, and errors have the status, header and body that they
//! expect.

use super::*;

/// Recorded RegisterClient bodies of AWS CLI 2.36.7 (both flows, and a legacy profile), granted and aws-sso-cli.
fn recorded(start: &str) -> Vec<Value> {
    vec![
        json!({"clientName":"botocore-client-rc","clientType":"public","grantTypes":["authorization_code","refresh_token"],
               "redirectUris":["http://127.0.0.1/oauth/callback"],"issuerUrl":start,"scopes":["sso:account:access"]}),
        json!({"clientName":"botocore-client-rc","clientType":"public","scopes":["sso:account:access"]}),
        json!({"clientName":"botocore-client-1795198274","clientType":"public"}),
        json!({"clientName":"Granted CLI","clientType":"public","scopes":["sso-portal:*"]}),
        json!({"clientName":"aws-sso-cli","clientType":"public","grantTypes":["authorization_code","refresh_token"],
               "issuerUrl":start,"scopes":["sso:account:access"],"redirectUris":["http://127.0.0.1"]}),
        json!({"clientName":"x","clientType":"public","scopes":null,"grantTypes":null,"redirectUris":null,"issuerUrl":null,"entitledApplicationArn":null}),
    ]
}

#[tokio::test]
async fn recorded_registrations_are_accepted() -> Result<()> {
    let fixture = Fixture::new().await?;
    for body in recorded(&fixture.at("/start")) {
        let answer = fixture.call("/client/register", body.clone()).await?;
        ensure!(answer.status == 200, "{body}: {answer:?}");
        let seconds = |name: &str| answer.body[name].as_i64().context("no seconds");
        let (issued, expires) = (
            seconds("clientIdIssuedAt")?,
            seconds("clientSecretExpiresAt")?,
        );
        ensure!(expires - issued == 90 * 86_400, "{answer:?}");
        ensure!(
            (issued - fixture.clock.now().timestamp()).abs() < 5,
            "{answer:?}"
        );
        let client = Client {
            id: answer.text("clientId")?,
            secret: answer.text("clientSecret")?.into(),
        };
        let may_use_devices = body["grantTypes"].is_null();
        let started = fixture.start_device(&client).await?;
        ensure!(
            (started.status == 200) == may_use_devices,
            "{body}: {started:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn invalid_registrations_return_specific_exceptions() -> Result<()> {
    let fixture = Fixture::new().await?;
    let with = |name: &str, value: Value| {
        let mut body = recorded(&fixture.at("/start")).remove(0);
        body[name] = value;
        body
    };
    for (body, exception, error) in [
        (
            with("clientType", json!("confidential")),
            "InvalidClientMetadataException",
            "invalid_client_metadata",
        ),
        (
            with("clientType", Value::Null),
            "InvalidRequestException",
            "invalid_request",
        ),
        (
            with("clientName", Value::Null),
            "InvalidRequestException",
            "invalid_request",
        ),
        (
            with("clientName", json!(["x"])),
            "InvalidRequestException",
            "invalid_request",
        ),
        (
            with("redirectUris", json!(["https://evil.example/"])),
            "InvalidRedirectUriException",
            "invalid_redirect_uri",
        ),
        (
            with("redirectUris", json!(["http://localhost/oauth/callback"])),
            "InvalidRedirectUriException",
            "invalid_redirect_uri",
        ),
        (
            with("grantTypes", json!(["password"])),
            "UnsupportedGrantTypeException",
            "unsupported_grant_type",
        ),
        (
            with("scopes", json!(vec!["s"; 26])),
            "InvalidScopeException",
            "invalid_scope",
        ),
        (
            with("issuerUrl", json!("x".repeat(600))),
            "InvalidClientMetadataException",
            "invalid_client_metadata",
        ),
        (json!([]), "InvalidRequestException", "invalid_request"),
    ] {
        fixture
            .call("/client/register", body)
            .await?
            .refused(400, exception, error)?;
    }
    Ok(())
}

#[tokio::test]
async fn unreadable_bodies_return_aws_exceptions() -> Result<()> {
    let fixture = Fixture::new().await?;
    let json = "application/json";
    for (kind, body, status) in [
        (json, String::new(), 400),
        (json, "{".to_owned(), 400),
        (
            json,
            r#"{"grantType":"refresh_token","grantType":"refresh_token"}"#.to_owned(),
            400,
        ),
        (
            json,
            r#"{"grantType":"refresh_token","grant_type":"refresh_token"}"#.to_owned(),
            400,
        ),
        (json, format!("{}1", "[".repeat(10_000)), 400),
        (json, "x".repeat(40_000), 413),
        (
            "application/x-www-form-urlencoded",
            "grant_type=refresh_token&grant_type=refresh_token".to_owned(),
            400,
        ),
    ] {
        let request = fixture
            .client
            .post(fixture.at("/token"))
            .header(CONTENT_TYPE, kind)
            .body(body);
        JsonResponse::of(request).await?.refused(
            status,
            "InvalidRequestException",
            "invalid_request",
        )?;
    }
    let request = fixture
        .client
        .get(fixture.at("/token"))
        .header(ACCEPT, "text/html");
    JsonResponse::of(request)
        .await?
        .refused(405, "InvalidRequestException", "invalid_request")?;
    Ok(())
}

#[tokio::test]
async fn unknown_client_returns_401() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let other = fixture.register().await?;
    let with = |id: &str, secret: &str| Client {
        id: id.to_owned(),
        secret: secret.into(),
    };
    let foreign = Fixture::new().await?.register().await?;
    for wrong in [
        with(&client.id, "x"),
        with(&client.id, other.secret.expose()),
        with("x", client.secret.expose()),
        with("", ""),
        with(&"x".repeat(5_000), "x"),
        with(&format!("{}A", client.id), client.secret.expose()),
        foreign,
    ] {
        fixture.start_device(&wrong).await?.refused(
            401,
            "InvalidClientException",
            "invalid_client",
        )?;
        fixture.poll(&wrong, "x").await?.refused(
            401,
            "InvalidClientException",
            "invalid_client",
        )?;
    }
    fixture
        .clock
        .advance(std::time::Duration::from_secs(90 * 86_400 - 10));
    ensure!(fixture.start_device(&client).await?.status == 200);
    fixture.clock.advance(std::time::Duration::from_secs(10));
    fixture.start_device(&client).await?.refused(
        401,
        "InvalidClientException",
        "invalid_client",
    )?;
    Ok(())
}

#[tokio::test]
async fn registrations_survive_loss_of_the_store() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    // The memory store is lost with the process; the sealing keys come from the configuration.
    let replica = fixture.stack.start_replica().await?;
    let body = client.start_device_authorization(&fixture.at("/start"));
    let request = fixture
        .client
        .post(format!("http://{}/device_authorization", replica.address))
        .header("host", fixture.stack.url().trim_start_matches("http://"))
        .json(&body);
    ensure!(JsonResponse::of(request).await?.status == 200);
    Ok(())
}

#[tokio::test]
async fn missing_members_and_unknown_grant_types_are_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let asking = |more: Value| {
        let mut body = json!({ "clientId": client.id, "clientSecret": client.secret });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        fixture.call("/token", body)
    };
    for more in [
        json!({}),
        json!({ "grantType": null }),
        json!({ "grantType": grant::DEVICE_CODE }),
        json!({ "grantType": "authorization_code", "code": "x", "redirectUri": LISTENING }),
        json!({ "grantType": "authorization_code", "code": "x", "codeVerifier": VERIFIER }),
        json!({ "grantType": "refresh_token" }),
    ] {
        asking(more)
            .await?
            .refused(400, "InvalidRequestException", "invalid_request")?;
    }
    for grant_type in [
        "password",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "",
    ] {
        let answer = asking(json!({ "grantType": grant_type })).await?;
        answer.refused(
            400,
            "UnsupportedGrantTypeException",
            "unsupported_grant_type",
        )?;
    }
    for more in [
        json!({ "grantType": grant::DEVICE_CODE, "deviceCode": "x" }),
        json!({ "grantType": "authorization_code", "code": "x", "redirectUri": LISTENING, "codeVerifier": VERIFIER }),
        json!({ "grantType": "refresh_token", "refreshToken": "x" }),
    ] {
        asking(more)
            .await?
            .refused(400, "InvalidGrantException", "invalid_grant")?;
    }
    let body = json!({ "clientId": client.id, "clientSecret": client.secret });
    let answer = fixture.call("/device_authorization", body).await?;
    answer.refused(400, "InvalidRequestException", "invalid_request")
}

#[tokio::test]
async fn client_is_limited_to_registered_grant_types() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture
        .register_as(recorded(&fixture.at("/start")).remove(0))
        .await?;
    fixture.start_device(&client).await?.refused(
        400,
        "UnauthorizedClientException",
        "unauthorized_client",
    )?;
    fixture.poll(&client, "x").await?.refused(
        400,
        "UnauthorizedClientException",
        "unauthorized_client",
    )
}

#[tokio::test]
async fn form_encoded_requests_use_rfc_6749_names() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let form = |path: &str, pairs: &[(&str, &str)]| {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_id", client.id.as_str()),
                ("client_secret", client.secret.expose()),
            ])
            .extend_pairs(pairs)
            .finish();
        let request = fixture.client.post(fixture.at(path));
        JsonResponse::of(
            request
                .header(
                    CONTENT_TYPE,
                    "application/x-www-form-urlencoded; charset=utf-8",
                )
                .body(body),
        )
    };
    let started = form("/device_authorization", &[]).await?;
    for member in [
        "device_code",
        "user_code",
        "verification_uri",
        "verification_uri_complete",
    ] {
        started.text(member)?;
    }
    let pass = fixture.pass("alice").await?;
    fixture
        .allow_device(&pass, &started.text("user_code")?)
        .await?;
    let answer = form(
        "/token",
        &[
            ("grant_type", grant::DEVICE_CODE),
            ("device_code", &started.text("device_code")?),
        ],
    )
    .await?;
    ensure!(
        answer.body["token_type"] == "Bearer" && answer.body["expires_in"] == 3_600,
        "{answer:?}"
    );
    ensure!(fixture.opens(&answer.text("access_token")?).await?);
    let refreshed = form(
        "/token",
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", &answer.text("refresh_token")?),
        ],
    )
    .await?;
    ensure!(fixture.opens(&refreshed.text("access_token")?).await?);
    Ok(())
}

#[tokio::test]
async fn cross_site_requests_are_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let body = client.start_device_authorization(&fixture.at("/start"));
    let request = fixture
        .client
        .post(fixture.at("/device_authorization"))
        .header("origin", "https://evil.example")
        .json(&body);
    JsonResponse::of(request)
        .await?
        .refused(403, "AccessDeniedException", "access_denied")
}

#[tokio::test]
async fn audit_log_contains_no_secrets() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let started = fixture.start_device(&client).await?;
    let pass = fixture.pass("alice").await?;
    fixture.allow_device(&pass, &started.user_code()?).await?;
    let answer = fixture.poll(&client, &started.device_code()?).await?;
    let trail = format!("{:?}", fixture.trail().await?);
    ensure!(
        trail.contains("botocore-client-rc") && trail.contains("consent_given"),
        "{trail}"
    );
    for secret in [
        started.user_code()?,
        started.device_code()?,
        answer.granted()?,
        answer.refresh_token()?,
        client.secret.expose().to_owned(),
    ] {
        ensure!(!trail.contains(&secret), "{secret} is in {trail}");
    }
    Ok(())
}
