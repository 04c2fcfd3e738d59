//! Requests of the AWS CLI, and invalid variations of them.

use super::*;

/// The request of AWS CLI 2.38.1.
fn form() -> LoginForm {
    LoginForm {
        response_type: "code".to_owned(),
        client_id: "arn:aws:signin:::devtools/same-device".to_owned(),
        redirect_uri: "http://127.0.0.1:33389/oauth/callback".to_owned(),
        state: "0b9a5c5e-9b0f-4c5e-8f0e-2d7f1a1b1c1d".to_owned(),
        scope: "openid".to_owned(),
        code_challenge_method: "SHA-256".to_owned(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
    }
}

fn remote() -> LoginForm {
    LoginForm {
        client_id: "arn:aws:signin:::devtools/cross-device".to_owned(),
        redirect_uri: "https://sso.example.com/v1/sessions/confirmation".to_owned(),
        ..form()
    }
}

fn parse(form: LoginForm) -> Result<LoginRequest, InvalidLogin> {
    LoginRequest::parse(form, &"https://sso.example.com/".parse().unwrap())
}

#[test]
fn request_of_aws_cli_is_accepted() {
    let request = parse(form()).unwrap();
    assert_eq!(request.client(), LoginClient::SameDevice);
    assert_eq!(
        request.answer("abc"),
        "http://127.0.0.1:33389/oauth/callback?code=abc&state=0b9a5c5e-9b0f-4c5e-8f0e-2d7f1a1b1c1d"
    );
    let denial = request.denial().unwrap();
    assert!(denial.starts_with("http://127.0.0.1:33389/oauth/callback?error=access_denied&"));
    let request = parse(remote()).unwrap();
    assert_eq!(request.client(), LoginClient::CrossDevice);
    assert!(request.loopback_uri().is_none() && request.denial().is_none());
    assert!(
        request
            .answer("abc")
            .starts_with("/v1/sessions/confirmation?code=abc&state=")
    );
}

#[test]
fn request_round_trips_through_its_form() {
    for form in [form(), remote()] {
        let request = parse(form.clone()).unwrap();
        let mut again = LoginForm::default();
        for (name, value) in request.parameters() {
            let place = match name {
                "response_type" => &mut again.response_type,
                "client_id" => &mut again.client_id,
                "redirect_uri" => &mut again.redirect_uri,
                "state" => &mut again.state,
                "scope" => &mut again.scope,
                "code_challenge_method" => &mut again.code_challenge_method,
                _ => &mut again.code_challenge,
            };
            *place = value;
        }
        assert_eq!(format!("{form:?}"), format!("{again:?}"));
    }
}

#[test]
fn redirect_is_limited_to_loopback_and_confirmation_page() {
    for redirect_uri in [
        "",
        "https://evil.example/oauth/callback",
        "https://127.0.0.1:33389/oauth/callback",
        "http://localhost:33389/oauth/callback",
        "http://127.0.0.2:33389/oauth/callback",
        "http://127.1:33389/oauth/callback",
        "http://127.0.0.1:33389/",
        "http://127.0.0.1:33389/oauth/callback/",
        "http://127.0.0.1:33389/oauth/callback?a=b",
        "http://127.0.0.1:33389/oauth/callback#f",
        "http://127.0.0.1:33389/OAuth/callback",
        "http://127.0.0.1:0/oauth/callback",
        "http://127.0.0.1:33389@evil.example/oauth/callback",
        "http://127.0.0.1.evil.example:33389/oauth/callback",
        "https://sso.example.com/v1/sessions/confirmation",
    ] {
        let redirect_uri = redirect_uri.to_owned();
        let asked = LoginForm {
            redirect_uri,
            ..form()
        };
        let uri = asked.redirect_uri.clone();
        assert_eq!(
            parse(asked).err(),
            Some(InvalidLogin::NoResponseTarget),
            "{uri}"
        );
    }
    for redirect_uri in [
        "",
        "http://127.0.0.1:33389/oauth/callback",
        "http://sso.example.com/v1/sessions/confirmation",
        "https://sso.example.com/v1/sessions/confirmation/",
        "https://sso.example.com/v1/sessions/confirmation?x",
        "https://sso.example.com:443/v1/sessions/confirmation",
        "https://evil.example/v1/sessions/confirmation",
        "/v1/sessions/confirmation",
    ] {
        let redirect_uri = redirect_uri.to_owned();
        let asked = LoginForm {
            redirect_uri,
            ..remote()
        };
        let uri = asked.redirect_uri.clone();
        assert_eq!(
            parse(asked).err(),
            Some(InvalidLogin::NoResponseTarget),
            "{uri}"
        );
    }
    for client_id in [
        "",
        "same-device",
        "arn:aws:signin:::devtools/SAME-device",
        "arn:aws:signin:::devtools/other",
    ] {
        let client_id = client_id.to_owned();
        let asked = LoginForm {
            client_id,
            ..form()
        };
        assert_eq!(parse(asked).err(), Some(InvalidLogin::NoResponseTarget));
    }
}

#[test]
fn other_errors_are_sent_to_the_client() {
    let long = "s".repeat(limits::CLIENT_STATE_BYTES_MAX + 1);
    let text = |text: &str| text.to_owned();
    for (error, form) in [
        (
            "unsupported_response_type",
            LoginForm {
                response_type: text("token"),
                ..form()
            },
        ),
        (
            "unsupported_response_type",
            LoginForm {
                response_type: text(""),
                ..form()
            },
        ),
        (
            "invalid_scope",
            LoginForm {
                scope: text("openid admin"),
                ..form()
            },
        ),
        (
            "invalid_scope",
            LoginForm {
                scope: text(""),
                ..form()
            },
        ),
        (
            "invalid_request",
            LoginForm {
                code_challenge_method: text("plain"),
                ..form()
            },
        ),
        (
            "invalid_request",
            LoginForm {
                code_challenge_method: text("S256"),
                ..form()
            },
        ),
        (
            "invalid_request",
            LoginForm {
                code_challenge_method: text(""),
                ..form()
            },
        ),
        (
            "invalid_request",
            LoginForm {
                code_challenge: text(""),
                ..form()
            },
        ),
        (
            "invalid_request",
            LoginForm {
                code_challenge: text("short"),
                ..form()
            },
        ),
        (
            "invalid_request",
            LoginForm {
                state: text(""),
                ..form()
            },
        ),
        (
            "invalid_request",
            LoginForm {
                state: long,
                ..form()
            },
        ),
        (
            "invalid_request",
            LoginForm {
                state: text("a\nb"),
                ..form()
            },
        ),
        (
            "invalid_request",
            LoginForm {
                state: text("ä"),
                ..form()
            },
        ),
    ] {
        let Some(InvalidLogin::Refused { answer, .. }) = parse(form.clone()).err() else {
            panic!("{form:?} was read");
        };
        let start = format!("http://127.0.0.1:33389/oauth/callback?error={error}&");
        assert!(answer.starts_with(&start), "{answer}");
    }
    let Some(InvalidLogin::Refused { answer, .. }) = parse(LoginForm {
        scope: text("x"),
        ..remote()
    })
    .err() else {
        panic!("it was read");
    };
    assert!(answer.starts_with("/v1/sessions/confirmation?error=invalid_scope&"));
}

#[test]
fn login_clients_have_distinct_keys() {
    let [one, other] = LoginClient::ALL.map(LoginClient::key);
    assert_ne!(one, other);
    for client in LoginClient::ALL {
        assert_eq!(LoginClient::parse(client.id()), Some(client));
        // The ID is not a valid ID of a registered client.
        assert!(crate::clients::ClientId::parse(client.id()).is_err());
    }
}
