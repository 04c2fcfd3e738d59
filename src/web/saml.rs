//! SAML over HTTP: our metadata, responses and logout messages that other sites bring.
//!
//! A response is a form of the provider's, so it comes without our cookies (`SameSite=Lax`). It is put aside, and the
//! browser is sent to fetch its session with a request of its own, which brings them.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse};
use rolecall_core::base::limits;
use rolecall_core::base::secret::{SamlResponse, SecretText, State};
use rolecall_core::identity::ProviderId;
use rolecall_core::record::rate_limit::Share;
use rolecall_core::sign_in::{LogoutMessage, OrderedBy, SignInError, SignOutError};
use serde::Deserialize;

use super::address::known;
use super::detached::uninterrupted;
use super::extract::{BODY_TIMEOUT, Visitor};
use super::fetch_metadata::{Destination, not_a_navigation, require_navigation};
use super::problem::{Fault, Problem};
use super::sign_in::{finish, provider_id, title};
use super::site::Site;
use super::{hand_over, reply, sign_out};

/// Bytes of a whole form: the message with every `+`, `/` and `=` of it percent-encoded, and its `RelayState`.
pub const FORM_BYTES_MAX: usize = limits::SAML_MESSAGE_BYTES_MAX / 8 * 9 + 8 * 1024;
/// A `state` of ours: 256 bits in base64url.
const STATE_CHARS: usize = 43;

/// A form that another site's page sent: `SAMLRequest` or `SAMLResponse`, each at most once, and at most one `RelayState`.
pub struct SamlForm {
    request: Option<String>,
    response: Option<String>,
    relay_state: Option<String>,
    room: Option<Share>,
}

impl FromRequest for SamlForm {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // Before a byte of it is read.
        let room = match room_for(request) {
            Ok(room) => room,
            Err(problem) => return Box::pin(async { Err(problem) }),
        };
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            let read = actix_web::rt::time::timeout(BODY_TIMEOUT, body).await;
            let read = read.map_err(|_| Problem::from_status(StatusCode::REQUEST_TIMEOUT))?;
            let body = read.map_err(|_| Problem::from_status(StatusCode::PAYLOAD_TOO_LARGE))?;
            let form = Self::parse(&body).ok_or_else(|| {
                Problem::bad_request("The identity provider's form has a field twice.")
            })?;
            Ok(Self { room, ..form })
        })
    }
}

/// Room for a form that a window or a frame sends.
fn room_for(request: &HttpRequest) -> Result<Option<Share>, Problem> {
    if request.content_type() != "application/x-www-form-urlencoded" {
        return Err(Problem::from_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    if Destination::of(request) == Destination::Resource {
        return Err(not_a_navigation());
    }
    let Some(site) = request.app_data::<Data<Site>>() else {
        return Ok(None);
    };
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let bytes = length.unwrap_or(FORM_BYTES_MAX).min(FORM_BYTES_MAX);
    let room = site.form_room.take(known(request), bytes);
    room.map(Some).ok_or_else(|| {
        let mut problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            Fault::Caller,
            "rate_limited",
            "Too many requests",
            "Too many messages of identity providers are being read.",
        )
        .hint("Try again in 5 seconds.");
        problem.retry_after = Some(5);
        problem
    })
}

impl SamlForm {
    fn parse(body: &[u8]) -> Option<Self> {
        let mut found: [Option<String>; 3] = Default::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            let known = ["SAMLRequest", "SAMLResponse", "RelayState"];
            let Some(at) = known.iter().position(|known| *known == name) else {
                continue;
            };
            if found[at].replace(value.into_owned()).is_some() {
                return None;
            }
        }
        let [request, response, relay_state] = found;
        Some(Self {
            request,
            response,
            relay_state,
            room: None,
        })
    }

    /// `SAMLResponse`, and the room that it takes as long as it is looked at.
    pub fn response(self) -> (Option<String>, Option<Share>) {
        (self.response, self.room)
    }

    /// The `state` of a sign-in that was begun here, if `RelayState` is one.
    fn state(&self) -> Option<State> {
        let state = self.relay_state.as_ref()?;
        let ours = state.len() == STATE_CHARS
            && state
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        ours.then(|| State::new(state.as_str()))
    }
}

/// `GET /sign-in/{provider}/metadata`: our SAML metadata for this provider.
///
/// # Errors
/// When there is no such SAML provider.
pub async fn metadata(visitor: Visitor, id: Path<String>) -> Result<HttpResponse, Problem> {
    let document = visitor
        .site
        .gateway
        .sign_ins()
        .saml_metadata(&provider_id(&id)?)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .content_type("application/samlmetadata+xml")
        .body(document))
}

/// `POST /sign-in/{provider}/acs`: the assertion consumer service (SAML Profiles 4.1.2). An answer to a sign-in of ours is
/// kept for its browser; anything else nobody here asked for.
///
/// # Errors
/// When the response is refused; see [`SignInError`].
pub async fn consume(
    visitor: Visitor,
    request: HttpRequest,
    id: Path<String>,
    form: SamlForm,
) -> Result<HttpResponse, Problem> {
    require_navigation(&request)?;
    let id = provider_id(&id)?;
    let state = form.state();
    let response = form.response.ok_or(SignInError::Unreadable)?;
    let response = SamlResponse::new(response);
    let room = form.room;
    let Some(state) = state else {
        let outcome = uninterrupted(&visitor, &id, |gateway, context, provider| async move {
            let _room = room;
            gateway
                .sign_ins()
                .complete_unsolicited_sign_in(&context, &provider, response)
                .await
        });
        return finish(&visitor, &request, &id, outcome.await?).await;
    };
    let key = state.clone();
    let held = uninterrupted(&visitor, &id, |gateway, context, provider| async move {
        let _room = room;
        gateway
            .sign_ins()
            .hold_response(&context, &provider, &key, response)
            .await
    });
    match held.await? {
        Ok(()) => {
            let query = reply::query(&[("state", state.expose())]);
            Ok(reply::see_other(&format!("/sign-in/{id}/continue?{query}")))
        }
        Err(error) => finish(&visitor, &request, &id, Err(error)).await,
    }
}

/// Which sign-in goes on.
#[derive(Deserialize)]
pub struct Continued {
    state: String,
}

/// `GET /sign-in/{provider}/continue`: the browser fetches its session, with its cookies.
///
/// # Errors
/// When the sign-in is refused; see [`SignInError`].
pub async fn go_on(
    visitor: Visitor,
    request: HttpRequest,
    id: Path<String>,
    continued: Query<Continued>,
) -> Result<HttpResponse, Problem> {
    require_navigation(&request)?;
    let id = provider_id(&id)?;
    let browser = visitor.site.cookies.browser(&request);
    let state = State::new(continued.into_inner().state);
    let outcome = uninterrupted(&visitor, &id, |gateway, context, provider| async move {
        gateway
            .sign_ins()
            .complete_held_sign_in(&context, &provider, browser.as_ref(), state)
            .await
    });
    finish(&visitor, &request, &id, outcome.await?).await
}

/// `GET /sign-in/{provider}/slo`: single logout by Redirect.
///
/// # Errors
/// When a provider's order is refused; see [`SignOutError`].
pub async fn logout_by_redirect(
    visitor: Visitor,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let by = ordered_by(&request)?;
    let id = provider_id(&id)?;
    let query = request.query_string();
    let sent = SamlForm::parse(query.as_bytes());
    let message = || LogoutMessage::Redirect(SecretText::new(query));
    match sent {
        Some(sent) if sent.request.is_none() && sent.response.is_some() => {
            answered(&visitor, &id, sent.state(), message(), None).await
        }
        Some(sent) => ordered(&visitor, &id, sent.request.map(|_| message()), by, None).await,
        None => ordered(&visitor, &id, None, by, None).await,
    }
}

/// `POST /sign-in/{provider}/slo`: single logout by POST.
///
/// # Errors
/// As [`logout_by_redirect`].
pub async fn logout_by_form(
    visitor: Visitor,
    request: HttpRequest,
    id: Path<String>,
    form: SamlForm,
) -> Result<HttpResponse, Problem> {
    let by = ordered_by(&request)?;
    let id = provider_id(&id)?;
    let state = form.state();
    let message = |text| LogoutMessage::Post {
        message: SecretText::new(text),
        relay_state: form.relay_state,
    };
    match (form.request, form.response) {
        (None, Some(response)) => {
            answered(&visitor, &id, state, message(response), form.room).await
        }
        (Some(request), None) => {
            ordered(&visitor, &id, Some(message(request)), by, form.room).await
        }
        (Some(_), Some(_)) | (None, None) => ordered(&visitor, &id, None, by, None).await,
    }
}

/// Identity providers end the sessions of several applications in frames of one page.
fn ordered_by(request: &HttpRequest) -> Result<OrderedBy, Problem> {
    match Destination::of(request) {
        Destination::Window => Ok(OrderedBy::Navigation),
        Destination::Frame => Ok(OrderedBy::Frame),
        Destination::Resource => Err(not_a_navigation()),
    }
}

/// The provider orders; the browser goes back to it.
async fn ordered(
    visitor: &Visitor,
    id: &ProviderId,
    message: Option<LogoutMessage>,
    by: OrderedBy,
    room: Option<Share>,
) -> Result<HttpResponse, Problem> {
    let done = uninterrupted(visitor, id, |gateway, context, provider| async move {
        let _room = room;
        gateway
            .sign_ins()
            .sign_out_ordered(&context, &provider, message, by)
            .await
    });
    match done.await?? {
        Some(challenge) => hand_over::challenge(challenge, &title(&visitor.site, id)),
        None => Ok(sign_out::show(None)),
    }
}

/// The provider answers our own request. Whatever it says, the session here has ended.
async fn answered(
    visitor: &Visitor,
    id: &ProviderId,
    state: Option<State>,
    message: LogoutMessage,
    room: Option<Share>,
) -> Result<HttpResponse, Problem> {
    let answered = uninterrupted(visitor, id, |gateway, context, provider| async move {
        let _room = room;
        gateway
            .sign_ins()
            .sign_out_answered(&context, &provider, state.as_ref(), message)
            .await
    });
    match answered.await? {
        Ok(()) => Ok(sign_out::show(None)),
        Err(error @ (SignOutError::UnknownProvider | SignOutError::RateLimited(_))) => {
            Err(error.into())
        }
        Err(error) => {
            let reason = error.reason();
            tracing::warn!(provider = %id, reason, %error, "the provider's session may go on");
            Ok(sign_out::show(Some(id)))
        }
    }
}

impl From<SignOutError> for Problem {
    fn from(error: SignOutError) -> Self {
        match error {
            SignOutError::UnknownProvider => SignInError::UnknownProvider.into(),
            SignOutError::Unreadable => Self::bad_request(
                "The identity provider sent you here to sign out with a message that cannot be read.",
            )
            .action("Go to the portal", "/"),
            SignOutError::Expired | SignOutError::Replayed => Self::new(
                StatusCode::BAD_REQUEST,
                Fault::Caller,
                error.reason(),
                "That was used already",
                "This request to sign out was used already, or took too long.",
            )
            .hint("Sign out again, here or at your identity provider.")
            .action("Go to the portal", "/"),
            SignOutError::Provider(error) => {
                let mut problem = Self::from(error);
                problem.title = "That sign-out could not be accepted".to_owned();
                problem.hint = Some("Sign out in the portal itself.".to_owned());
                problem.action("Go to the portal", "/")
            }
            SignOutError::RateLimited(exceeded) => Self::from(exceeded),
            SignOutError::Unavailable(error) => Self::from(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_there_once_at_most() {
        let one = SamlForm::parse(b"SAMLResponse=a%2Bb&RelayState=r&x=1").unwrap();
        assert_eq!(one.response.as_deref(), Some("a+b"));
        assert!(one.request.is_none() && one.state().is_none());
        for twice in [
            "SAMLResponse=a&SAMLResponse=a",
            "RelayState=a&SAMLResponse=b&RelayState=a",
            "SAMLRequest=&SAMLRequest=",
        ] {
            assert!(SamlForm::parse(twice.as_bytes()).is_none(), "{twice}");
        }
    }

    #[test]
    fn only_what_looks_like_a_state_is_one() {
        let state = |relay_state: &str| {
            let form = SamlForm {
                request: None,
                response: None,
                relay_state: Some(relay_state.to_owned()),
                room: None,
            };
            form.state().is_some()
        };
        let ours = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-";
        assert!(state(ours));
        for other in ["", "/console", &ours[1..], &format!("{ours}A")] {
            assert!(!state(other), "{other}");
        }
        assert!(!state(&ours.replace('-', "/")));
    }
}
