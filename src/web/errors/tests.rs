//! Every error of every surface, byte for byte: status, headers and body for AWS clients, the texts of pages, and the fields
//! of the log line. `answers.txt` contains the expected output.

mod samples;

use std::io;

use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use rolecall_core::aws_login::InvalidLogin;
use rolecall_core::clients::TokenError;
use rolecall_core::issue::IssueError;
use rolecall_core::record::rate_limit::LimitName;

use super::error_text::ErrorText;
use super::oauth::OAuthError;
use super::page::PageError;
use super::request::RequestError;
use super::signin::AwsSignInError;
use super::sso::{RequestedRole, SsoError};
use super::surface::{ErrorResponse, Surface};
use crate::web::http::fetch_metadata::not_a_navigation;
use samples::*;

/// Errors that are raised before a handler runs, on every surface.
fn request_errors() -> Vec<RequestError> {
    let mut all = vec![
        RequestError::CrossSite,
        RequestError::Malformed("The address is incomplete or invalid.".into()),
        RequestError::WrongHost("Host x".to_owned()),
        RequestError::HeadersTooLarge,
        RequestError::interrupted(&io::Error::other("cancelled")),
        RequestError::Status(StatusCode::INTERNAL_SERVER_ERROR),
        RequestError::internal("The server is not initialized."),
    ];
    let status = |status| RequestError::Status(StatusCode::from_u16(status).unwrap());
    all.extend(STATUSES.map(status));
    all
}

fn sso_errors() -> Vec<SsoError> {
    let foreign = |of_aws| SsoError::ForeignAccessToken {
        origin: "https://sso.example.com".to_owned(),
        of_aws,
    };
    let invalid = |message: &'static str| SsoError::InvalidParameter(message.into());
    vec![
        SsoError::NoAccessToken { unreadable: false },
        SsoError::NoAccessToken { unreadable: true },
        foreign(true),
        foreign(false),
        SsoError::SessionEnded,
        invalid("max_result must be an integer."),
        invalid("account_id must be a 12-digit AWS account ID."),
    ]
}

fn requested(contact: Option<&'static str>) -> RequestedRole<'static> {
    RequestedRole {
        account_id: "111122223333",
        role_name: "Developer",
        origin: "https://sso.example.com",
        contact,
    }
}

/// The response and its log fields.
fn written(error: ErrorResponse) -> String {
    let headers = error.response.headers();
    let exception = headers.get(rolecall_wire::http::ERROR_TYPE);
    let exception = exception.map_or("-", |value| value.to_str().unwrap());
    let exception = exception.to_owned();
    let status = error.response.status().as_u16();
    let body = MessageBody::try_into_bytes(error.response.into_body()).unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    format!("{status} {exception} {body}\n{}", logged(&error.error_text))
}

fn logged(error_text: &ErrorText) -> String {
    format!(
        "    {:?} {} {:?} {:?} {:?} {:?}\n",
        error_text.fault,
        error_text.code,
        error_text.retry_after,
        error_text.limit.map(LimitName::code),
        error_text.detail.as_deref().unwrap_or_default(),
        error_text.causes,
    )
}

/// The texts of a page, and its JSON form.
fn page(error: &PageError) -> [String; 2] {
    let error_text = error.error_text();
    let json = ErrorResponse::new(error.json(&reference()), error_text.clone());
    let page = format!(
        "{} {}\n{}",
        error_text.status.as_u16(),
        error.summary(),
        logged(error_text)
    );
    [written(json), page]
}

fn responses() -> String {
    let mut all = Vec::new();
    for error in request_errors() {
        for surface in [Surface::Sso, Surface::OAuth, Surface::SignIn] {
            all.push(written(surface.reject(error.clone(), &reference())));
        }
        all.extend(page(&error.into()));
    }
    all.push(written(SsoError::Unavailable(store()).to_response()));
    all.push(written(
        OAuthError::from(TokenError::Unavailable(store())).to_response(),
    ));
    all.extend(page(&store().into()));
    let mut sso = sso_errors();
    for (at, error) in issue_errors().into_iter().enumerate() {
        let contact = (at > 0).then_some("it@example.com");
        sso.push(SsoError::of_issue(error, &requested(contact)));
    }
    let unknown = requested(Some("it@example.com"));
    sso.push(SsoError::of_issue(IssueError::NotGranted, &unknown));
    all.extend(sso.iter().map(|error| written(error.to_response())));
    let mut oauth: Vec<OAuthError> = token_errors().into_iter().map(Into::into).collect();
    oauth.extend(registrations().into_iter().map(OAuthError::from));
    oauth.extend(device_errors().into_iter().map(OAuthError::from));
    oauth.extend([
        OAuthError::MissingMember("clientId"),
        OAuthError::UnsupportedGrantType,
        OAuthError::UnreadableBody,
        limit(LimitName::Register, 1).into(),
    ]);
    all.extend(oauth.iter().map(|error| written(error.to_response())));
    let mut sign_in: Vec<AwsSignInError> = login_errors().into_iter().map(Into::into).collect();
    sign_in.extend([
        AwsSignInError::InvalidRequest("The request body could not be read.".into()),
        AwsSignInError::InvalidRequest("clientId is missing or is not a string.".into()),
    ]);
    all.extend(sign_in.iter().map(|error| written(error.to_response())));
    let mut pages = vec![
        PageError::ticket_expired(),
        PageError::sign_in_first("/console?a=b", true),
        PageError::sign_in_first("/", false),
        not_a_navigation(),
        InvalidLogin::NoResponseTarget.into(),
    ];
    pages.extend(LIMITS.map(|name| limit(name, 90).into()));
    pages.extend(issue_errors().into_iter().map(PageError::from));
    pages.extend(sign_in_errors().into_iter().map(PageError::from));
    pages.extend(sign_out_errors().into_iter().map(PageError::from));
    all.extend(pages.iter().flat_map(page));
    all.concat()
}

#[test]
fn error_responses_match_answers_txt() {
    let (responses, expected) = (responses(), include_str!("answers.txt"));
    for (actual, expected) in responses.lines().zip(expected.lines()) {
        assert_eq!(actual, expected);
    }
    assert_eq!(responses.lines().count(), expected.lines().count());
}
