//! The cookies: of the session, of pending sign-ins, and of a sign-out after which client sessions remain. They contain only
//! random secrets, and all of them are `HttpOnly`.
//!
//! Over HTTPS they have the `__Host-` prefix (RFC 6265bis 4.1.3.2), so that no other host can set them. Browsers reject that
//! prefix on a loopback origin without TLS, so the plain names are used there.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use chrono::TimeDelta;
use rolecall_core::base::limits;
use rolecall_core::base::secret::{BrowserSecret, SessionSecret, SignOutTicket, TOKEN_CHARACTERS};
use rolecall_core::sign_in::BrowserSecrets;

/// The names of the cookies on this origin.
#[derive(Clone, Copy, Debug)]
pub struct CookieNames {
    secure: bool,
    session: &'static str,
    browser: &'static str,
    sign_out: &'static str,
}

impl CookieNames {
    /// The names for an HTTPS origin (`secure`), or for a loopback origin without TLS.
    pub fn new(secure: bool) -> Self {
        if secure {
            Self {
                secure,
                session: "__Host-rc_s",
                browser: "__Host-rc_t",
                sign_out: "__Host-rc_o",
            }
        } else {
            Self {
                secure,
                session: "rc_s",
                browser: "rc_t",
                sign_out: "rc_o",
            }
        }
    }

    /// The secrets of a request that starts or completes a sign-in.
    pub fn secrets(&self, request: &HttpRequest) -> BrowserSecrets {
        BrowserSecrets {
            browser: self.browser(request),
            session: self.session(request),
        }
    }

    /// The secret of the session. None if the cookie is repeated, because another site may have set one of them.
    pub fn session(&self, request: &HttpRequest) -> Option<SessionSecret> {
        single_value(request, self.session, SessionSecret::CHARACTERS).map(SessionSecret::new)
    }

    /// The secret of the pending sign-ins of this browser.
    fn browser(&self, request: &HttpRequest) -> Option<BrowserSecret> {
        single_value(request, self.browser, TOKEN_CHARACTERS).map(BrowserSecret::new)
    }

    /// The ticket of the last sign-out of this browser.
    pub fn sign_out_ticket(&self, request: &HttpRequest) -> Option<SignOutTicket> {
        single_value(request, self.sign_out, TOKEN_CHARACTERS).map(SignOutTicket::new)
    }

    /// The session cookie. It lasts until the browser closes; the session itself has its own expiry.
    pub fn set_session(&self, secret: &SessionSecret) -> Cookie<'static> {
        self.cookie(self.session, secret.expose().to_owned())
    }

    /// The cookie of a pending sign-in.
    pub fn set_browser(&self, secret: &BrowserSecret) -> Cookie<'static> {
        let mut cookie = self.cookie(self.browser, secret.expose().to_owned());
        // It outlives the record of the sign-in, so that a late callback is reported as expired.
        cookie.set_max_age(seconds(limits::SIGN_IN_MAX * 6));
        cookie
    }

    /// The cookie of a sign-out.
    pub fn set_sign_out_ticket(&self, ticket: &SignOutTicket) -> Cookie<'static> {
        let mut cookie = self.cookie(self.sign_out, ticket.expose().to_owned());
        cookie.set_max_age(seconds(limits::SIGN_OUT_TICKET_LIFE));
        cookie
    }

    /// Removes the session cookie.
    pub fn clear_session(&self) -> Cookie<'static> {
        self.cleared(self.session)
    }

    /// Removes the cookie of a sign-out.
    pub fn clear_sign_out_ticket(&self) -> Cookie<'static> {
        self.cleared(self.sign_out)
    }

    fn cleared(&self, name: &'static str) -> Cookie<'static> {
        let mut cookie = self.cookie(name, String::new());
        cookie.make_removal();
        cookie
    }

    fn cookie(&self, name: &'static str, value: String) -> Cookie<'static> {
        Cookie::build(name, value)
            .path("/")
            .secure(self.secure)
            .http_only(true)
            .same_site(SameSite::Lax)
            .finish()
    }
}

fn seconds(delta: TimeDelta) -> Duration {
    Duration::seconds(delta.num_seconds())
}

/// The value of the cookie of this name, if it occurs once and has this number of base64url characters.
fn single_value(request: &HttpRequest, name: &str, characters: usize) -> Option<String> {
    let mut values = request
        .headers()
        .get_all(header::COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim());
    let value = values.next()?;
    let well_formed = value.len() == characters
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (values.next().is_none() && well_formed).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    const VALUE: &str =
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn read(lines: &[&str]) -> Option<String> {
        let request = lines.iter().fold(TestRequest::default(), |request, line| {
            request.append_header((header::COOKIE, *line))
        });
        CookieNames::new(true)
            .session(&request.to_http_request())
            .map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn valid_session_cookie_is_read() {
        assert_eq!(
            read(&[&format!("a=b; __Host-rc_s={VALUE}")]).as_deref(),
            Some(VALUE)
        );
    }

    #[test]
    fn repeated_malformed_and_misnamed_cookies_are_ignored() {
        for lines in [
            vec![format!("__Host-rc_s={VALUE}; __Host-rc_s={VALUE}")],
            vec![
                format!("__Host-rc_s={VALUE}"),
                format!("__Host-rc_s={VALUE}"),
            ],
            vec![format!("rc_s={VALUE}")],
            vec![format!("__host-rc_s={VALUE}")],
            vec![format!("__Host-rc_s=\"{VALUE}\"")],
            vec!["__Host-rc_s=short".to_owned()],
            vec![format!("__Host-rc_s={}é", &VALUE[2..])],
            vec![String::new()],
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(read(&lines), None, "{lines:?}");
        }
    }

    #[test]
    fn session_cookie_has_strict_attributes() {
        let cookie = CookieNames::new(true)
            .set_session(&SessionSecret::new(VALUE))
            .to_string();
        for part in [
            "__Host-rc_s=",
            "HttpOnly",
            "SameSite=Lax",
            "Secure",
            "Path=/",
        ] {
            assert!(cookie.contains(part), "{part} in {cookie}");
        }
        assert!(!cookie.contains("Domain"));
    }
}
