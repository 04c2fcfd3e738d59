//! EC2's query protocol: every action is evaluated against the policies that apply, and none is performed.
//!
//! A denied request gets `UnauthorizedOperation` with an encoded authorization message. An allowed one gets `DryRunOperation`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use super::authorization_message::denial;
use super::authorize::{Call, Caller};
use super::error::AwsError;
use super::sigv4;
use super::state::AwsState;
use super::wire::escape;
use crate::iam::RequestContext;

/// The version of the API, which tells its requests from those of STS.
pub(super) const VERSION: &str = "2016-11-15";

/// Answers a request.
pub(super) fn answer(
    state: &AwsState,
    request: &HttpRequest,
    form: &[(String, String)],
    body: &[u8],
) -> HttpResponse {
    let request_id = state.next_request_id();
    let (code, status, message) = match evaluate(state, request, form, body) {
        Ok(None) => (
            "DryRunOperation",
            412,
            "Request would have succeeded, but DryRun flag is set.".to_owned(),
        ),
        Ok(Some(denied)) => ("UnauthorizedOperation", 403, denied),
        Err(error) => {
            let (code, status) = error.code.wire();
            (code, status, error.message)
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    HttpResponse::build(status).content_type("text/xml").body(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{}</Message></Error></Errors>\
         <RequestID>{request_id}</RequestID></Response>",
        escape(&message)
    ))
}

/// The message of a refusal; none if the request is allowed.
fn evaluate(
    state: &AwsState,
    request: &HttpRequest,
    form: &[(String, String)],
    body: &[u8],
) -> Result<Option<String>, AwsError> {
    let signer = sigv4::signer(state, request, body, "ec2")?;
    let field = |name: &str| {
        let found = form.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let action = format!("ec2:{}", field("Action").unwrap_or_default());
    let (region, account) = (&signer.region, signer.account());
    let resource = format!("arn:aws:ec2:{region}:{account}:instance/*");
    let call = Call {
        caller: Caller::Signer(&signer),
        action: &action,
        resource: &resource,
        trust: None,
        context: RequestContext::default(),
    };
    let decision = call.decide(state).map_err(|_| AwsError::internal())?;
    if decision.is_allowed() {
        return Ok(None);
    }
    let mut conditions = vec![("ec2:Region", signer.region.as_str())];
    conditions.extend(field("InstanceType").map(|kind| ("ec2:InstanceType", kind)));
    denial(state, &signer, (&action, &resource), &conditions, &decision).map(Some)
}
