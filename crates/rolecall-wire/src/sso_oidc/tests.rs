//! Exact format of the messages of `sso-oidc`, as JSON and as forms, and parsing of requests.

use serde::Serialize;

use super::*;

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn responses_have_format_of_aws() {
    let registered = RegisterClientResponse {
        client_id: "id".to_owned(),
        client_id_issued_at: 1_772_355_600,
        client_secret: "hidden".into(),
        client_secret_expires_at: 1_780_131_600,
    };
    assert_eq!(
        json(&registered),
        r#"{"clientId":"id","clientIdIssuedAt":1772355600,"clientSecret":"hidden","clientSecretExpiresAt":1780131600}"#
    );
    let started = StartDeviceAuthorizationResponse {
        device_code: "hidden-device".into(),
        expires_in: 600,
        interval: 5,
        user_code: "hidden-user".into(),
        verification_uri: "https://sso.example.com/device".to_owned(),
        verification_uri_complete: "https://sso.example.com/device?user_code=hidden-user".into(),
    };
    assert_eq!(
        json(&started),
        r#"{"deviceCode":"hidden-device","expiresIn":600,"interval":5,"userCode":"hidden-user","verificationUri":"https://sso.example.com/device","verificationUriComplete":"https://sso.example.com/device?user_code=hidden-user"}"#
    );
    assert_eq!(
        json(&started.for_form()),
        r#"{"device_code":"hidden-device","expires_in":600,"interval":5,"user_code":"hidden-user","verification_uri":"https://sso.example.com/device","verification_uri_complete":"https://sso.example.com/device?user_code=hidden-user"}"#
    );
    let tokens = CreateTokenResponse {
        access_token: "hidden-access".into(),
        expires_in: 3_600,
        refresh_token: "hidden-refresh".into(),
        token_type: BEARER.to_owned(),
    };
    assert_eq!(
        json(&tokens),
        r#"{"accessToken":"hidden-access","expiresIn":3600,"refreshToken":"hidden-refresh","tokenType":"Bearer"}"#
    );
    assert_eq!(
        json(&tokens.for_form()),
        r#"{"access_token":"hidden-access","expires_in":3600,"refresh_token":"hidden-refresh","token_type":"Bearer"}"#
    );
    let printed = format!("{registered:?} {started:?} {tokens:?}");
    assert!(!printed.contains("hidden"), "{printed}");
}

#[test]
fn responses_are_parsed_in_both_formats() {
    let tokens = CreateTokenResponse {
        access_token: "a".into(),
        expires_in: 1,
        refresh_token: "r".into(),
        token_type: BEARER.to_owned(),
    };
    for text in [json(&tokens), json(&tokens.for_form())] {
        let read: CreateTokenResponse = serde_json::from_str(&text).unwrap();
        assert_eq!(json(&read), json(&tokens));
    }
    let started = StartDeviceAuthorizationResponse {
        device_code: "d".into(),
        expires_in: 1,
        interval: 5,
        user_code: "u".into(),
        verification_uri: "v".to_owned(),
        verification_uri_complete: "c".into(),
    };
    for text in [json(&started), json(&started.for_form())] {
        let read: StartDeviceAuthorizationResponse = serde_json::from_str(&text).unwrap();
        assert_eq!(json(&read), json(&started));
    }
    // A response of AWS.
    let of_aws = r#"{"clientId":"id","clientSecret":"s","clientIdIssuedAt":1,"clientSecretExpiresAt":2,"authorizationEndpoint":null,"tokenEndpoint":null}"#;
    let read: RegisterClientResponse = serde_json::from_str(of_aws).unwrap();
    assert_eq!(read.client_secret.expose(), "s");
}

#[test]
fn requests_have_format_of_aws_clients() {
    let register = RegisterClientRequest {
        client_name: Some("botocore-client-rc".to_owned()),
        client_type: Some(PUBLIC_CLIENT.to_owned()),
        scopes: Some(vec![ACCOUNT_ACCESS.to_owned()]),
        ..Default::default()
    };
    assert_eq!(
        json(&register),
        r#"{"clientName":"botocore-client-rc","clientType":"public","scopes":["sso:account:access"]}"#
    );
    let registered = r#"{"clientId":"id","clientIdIssuedAt":1,"clientSecret":"hidden","clientSecretExpiresAt":2}"#;
    let registered: RegisterClientResponse = serde_json::from_str(registered).unwrap();
    let client = Client::from(registered);
    let start = client.start_device_authorization("https://sso.example.com/start");
    assert_eq!(
        json(&start),
        r#"{"clientId":"id","clientSecret":"hidden","startUrl":"https://sso.example.com/start"}"#
    );
    let device = client.device_code_request("hidden");
    assert_eq!(
        json(&device),
        r#"{"clientId":"id","clientSecret":"hidden","grantType":"urn:ietf:params:oauth:grant-type:device_code","deviceCode":"hidden"}"#
    );
    let code = client.authorization_code_request(
        "hidden",
        "http://127.0.0.1:33389/oauth/callback",
        "hidden",
    );
    assert_eq!(
        json(&code),
        r#"{"clientId":"id","clientSecret":"hidden","grantType":"authorization_code","code":"hidden","redirectUri":"http://127.0.0.1:33389/oauth/callback","codeVerifier":"hidden"}"#
    );
    let refresh = client.refresh_token_request("hidden");
    assert_eq!(
        json(&refresh),
        r#"{"clientId":"id","clientSecret":"hidden","grantType":"refresh_token","refreshToken":"hidden"}"#
    );
    let printed = format!("{client:?} {start:?} {device:?} {code:?} {refresh:?}");
    assert!(!printed.contains("hidden"), "{printed}");
}

#[test]
fn unknown_members_and_null_are_ignored() {
    let read = |text: &str| serde_json::from_str::<RegisterClientRequest>(text);
    let same = r#"{"clientName":"x","clientType":"public"}"#;
    let more = r#"{"clientName":"x","clientType":"public","scopes":null,"grantTypes":null,"redirectUris":null,"issuerUrl":null,"entitledApplicationArn":7,"x":[{}],"x":1}"#;
    assert_eq!(read(more).unwrap(), read(same).unwrap());
    let token: CreateTokenRequest =
        serde_json::from_str(r#"{"scope":["a"],"grantType":null,"idToken":1}"#).unwrap();
    assert_eq!(json(&token), "{}");
}

#[test]
fn forms_have_names_of_rfc_6749() {
    let form = "client_id=id&client_secret=s&grant_type=refresh_token&refresh_token=r&device_code=d&code=c&redirect_uri=u&code_verifier=v&scope=x";
    let read: CreateTokenRequest = serde_urlencoded::from_str(form).unwrap();
    assert_eq!(
        json(&read),
        r#"{"clientId":"id","clientSecret":"s","grantType":"refresh_token","deviceCode":"d","code":"c","redirectUri":"u","codeVerifier":"v","refreshToken":"r"}"#
    );
    let read: StartDeviceAuthorizationRequest =
        serde_urlencoded::from_str("client_id=id&client_secret=s").unwrap();
    assert_eq!(json(&read), r#"{"clientId":"id","clientSecret":"s"}"#);
}

#[test]
fn duplicate_or_mistyped_member_is_rejected() {
    let token = |text: &str| serde_json::from_str::<CreateTokenRequest>(text);
    for member in [
        ("clientId", "client_id"),
        ("clientSecret", "client_secret"),
        ("grantType", "grant_type"),
        ("deviceCode", "device_code"),
        ("code", "code"),
        ("redirectUri", "redirect_uri"),
        ("codeVerifier", "code_verifier"),
        ("refreshToken", "refresh_token"),
    ] {
        let (camel, snake) = member;
        assert!(token(&format!(r#"{{"{camel}":"a"}}"#)).is_ok());
        assert!(token(&format!(r#"{{"{snake}":"a"}}"#)).is_ok());
        for (one, other) in [(camel, camel), (camel, snake), (snake, snake)] {
            let twice = format!(r#"{{"{one}":"a","{other}":"a"}}"#);
            assert!(token(&twice).is_err(), "{twice}");
        }
        for value in ["7", "[\"a\"]", "{}", "true"] {
            let wrong = format!(r#"{{"{camel}":{value}}}"#);
            assert!(token(&wrong).is_err(), "{wrong}");
        }
        let twice = format!("{snake}=a&{snake}=a");
        assert!(serde_urlencoded::from_str::<CreateTokenRequest>(&twice).is_err());
    }
    let register = |text: &str| serde_json::from_str::<RegisterClientRequest>(text);
    for wrong in [
        "[]",
        "\"x\"",
        r#"{"clientName":["x"]}"#,
        r#"{"scopes":"sso:account:access"}"#,
        r#"{"scopes":[1]}"#,
        r#"{"scopes":[],"scopes":[]}"#,
        r#"{"redirectUris":[],"redirect_uris":[]}"#,
    ] {
        assert!(register(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn authorization_request_has_format_of_aws_cli() {
    let request = AuthorizationRequest {
        response_type: Some("code".to_owned()),
        client_id: Some("id".to_owned()),
        redirect_uri: Some("http://127.0.0.1:33389/oauth/callback".to_owned()),
        state: Some("a1b2".to_owned()),
        code_challenge_method: Some("S256".to_owned()),
        scopes: Some(ACCOUNT_ACCESS.to_owned()),
        code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned()),
    };
    let query = "response_type=code&client_id=id&redirect_uri=http%3A%2F%2F127.0.0.1%3A33389%2Foauth%2Fcallback&state=a1b2&code_challenge_method=S256&scopes=sso%3Aaccount%3Aaccess&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    assert_eq!(serde_urlencoded::to_string(&request).unwrap(), query);
    let read = |text: &str| serde_urlencoded::from_str::<AuthorizationRequest>(text);
    assert_eq!(read(query).unwrap(), request);
    assert_eq!(read(&query.replace("scopes=", "scope=")).unwrap(), request);
    assert_eq!(read(&format!("{query}&x=1&x=2")).unwrap(), request);
    assert_eq!(read("state=").unwrap().state.as_deref(), Some(""));
    assert_eq!(read("").unwrap(), AuthorizationRequest::default());
    for twice in ["state=a&state=a", "scope=a&scopes=a", "client_id&client_id"] {
        assert!(read(twice).is_err(), "{twice}");
    }
}

#[test]
fn errors_have_names_of_aws_and_rfcs() {
    for (exception, name, error) in [
        (
            Exception::AccessDenied,
            "AccessDeniedException",
            "access_denied",
        ),
        (
            Exception::AuthorizationPending,
            "AuthorizationPendingException",
            "authorization_pending",
        ),
        (
            Exception::ExpiredToken,
            "ExpiredTokenException",
            "expired_token",
        ),
        (
            Exception::InternalServer,
            "InternalServerException",
            "server_error",
        ),
        (
            Exception::InvalidClient,
            "InvalidClientException",
            "invalid_client",
        ),
        (
            Exception::InvalidClientMetadata,
            "InvalidClientMetadataException",
            "invalid_client_metadata",
        ),
        (
            Exception::InvalidGrant,
            "InvalidGrantException",
            "invalid_grant",
        ),
        (
            Exception::InvalidRedirectUri,
            "InvalidRedirectUriException",
            "invalid_redirect_uri",
        ),
        (
            Exception::InvalidRequest,
            "InvalidRequestException",
            "invalid_request",
        ),
        (
            Exception::InvalidScope,
            "InvalidScopeException",
            "invalid_scope",
        ),
        (Exception::SlowDown, "SlowDownException", "slow_down"),
        (
            Exception::UnauthorizedClient,
            "UnauthorizedClientException",
            "unauthorized_client",
        ),
        (
            Exception::UnsupportedGrantType,
            "UnsupportedGrantTypeException",
            "unsupported_grant_type",
        ),
    ] {
        assert_eq!(exception.name(), name);
        assert_eq!(
            json(&exception.body("No.")),
            format!(r#"{{"error":"{error}","error_description":"No."}}"#)
        );
    }
    let body = Exception::SlowDown.body("Wait.");
    let read: ErrorBody<'_> = serde_json::from_str(&json(&body)).unwrap();
    assert_eq!(read, body);
}
