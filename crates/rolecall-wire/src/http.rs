//! HTTP headers of all responses of AWS services, in lower case.

/// `x-amzn-ErrorType`: name of the exception, which is not in the bodies of `sso` and `sso-oidc`.
pub const ERROR_TYPE: &str = "x-amzn-errortype";
/// `x-amzn-RequestId`: identifies the request in the log of the service.
pub const REQUEST_ID: &str = "x-amzn-requestid";
