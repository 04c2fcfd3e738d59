//! HTTP headers of every answer of AWS's services, in lower case.

/// `x-amzn-ErrorType`: the name of the exception. Clients take it from here, since the bodies of sso and sso-oidc lack it.
pub const ERROR_TYPE: &str = "x-amzn-errortype";
/// `x-amzn-RequestId`: identifies the request in the service's log.
pub const REQUEST_ID: &str = "x-amzn-requestid";
