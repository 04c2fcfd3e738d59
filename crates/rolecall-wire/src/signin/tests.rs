//! Exact format of the messages of `signin`, and parsing of its requests.

use super::*;

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn responses_have_format_of_aws() {
    let mut response = CreateOAuth2TokenResponseBody {
        access_token: AccessToken {
            access_key_id: "ASIA1".into(),
            secret_access_key: "hidden-key".into(),
            session_token: "hidden-session".into(),
        },
        token_type: AWS_SIGV4.into(),
        expires_in: EXPIRES_IN_MAX,
        refresh_token: "hidden-refresh".into(),
        id_token: Some("hidden-id".into()),
    };
    let first = r#"{"accessToken":{"accessKeyId":"ASIA1","secretAccessKey":"hidden-key","sessionToken":"hidden-session"},"tokenType":"aws_sigv4","expiresIn":900,"refreshToken":"hidden-refresh","idToken":"hidden-id"}"#;
    assert_eq!(json(&response), first);
    response.id_token = None;
    let next = first.replace(r#","idToken":"hidden-id""#, "");
    assert_eq!(json(&response), next);
    for text in [first, &next] {
        let read: CreateOAuth2TokenResponseBody<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(json(&read), text);
        let printed = format!("{read:?}");
        assert!(!printed.contains("hidden"), "{printed}");
    }
}

#[test]
fn requests_have_format_of_aws_cli() {
    let code = CreateOAuth2TokenRequestBody {
        client_id: Some(SAME_DEVICE.to_owned()),
        grant_type: Some(grant::AUTHORIZATION_CODE.to_owned()),
        code: Some("hidden".into()),
        redirect_uri: Some("http://127.0.0.1:33389/oauth/callback".to_owned()),
        code_verifier: Some("hidden".into()),
        ..Default::default()
    };
    let text = r#"{"clientId":"arn:aws:signin:::devtools/same-device","grantType":"authorization_code","code":"hidden","redirectUri":"http://127.0.0.1:33389/oauth/callback","codeVerifier":"hidden"}"#;
    assert_eq!(json(&code), text);
    let refresh = CreateOAuth2TokenRequestBody {
        client_id: Some(CROSS_DEVICE.to_owned()),
        grant_type: Some(grant::REFRESH_TOKEN.to_owned()),
        refresh_token: Some("hidden".into()),
        ..Default::default()
    };
    assert_eq!(
        json(&refresh),
        r#"{"clientId":"arn:aws:signin:::devtools/cross-device","grantType":"refresh_token","refreshToken":"hidden"}"#
    );
    let printed = format!("{code:?} {refresh:?}");
    assert!(!printed.contains("hidden"), "{printed}");
}

#[test]
fn non_string_member_is_absent() {
    let read = |text: &str| serde_json::from_str::<CreateOAuth2TokenRequestBody>(text);
    for member in [
        "clientId",
        "grantType",
        "code",
        "redirectUri",
        "codeVerifier",
        "refreshToken",
    ] {
        let good = format!(r#"{{"{member}":"a"}}"#);
        assert_eq!(json(&read(&good).unwrap()), good);
        for value in ["null", "7", "true", r#"["a"]"#, r#"{"a":"a"}"#] {
            let odd = format!(r#"{{"{member}":{value},"unknown":1}}"#);
            assert_eq!(json(&read(&odd).unwrap()), "{}", "{odd}");
        }
        let twice = format!(r#"{{"{member}":"a","{member}":"a"}}"#);
        assert!(read(&twice).is_err(), "{twice}");
    }
    assert!(read("").is_err() && read("7").is_err());
}

#[test]
fn authorization_request_has_format_of_aws_cli() {
    let request = AuthorizationRequest {
        response_type: "code".to_owned(),
        client_id: SAME_DEVICE.to_owned(),
        state: "0b9a5c5e".to_owned(),
        code_challenge_method: SHA_256.to_owned(),
        scope: OPENID.to_owned(),
        redirect_uri: "http://127.0.0.1:33389/oauth/callback".to_owned(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
    };
    let query = "response_type=code&client_id=arn%3Aaws%3Asignin%3A%3A%3Adevtools%2Fsame-device&state=0b9a5c5e&code_challenge_method=SHA-256&scope=openid&redirect_uri=http%3A%2F%2F127.0.0.1%3A33389%2Foauth%2Fcallback&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    assert_eq!(serde_urlencoded::to_string(&request).unwrap(), query);
    let read = |text: &str| serde_urlencoded::from_str::<AuthorizationRequest>(text);
    assert_eq!(read(query).unwrap(), request);
    assert_eq!(read("x=1&x=2").unwrap(), AuthorizationRequest::default());
    assert!(read("state=a&state=a").is_err());
}

#[test]
fn errors_have_format_of_aws() {
    for (error, text) in [
        (ErrorCode::AuthCodeExpired, "AUTHCODE_EXPIRED"),
        (ErrorCode::TokenExpired, "TOKEN_EXPIRED"),
        (
            ErrorCode::InsufficientPermissions,
            "INSUFFICIENT_PERMISSIONS",
        ),
        (ErrorCode::InvalidRequest, "INVALID_REQUEST"),
        (ErrorCode::ServerError, "server_error"),
    ] {
        let body = ErrorBody {
            error,
            message: "No.".into(),
        };
        let text = format!(r#"{{"error":"{text}","message":"No."}}"#);
        assert_eq!(json(&body), text);
        assert_eq!(serde_json::from_str::<ErrorBody<'_>>(&text).unwrap(), body);
    }
    for (exception, name) in [
        (Exception::AccessDenied, "AccessDeniedException"),
        (Exception::InternalServer, "InternalServerException"),
        (Exception::TooManyRequests, "TooManyRequestsError"),
        (Exception::Validation, "ValidationException"),
    ] {
        assert_eq!(exception.name(), name);
    }
}
