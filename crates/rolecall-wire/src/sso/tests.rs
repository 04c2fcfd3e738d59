//! Exact format of the responses of `sso`, and parsing of its queries.

use super::*;

#[test]
fn lists_have_format_of_aws() {
    let accounts = ListAccountsResponse {
        next_token: None,
        account_list: vec![AccountInfo {
            account_id: "111122223333".into(),
            account_name: "payments-prod".into(),
            email_address: "platform@example.com".into(),
        }],
    };
    let json = r#"{"nextToken":null,"accountList":[{"accountId":"111122223333","accountName":"payments-prod","emailAddress":"platform@example.com"}]}"#;
    assert_eq!(serde_json::to_string(&accounts).unwrap(), json);
    assert_eq!(
        serde_json::from_str::<ListAccountsResponse<'_>>(json).unwrap(),
        accounts
    );
    let roles = ListAccountRolesResponse {
        next_token: Some("abc".to_owned()),
        role_list: vec![RoleInfo {
            role_name: "Developer@readonly".into(),
            account_id: "111122223333".into(),
        }],
    };
    let json = r#"{"nextToken":"abc","roleList":[{"roleName":"Developer@readonly","accountId":"111122223333"}]}"#;
    assert_eq!(serde_json::to_string(&roles).unwrap(), json);
    assert_eq!(
        serde_json::from_str::<ListAccountRolesResponse<'_>>(json).unwrap(),
        roles
    );
}

#[test]
fn credentials_have_format_of_aws_and_are_redacted() {
    let response = GetRoleCredentialsResponse {
        role_credentials: RoleCredentials {
            access_key_id: "ASIA1".into(),
            secret_access_key: "hidden-key".into(),
            session_token: "hidden-token".into(),
            expiration: 1_772_355_600_000,
            account_id: "111122223333".into(),
        },
    };
    let json = r#"{"roleCredentials":{"accessKeyId":"ASIA1","secretAccessKey":"hidden-key","sessionToken":"hidden-token","expiration":1772355600000,"accountId":"111122223333"}}"#;
    assert_eq!(serde_json::to_string(&response).unwrap(), json);
    let read: GetRoleCredentialsResponse<'_> = serde_json::from_str(json).unwrap();
    assert_eq!(read.role_credentials.session_token.expose(), "hidden-token");
    let printed = format!("{read:?}");
    assert!(
        printed.contains("ASIA1") && !printed.contains("hidden"),
        "{printed}"
    );
}

#[test]
fn empty_parameters_are_omitted() {
    let written = |request: &ListAccountRolesRequest| serde_urlencoded::to_string(request).unwrap();
    let mut request = ListAccountRolesRequest {
        account_id: "111122223333".to_owned(),
        ..Default::default()
    };
    assert_eq!(written(&request), "account_id=111122223333");
    request.max_result = "100".to_owned();
    request.next_token = "a+b".to_owned();
    assert_eq!(
        written(&request),
        "account_id=111122223333&max_result=100&next_token=a%2Bb"
    );
    let credentials = GetRoleCredentialsRequest {
        role_name: "Developer@readonly".to_owned(),
        account_id: "111122223333".to_owned(),
    };
    assert_eq!(
        serde_urlencoded::to_string(&credentials).unwrap(),
        "role_name=Developer%40readonly&account_id=111122223333"
    );
    let accounts = ListAccountsRequest::default();
    assert_eq!(serde_urlencoded::to_string(&accounts).unwrap(), "");
}

#[test]
fn duplicate_parameter_is_rejected() {
    let read = |text: &str| serde_urlencoded::from_str::<ListAccountRolesRequest>(text);
    assert_eq!(read("").unwrap(), ListAccountRolesRequest::default());
    let empty = read("next_token=&max_result=&unknown=1&unknown=2").unwrap();
    assert_eq!(empty, ListAccountRolesRequest::default());
    // The service parses numbers and returns its own error.
    assert_eq!(read("max_result=many").unwrap().max_result, "many");
    for twice in ["account_id", "max_result", "next_token"] {
        assert!(read(&format!("{twice}=1&{twice}=1")).is_err(), "{twice}");
    }
    let read = |text: &str| serde_urlencoded::from_str::<GetRoleCredentialsRequest>(text);
    assert!(read("role_name=a&role_name=a").is_err());
}

#[test]
fn errors_have_format_of_aws() {
    let json = |exception: Exception| serde_json::to_string(&exception.body("No.")).unwrap();
    for (exception, name) in [
        (Exception::InvalidRequest, "InvalidRequestException"),
        (Exception::Unauthorized, "UnauthorizedException"),
        (Exception::Forbidden, "ForbiddenException"),
        (Exception::TooManyRequests, "TooManyRequestsException"),
        (Exception::InternalServer, "InternalServerException"),
    ] {
        assert_eq!(
            json(exception),
            format!(r#"{{"__type":"{name}","message":"No."}}"#)
        );
    }
    let of_aws: ErrorBody<'_> = serde_json::from_str(r#"{"message":"No access"}"#).unwrap();
    assert_eq!(of_aws.message, "No access");
}
