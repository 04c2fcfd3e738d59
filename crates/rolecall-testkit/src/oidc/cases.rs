//! All faults, with the outcome expected of a correct relying party.
//!
//! [`for_each_oidc_fault`](crate::for_each_oidc_fault) passes the table to a macro, so that each row becomes a test.

use std::time::Duration;

use super::{EndpointFault, ExpectedOutcome, Fault};

/// A fault with its name and expected outcome.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Name in `snake_case`, for a test.
    pub name: &'static str,
    /// What the provider does wrong.
    pub fault: Fault,
    /// Outcome for a correct relying party that requires [`Fault::HOSTED_DOMAIN`], at a provider set up by [`Fault::prepare`].
    pub outcome: ExpectedOutcome,
}

/// Calls the macro `$each` once with all rows: `name: fault => outcome,`.
///
/// `Fault`, `EndpointFault` and `std::time::Duration` must be in scope. `outcome` is a variant of `ExpectedOutcome`.
#[macro_export]
macro_rules! for_each_oidc_fault {
    ($each:ident) => {
        $each! {
            wrong_issuer: Fault::WrongIssuer => Rejected,
            issuer_with_slash: Fault::IssuerWithSlash => Rejected,
            missing_issuer: Fault::MissingIssuer => Rejected,
            wrong_audience: Fault::WrongAudience => Rejected,
            extra_audience: Fault::ExtraAudience => Rejected,
            missing_audience: Fault::MissingAudience => Rejected,
            empty_audience: Fault::EmptyAudience => Rejected,
            missing_subject: Fault::MissingSubject => Rejected,
            empty_subject: Fault::EmptySubject => Rejected,
            subject_as_number: Fault::SubjectAsNumber => Rejected,
            missing_exp: Fault::MissingExp => Rejected,
            missing_iat: Fault::MissingIat => Rejected,
            expired_token: Fault::ExpiredToken => Rejected,
            not_yet_valid: Fault::NotYetValid => Rejected,
            issued_in_future: Fault::IssuedInFuture => Rejected,
            exp_as_string: Fault::ExpAsString => Rejected,
            nbf_as_string: Fault::NbfAsString => Rejected,
            wrong_nonce: Fault::WrongNonce => Rejected,
            missing_nonce: Fault::MissingNonce => Rejected,
            wrong_at_hash: Fault::WrongAtHash => Rejected,
            wrong_azp: Fault::WrongAzp => Rejected,
            wrong_hd: Fault::WrongHd => Rejected,
            missing_hd: Fault::MissingHd => Rejected,
            duplicate_claims: Fault::DuplicateClaims => Rejected,
            groups_overage: Fault::GroupsOverage => Rejected,
            has_groups: Fault::HasGroups => Rejected,
            huge_groups: Fault::HugeGroups(5_000) => Rejected,
            huge_token: Fault::HugeToken => Rejected,
            alg_none: Fault::AlgNone => Rejected,
            alg_hs256_with_client_secret: Fault::AlgHs256WithClientSecret => Rejected,
            alg_hs256_with_public_key: Fault::AlgHs256WithPublicKey => Rejected,
            alg_hs256_with_published_key: Fault::AlgHs256WithPublishedKey => Rejected,
            embedded_jwk: Fault::EmbeddedJwk => Rejected,
            jku_header: Fault::JkuHeader => Rejected,
            x5u_header: Fault::X5uHeader => Rejected,
            crit_header: Fault::CritHeader => Rejected,
            wrong_typ: Fault::WrongTyp => Rejected,
            unknown_kid: Fault::UnknownKid => Rejected,
            missing_kid: Fault::MissingKid => Accepted,
            missing_kid_among_many: Fault::MissingKidAmongMany => Either,
            tampered_signature: Fault::TamperedSignature => Rejected,
            tampered_claims: Fault::TamperedClaims => Rejected,
            missing_signature: Fault::MissingSignature => Rejected,
            es256_zero_signature: Fault::Es256ZeroSignature => Rejected,
            signed_by_other_key: Fault::SignedByOtherKey => Rejected,
            jwe_token: Fault::JweToken => Rejected,
            extra_dots: Fault::ExtraDots => Rejected,
            padded_token: Fault::PaddedToken => Rejected,
            garbage_token: Fault::GarbageToken => Rejected,
            missing_id_token: Fault::MissingIdToken => Rejected,
            userinfo_other_subject: Fault::UserinfoOtherSubject => Rejected,
            userinfo_missing_sub: Fault::UserinfoMissingSub => Rejected,
            userinfo_html: Fault::Userinfo(EndpointFault::Html) => Rejected,
            userinfo_server_error: Fault::Userinfo(EndpointFault::ServerError) => Rejected,
            userinfo_empty: Fault::Userinfo(EndpointFault::Empty) => Rejected,
            userinfo_endless: Fault::Userinfo(EndpointFault::Endless) => Rejected,
            userinfo_redirect: Fault::Userinfo(EndpointFault::Redirect) => Rejected,
            userinfo_deep_json: Fault::Userinfo(EndpointFault::DeepJson) => Rejected,
            token_html: Fault::TokenEndpoint(EndpointFault::Html) => Rejected,
            token_server_error: Fault::TokenEndpoint(EndpointFault::ServerError) => Rejected,
            token_empty: Fault::TokenEndpoint(EndpointFault::Empty) => Rejected,
            token_endless: Fault::TokenEndpoint(EndpointFault::Endless) => Rejected,
            token_wrong_content_type: Fault::TokenEndpoint(EndpointFault::WrongContentType) => Rejected,
            token_redirect: Fault::TokenEndpoint(EndpointFault::Redirect) => Rejected,
            token_slow: Fault::TokenEndpoint(EndpointFault::Slow(Duration::from_secs(60))) => Rejected,
            token_connection_dropped: Fault::TokenEndpoint(EndpointFault::DropConnection) => Rejected,
            token_deep_json: Fault::TokenEndpoint(EndpointFault::DeepJson) => Rejected,
            discovery_issuer_mismatch: Fault::DiscoveryIssuerMismatch => Rejected,
            discovery_plain_http: Fault::DiscoveryPlainHttp => Rejected,
            discovery_missing_jwks_uri: Fault::DiscoveryMissingJwksUri => Rejected,
            discovery_html: Fault::Discovery(EndpointFault::Html) => Rejected,
            discovery_server_error: Fault::Discovery(EndpointFault::ServerError) => Rejected,
            discovery_empty: Fault::Discovery(EndpointFault::Empty) => Rejected,
            discovery_endless: Fault::Discovery(EndpointFault::Endless) => Rejected,
            discovery_redirect: Fault::Discovery(EndpointFault::Redirect) => Rejected,
            discovery_slow: Fault::Discovery(EndpointFault::Slow(Duration::from_secs(60))) => Rejected,
            discovery_connection_dropped: Fault::Discovery(EndpointFault::DropConnection) => Rejected,
            discovery_deep_json: Fault::Discovery(EndpointFault::DeepJson) => Rejected,
            jwks_empty: Fault::JwksEmpty => Rejected,
            jwks_html: Fault::Jwks(EndpointFault::Html) => Rejected,
            jwks_server_error: Fault::Jwks(EndpointFault::ServerError) => Rejected,
            jwks_endless: Fault::Jwks(EndpointFault::Endless) => Rejected,
            jwks_redirect: Fault::Jwks(EndpointFault::Redirect) => Rejected,
            jwks_connection_dropped: Fault::Jwks(EndpointFault::DropConnection) => Rejected,
            jwks_deep_json: Fault::Jwks(EndpointFault::DeepJson) => Rejected,
            wrong_iss_parameter: Fault::WrongIssParameter => Rejected,
            missing_iss_parameter: Fault::MissingIssParameter => Rejected,
            error_access_denied: Fault::ErrorCallback("access_denied") => Rejected,
            error_temporarily_unavailable: Fault::ErrorCallback("temporarily_unavailable") => Rejected,
            error_with_markup: Fault::ErrorCallback("<script>alert(1)</script>") => Rejected,
            wrong_state: Fault::WrongState => Rejected,
            missing_state: Fault::MissingState => Rejected,
            duplicate_state: Fault::DuplicateState => Rejected,
            missing_code: Fault::MissingCode => Rejected,
        }
    };
}

macro_rules! table {
    ($($name:ident: $fault:expr => $outcome:ident,)*) => {
        /// One case for each fault.
        pub const ALL: &[Case] = &[
            $(Case { name: stringify!($name), fault: $fault, outcome: ExpectedOutcome::$outcome },)*
        ];
    };
}
for_each_oidc_fault!(table);
