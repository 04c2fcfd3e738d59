//! Every refusal of every surface, byte for byte: status, headers and body for AWS's clients, the words for people, and the
//! fields of the log line. `answers.txt` holds them.

mod samples;

use std::io;

use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use rolecall_core::aws_login::InvalidLogin;
use rolecall_core::clients::TokenError;
use rolecall_core::issue::IssueError;
use rolecall_core::record::rate_limit::LimitName;

use super::explanation::Explanation;
use super::oauth::OAuthError;
use super::page::PageError;
use super::request::RequestError;
use super::signin::AwsSignInError;
use super::sso::{AskedRole, SsoError};
use super::surface::{Answer, Surface};
use crate::web::http::fetch_metadata::not_a_navigation;
use samples::*;

/// What no handler has seen, on every surface alike.
fn request_errors() -> Vec<RequestError> {
    let mut all = vec![
        RequestError::CrossSite,
        RequestError::Malformed("The address is incomplete or has something wrong in it.".into()),
        RequestError::WrongHost("Host x".to_owned()),
        RequestError::HeadersTooLarge,
        RequestError::interrupted(&io::Error::other("cancelled")),
        RequestError::Status(StatusCode::INTERNAL_SERVER_ERROR),
        RequestError::internal("the site is not set up"),
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
        invalid("max_result is not a number"),
        invalid("account_id is not an AWS account's 12 digits"),
    ]
}

fn asked(contact: Option<&'static str>) -> AskedRole<'static> {
    AskedRole {
        account_id: "111122223333",
        role_name: "Developer",
        origin: "https://sso.example.com",
        contact,
    }
}

/// The answer and its log line.
fn written(answer: Answer) -> String {
    let headers = answer.response.headers();
    let exception = headers.get("x-amzn-errortype");
    let exception = exception.map_or("-", |value| value.to_str().unwrap());
    let exception = exception.to_owned();
    let status = answer.response.status().as_u16();
    let body = MessageBody::try_into_bytes(answer.response.into_body()).unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    format!(
        "{status} {exception} {body}\n{}",
        logged(&answer.explanation)
    )
}

fn logged(explanation: &Explanation) -> String {
    format!(
        "    {:?} {} {:?} {:?} {:?} {:?}\n",
        explanation.fault,
        explanation.code,
        explanation.retry_after,
        explanation.limit.map(LimitName::code),
        explanation.detail.as_deref().unwrap_or_default(),
        explanation.causes,
    )
}

/// A page by what it says, and the same for programs.
fn page(error: &PageError) -> [String; 2] {
    let explanation = error.explanation();
    let json = Answer::new(error.json(&reference()), explanation.clone());
    let page = format!(
        "{} {}\n{}",
        explanation.status.as_u16(),
        error.described(),
        logged(explanation)
    );
    [written(json), page]
}

fn answers() -> String {
    let mut all = Vec::new();
    for error in request_errors() {
        for surface in [Surface::Sso, Surface::OAuth, Surface::SignIn] {
            all.push(written(surface.refuse(error.clone(), &reference())));
        }
        all.extend(page(&error.into()));
    }
    all.push(written(SsoError::Unavailable(store()).answer()));
    all.push(written(
        OAuthError::from(TokenError::Unavailable(store())).answer(),
    ));
    all.extend(page(&store().into()));
    let mut sso = sso_errors();
    for (at, error) in issue_errors().into_iter().enumerate() {
        let contact = (at > 0).then_some("it@example.com");
        sso.push(SsoError::of_issue(error, &asked(contact)));
    }
    let unknown = asked(Some("it@example.com"));
    sso.push(SsoError::of_issue(IssueError::NotGranted, &unknown));
    all.extend(sso.iter().map(|error| written(error.answer())));
    let mut oauth: Vec<OAuthError> = token_errors().into_iter().map(Into::into).collect();
    oauth.extend(registrations().into_iter().map(OAuthError::from));
    oauth.extend(device_errors().into_iter().map(OAuthError::from));
    oauth.extend([
        OAuthError::MissingMember("clientId"),
        OAuthError::UnsupportedGrantType,
        OAuthError::UnreadableBody,
        limit(LimitName::Register, 1).into(),
    ]);
    all.extend(oauth.iter().map(|error| written(error.answer())));
    let mut sign_in: Vec<AwsSignInError> = login_errors().into_iter().map(Into::into).collect();
    sign_in.extend([
        AwsSignInError::InvalidRequest("The body could not be read.".into()),
        AwsSignInError::InvalidRequest("clientId is missing, or no text.".into()),
    ]);
    all.extend(sign_in.iter().map(|error| written(error.answer())));
    let mut pages = vec![
        PageError::ticket_expired(),
        PageError::sign_in_first("/console?a=b", true),
        PageError::sign_in_first("/", false),
        not_a_navigation(),
        InvalidLogin::Unanswerable.into(),
    ];
    pages.extend(LIMITS.map(|name| limit(name, 90).into()));
    pages.extend(issue_errors().into_iter().map(PageError::from));
    pages.extend(sign_in_errors().into_iter().map(PageError::from));
    pages.extend(sign_out_errors().into_iter().map(PageError::from));
    all.extend(pages.iter().flat_map(page));
    all.concat()
}

#[test]
fn every_surface_answers_as_its_clients_know_it() {
    let (answers, known) = (answers(), include_str!("answers.txt"));
    for (is, known) in answers.lines().zip(known.lines()) {
        assert_eq!(is, known);
    }
    assert_eq!(answers.lines().count(), known.lines().count());
}
