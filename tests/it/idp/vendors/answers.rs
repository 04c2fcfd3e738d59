//! Responses of vendors, according to their documentation.

use super::*;

/// Keys as published by Microsoft: with a certificate, without `alg`.
fn of_microsoft(set: &mut Map<String, Value>) {
    let keys = set.get_mut("keys").and_then(Value::as_array_mut);
    for key in keys.into_iter().flatten().filter_map(Value::as_object_mut) {
        key.remove("alg");
        key.insert("x5t".to_owned(), json!("1LTMzakihiRla_8z2BEJVXeWMqo"));
        key.insert(
            "x5c".to_owned(),
            json!(["MIIDYDCCAkigAwIBAgIJAIB4jVVJ3BeuMA0GCSqGSIb3"]),
        );
        key.insert(
            "issuer".to_owned(),
            json!("https://login.microsoftonline.com/{tenantid}/v2.0"),
        );
    }
}

/// A vendor with default responses.
fn usual(heading: &'static str, path: &'static str, expected: Expected) -> Vendor {
    Vendor {
        heading,
        path,
        method: ClientMethod::Secret,
        discovery: json!({}),
        jwks: None,
        header: json!({}),
        id_token: json!({}),
        token: json!({}),
        userinfo: (
            200,
            json!({"email": "alice@example.com", "email_verified": true}),
        ),
        asked: false,
        expected,
    }
}

/// alice with an address and one group.
fn alice(subject: &'static str) -> Expected {
    Expected {
        subject,
        email: Ok("alice@example.com"),
        groups: &["aws-payments"],
        mfa: false,
    }
}

pub(super) fn vendors() -> Vec<Vendor> {
    let mut vendors = hosted();
    vendors.extend(microsoft());
    vendors.extend(self_hosted());
    vendors
}

fn microsoft() -> Vec<Vendor> {
    let tenant = "/2f1c0a52-7d0f-4c1e-9b0e-3d1a5a1f7c11/v2.0";
    let group = "8ce9e1b1-29bd-4f43-8a3c-8d1c4f4a4a51";
    vec![
        Vendor {
            discovery: json!({
                "tenant_region_scope": "EU", "cloud_instance_name": "microsoftonline.com", "http_logout_supported": true,
                "code_challenge_methods_supported": ABSENT, "request_uri_parameter_supported": false,
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
                "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "email"],
            }),
            jwks: Some(of_microsoft),
            header: json!({"x5t": "1LTMzakihiRla_8z2BEJVXeWMqo"}),
            id_token: json!({
                "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
                "tid": "2f1c0a52-7d0f-4c1e-9b0e-3d1a5a1f7c11", "ver": "2.0", "aio": "AXQAi/8TAAAA", "rh": "0.AT8A", "uti": "fqiBqXLPj0eQa82S-IYFAA",
                "name": "Alice Example", "preferred_username": "alice@example.com", "email": "Alice@example.com",
                "groups": [group, "1f0bb4a9-6a3e-4ad7-9f2e-6ad9c1f1a9f0"], "at_hash": ABSENT, "auth_time": ABSENT,
            }),
            token: json!({"expires_in": 3599, "ext_expires_in": 3599, "scope": "email openid profile"}),
            userinfo: (
                200,
                json!({"name": "Alice Example", "picture": "https://graph.microsoft.com/v1.0/me/photo/$value", "email": "alice@example.com"}),
            ),
            ..usual(
                "Entra ID",
                tenant,
                Expected {
                    groups: &[
                        "8ce9e1b1-29bd-4f43-8a3c-8d1c4f4a4a51",
                        "1f0bb4a9-6a3e-4ad7-9f2e-6ad9c1f1a9f0",
                    ],
                    ..alice("AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ")
                },
            )
        },
        Vendor {
            discovery: json!({
                "access_token_issuer": "http://adfs.example.com/adfs/services/trust", "capabilities": ["kdf_ver2"],
                "frontchannel_logout_supported": true, "as_access_token_token_binding_supported": true,
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt", "windows_client_authentication"],
                "code_challenge_methods_supported": ABSENT,
            }),
            jwks: Some(of_microsoft),
            header: json!({"x5t": "1LTMzakihiRla_8z2BEJVXeWMqo"}),
            id_token: json!({
                "sub": "eVjLdAxkBn1aw6XtX5FlZ1vYpLyd+4uHbVNlYVQFSGQ=", "upn": "alice@corp.example.com", "unique_name": "CORP\\alice",
                "email": "alice@example.com", "group": "AWS-Payments", "sid": "S-1-5-21-1", "apptype": "Confidential", "ver": "1.0", "scp": "openid",
                "amr": ["urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", "http://schemas.microsoft.com/claims/multipleauthn"],
                "authmethod": "http://schemas.microsoft.com/claims/multipleauthn", "pwd_exp": "1217436", "at_hash": ABSENT,
            }),
            userinfo: (
                401,
                json!({"error": "invalid_token", "error_description": "MSIS9921: Received invalid UserInfo request."}),
            ),
            token: json!({"expires_in": "3600", "resource": "urn:microsoft:userinfo", "refresh_token_expires_in": "28799", "scope": "openid"}),
            ..usual(
                "AD FS",
                "/adfs",
                Expected {
                    groups: &["AWS-Payments"],
                    mfa: true,
                    ..alice("eVjLdAxkBn1aw6XtX5FlZ1vYpLyd+4uHbVNlYVQFSGQ=")
                },
            )
        },
    ]
}

fn hosted() -> Vec<Vendor> {
    vec![
        Vendor {
            method: ClientMethod::SecretPost,
            discovery: json!({"end_session_endpoint": ABSENT, "mfa_challenge_endpoint": "https://example.eu.auth0.com/mfa/challenge",
                              "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"]}),
            id_token: json!({
                "sub": "auth0|65f1c0a27d0f4c1e9b0e3d1a", "nickname": "alice", "name": "alice@example.com", "email": "alice@example.com",
                "email_verified": true, "updated_at": "2026-11-29T07:59:07.841Z", "sid": "wN0Xb0mQ", "auth_time": ABSENT, "at_hash": ABSENT,
                "picture": "https://s.gravatar.com/avatar/1?d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fal.png",
                "https://sso.example.com/groups": ["aws-payments"],
            }),
            token: json!({"expires_in": 86_400, "scope": "openid profile email"}),
            ..usual("Auth0", "/", alice("auth0|65f1c0a27d0f4c1e9b0e3d1a"))
        },
        Vendor {
            id_token: json!({
                "sub": "00u1a2b3c4d5e6f7g8h9", "ver": 1, "jti": "ID.AaBbCc", "idp": "00o1a2b3", "amr": ["mfa", "otp", "pwd"],
                "name": "Alice Example", "preferred_username": "alice@example.com", "groups": ["aws-payments", "aws-audit"],
            }),
            userinfo: (
                200,
                json!({"name": "Alice Example", "locale": "en-US", "email": "alice@example.com", "email_verified": true,
                       "preferred_username": "alice@example.com", "zoneinfo": "America/Los_Angeles", "updated_at": 1_795_940_000}),
            ),
            asked: true,
            token: json!({"scope": "email groups openid profile"}),
            ..usual(
                "Okta",
                "",
                Expected {
                    groups: &["aws-payments", "aws-audit"],
                    mfa: true,
                    ..alice("00u1a2b3c4d5e6f7g8h9")
                },
            )
        },
        Vendor {
            discovery: json!({"end_session_endpoint": ABSENT, "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
                              "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
                              "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"]}),
            id_token: json!({
                "sub": "110169484474386276334", "azp": "1234567890-abc.apps.googleusercontent.com", "hd": "example.com", "email": "alice@example.com",
                "email_verified": true, "name": "Alice Example", "given_name": "Alice", "family_name": "Example",
                "picture": "https://lh3.googleusercontent.com/a/x=s96-c", "auth_time": ABSENT,
            }),
            userinfo: (
                200,
                json!({"email": "alice@example.com", "email_verified": true, "hd": "example.com"}),
            ),
            // Google is not asked for groups; the issuer of the testkit is not recognized as Google.
            asked: true,
            token: json!({"expires_in": 3599, "scope": "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile"}),
            ..usual(
                "Google",
                "",
                Expected {
                    groups: &[],
                    ..alice("110169484474386276334")
                },
            )
        },
        Vendor {
            method: ClientMethod::SecretPost,
            discovery: json!({"end_session_endpoint": "", "frontchannel_logout_supported": true, "claims_supported": ["sub"],
                              "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt", "none"]}),
            id_token: json!({
                "sub": "5e9f1b1a2c3d4e5f6a7b8c9d", "aud": ["5f0c3a8e-41f6-4a39-a9a3-0a0a7c0a1b2c"], "jti": "6a7b", "rat": 1_795_940_000, "sid": "0a1b",
                "email": "alice@example.com", "email_verified": true, "name": "Alice Example", "groups": ["aws-payments"], "acr": "0",
            }),
            token: json!({"expires_in": 3599, "scope": "openid email profile"}),
            ..usual("JumpCloud", "/", alice("5e9f1b1a2c3d4e5f6a7b8c9d"))
        },
        Vendor {
            method: ClientMethod::SecretPost,
            discovery: json!({"acr_values_supported": ["onelogin:nist:level:1:re-auth"], "claims_parameter_supported": true,
                              "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"]}),
            id_token: json!({
                "sub": "35666371", "email": "alice@example.com", "preferred_username": "alice", "name": "Alice Example", "rt_hash": "bKEikCYYUi6nXf4GyGnrOA",
                "updated_at": "2026-11-13T22:08:45Z", "given_name": "Alice", "groups": ["aws-payments"], "auth_time": ABSENT,
            }),
            ..usual("OneLogin", "/oidc/2", alice("35666371"))
        },
        Vendor {
            discovery: json!({"end_session_endpoint": ABSENT, "code_challenge_methods_supported": ABSENT, "claims_supported": ABSENT,
                              "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]}),
            id_token: json!({
                "sub": "a2b5c4d4-1061-70c6-5b3a-0a1b2c3d4e5f", "cognito:groups": ["aws-payments"], "cognito:username": "a2b5c4d4-1061-70c6-5b3a-0a1b2c3d4e5f",
                "email": "alice@example.com", "email_verified": true, "token_use": "id", "origin_jti": "1b0e", "event_id": "6c4d", "jti": "9a1b",
            }),
            userinfo: (
                200,
                json!({"username": "a2b5c4d4", "email": "alice@example.com", "email_verified": "true"}),
            ),
            ..usual(
                "Amazon Cognito",
                "/eu-west-1_AbCdEfGhI",
                alice("a2b5c4d4-1061-70c6-5b3a-0a1b2c3d4e5f"),
            )
        },
    ]
}

fn self_hosted() -> Vec<Vendor> {
    vec![
        Vendor {
            discovery: json!({"acr_values_supported": ["mfa", "0", "1"], "check_session_iframe": "https://id.example.com/check", "introspection_endpoint": "https://id.example.com/introspect"}),
            id_token: json!({
                "sub": "f3c2a9d0-2b1e-4f6a-9c55-7d1f0a2b3c4d", "typ": "ID", "azp": "rolecall", "acr": "mfa", "sid": "8f5b", "session_state": "8f5b", "jti": "onrtac:1",
                "email": "alice@example.com", "email_verified": true, "name": "Alice Example", "preferred_username": "alice", "groups": ["aws-payments"],
            }),
            token: json!({"not-before-policy": 0, "session_state": "8f5b", "refresh_expires_in": 1800, "scope": "openid email profile"}),
            ..usual(
                "Keycloak",
                "/realms/staff",
                Expected {
                    mfa: true,
                    ..alice("f3c2a9d0-2b1e-4f6a-9c55-7d1f0a2b3c4d")
                },
            )
        },
        Vendor {
            discovery: json!({"acr_values_supported": ["goauthentik.io/providers/oauth2/default"], "backchannel_logout_supported": true}),
            id_token: json!({
                "sub": "b2f1d3c4e5a69788b2f1d3c4e5a69788b2f1d3c4e5a69788b2f1d3c4e5a69788", "acr": "goauthentik.io/providers/oauth2/default",
                "amr": ["pwd", "otp", "mfa"], "email": "alice@example.com", "email_verified": false, "name": "Alice Example", "given_name": "Alice Example",
                "preferred_username": "alice", "nickname": "alice", "groups": ["authentik Admins", "aws-payments"], "sid": "9c0f", "uid": "Zx1",
            }),
            userinfo: (
                200,
                json!({"email": "alice@example.com", "email_verified": false}),
            ),
            ..usual(
                "authentik",
                "/application/o/rolecall/",
                Expected {
                    email: Err("email_verified"),
                    groups: &["authentik Admins", "aws-payments"],
                    mfa: true,
                    ..alice("b2f1d3c4e5a69788b2f1d3c4e5a69788b2f1d3c4e5a69788b2f1d3c4e5a69788")
                },
            )
        },
        Vendor {
            id_token: json!({
                "sub": "383168317235462999", "aud": ["383168317235462148", "383168317235462149", "383168317235460000"], "azp": "383168317235462148",
                "client_id": "383168317235462148", "amr": ["password", "pwd", "mfa", "otp"], "email": "alice@example.com", "email_verified": true,
                "name": "Alice Example", "preferred_username": "alice@example.com", "locale": null, "updated_at": 1_795_940_000, "sid": "V1_383",
                "urn:zitadel:iam:org:project:roles": {"aws-payments": {"383168317235460001": "example.zitadel.cloud"}, "retired": {}},
            }),
            token: json!({"expires_in": 43_199, "scope": "openid email profile"}),
            ..usual(
                "Zitadel",
                "",
                Expected {
                    mfa: true,
                    ..alice("383168317235462999")
                },
            )
        },
    ]
}
