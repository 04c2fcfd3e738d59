//! The table of all faults: the name of each, and what a sound relying party makes of it.
//!
//! [`for_each_oidc_fault`](crate::for_each_oidc_fault) hands it to a macro, so that a new row is a new test everywhere.

use std::time::Duration;

use super::{Conduct, Fault, Verdict};

/// A fault with its name and what has to come of it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// In `snake_case`: a test's name.
    pub name: &'static str,
    /// What the provider does.
    pub fault: Fault,
    /// What a sound relying party does, when it expects [`Fault::HOSTED_DOMAIN`] and the provider was set up by [`Fault::arrange`].
    pub verdict: Verdict,
}

/// Calls the macro `$each` once with every row: `name: fault => verdict,`.
///
/// Bring `Fault`, `Conduct` and `std::time::Duration` into scope; `verdict` is a bare variant of `Verdict`.
#[macro_export]
macro_rules! for_each_oidc_fault {
    ($each:ident) => {
        $each! {
            wrong_issuer: Fault::WrongIssuer => Refused,
            issuer_with_slash: Fault::IssuerWithSlash => Refused,
            missing_issuer: Fault::MissingIssuer => Refused,
            wrong_audience: Fault::WrongAudience => Refused,
            extra_audience: Fault::ExtraAudience => Refused,
            missing_audience: Fault::MissingAudience => Refused,
            empty_audience: Fault::EmptyAudience => Refused,
            missing_subject: Fault::MissingSubject => Refused,
            empty_subject: Fault::EmptySubject => Refused,
            subject_as_number: Fault::SubjectAsNumber => Refused,
            missing_exp: Fault::MissingExp => Refused,
            missing_iat: Fault::MissingIat => Refused,
            expired_token: Fault::ExpiredToken => Refused,
            not_yet_valid: Fault::NotYetValid => Refused,
            issued_in_future: Fault::IssuedInFuture => Refused,
            exp_as_string: Fault::ExpAsString => Refused,
            nbf_as_string: Fault::NbfAsString => Refused,
            wrong_nonce: Fault::WrongNonce => Refused,
            missing_nonce: Fault::MissingNonce => Refused,
            wrong_at_hash: Fault::WrongAtHash => Refused,
            wrong_azp: Fault::WrongAzp => Refused,
            wrong_hd: Fault::WrongHd => Refused,
            missing_hd: Fault::MissingHd => Refused,
            duplicate_claims: Fault::DuplicateClaims => Refused,
            groups_overage: Fault::GroupsOverage => Refused,
            has_groups: Fault::HasGroups => Refused,
            huge_groups: Fault::HugeGroups(5_000) => Refused,
            huge_token: Fault::HugeToken => Refused,
            alg_none: Fault::AlgNone => Refused,
            alg_hs256_with_client_secret: Fault::AlgHs256WithClientSecret => Refused,
            alg_hs256_with_public_key: Fault::AlgHs256WithPublicKey => Refused,
            alg_hs256_with_published_key: Fault::AlgHs256WithPublishedKey => Refused,
            embedded_jwk: Fault::EmbeddedJwk => Refused,
            jku_header: Fault::JkuHeader => Refused,
            x5u_header: Fault::X5uHeader => Refused,
            crit_header: Fault::CritHeader => Refused,
            wrong_typ: Fault::WrongTyp => Refused,
            unknown_kid: Fault::UnknownKid => Refused,
            missing_kid: Fault::MissingKid => Accepted,
            missing_kid_among_many: Fault::MissingKidAmongMany => Either,
            tampered_signature: Fault::TamperedSignature => Refused,
            tampered_claims: Fault::TamperedClaims => Refused,
            missing_signature: Fault::MissingSignature => Refused,
            es256_zero_signature: Fault::Es256ZeroSignature => Refused,
            signed_by_other_key: Fault::SignedByOtherKey => Refused,
            jwe_token: Fault::JweToken => Refused,
            extra_dots: Fault::ExtraDots => Refused,
            padded_token: Fault::PaddedToken => Refused,
            garbage_token: Fault::GarbageToken => Refused,
            missing_id_token: Fault::MissingIdToken => Refused,
            userinfo_other_subject: Fault::UserinfoOtherSubject => Refused,
            userinfo_missing_sub: Fault::UserinfoMissingSub => Refused,
            userinfo_html: Fault::Userinfo(Conduct::Html) => Refused,
            userinfo_server_error: Fault::Userinfo(Conduct::ServerError) => Refused,
            userinfo_empty: Fault::Userinfo(Conduct::Empty) => Refused,
            userinfo_endless: Fault::Userinfo(Conduct::Endless) => Refused,
            userinfo_redirect: Fault::Userinfo(Conduct::Redirect) => Refused,
            userinfo_deep_json: Fault::Userinfo(Conduct::DeepJson) => Refused,
            token_html: Fault::TokenEndpoint(Conduct::Html) => Refused,
            token_server_error: Fault::TokenEndpoint(Conduct::ServerError) => Refused,
            token_empty: Fault::TokenEndpoint(Conduct::Empty) => Refused,
            token_endless: Fault::TokenEndpoint(Conduct::Endless) => Refused,
            token_wrong_content_type: Fault::TokenEndpoint(Conduct::WrongContentType) => Refused,
            token_redirect: Fault::TokenEndpoint(Conduct::Redirect) => Refused,
            token_slow: Fault::TokenEndpoint(Conduct::Slow(Duration::from_secs(60))) => Refused,
            token_connection_dropped: Fault::TokenEndpoint(Conduct::DropConnection) => Refused,
            token_deep_json: Fault::TokenEndpoint(Conduct::DeepJson) => Refused,
            discovery_issuer_mismatch: Fault::DiscoveryIssuerMismatch => Refused,
            discovery_plain_http: Fault::DiscoveryPlainHttp => Refused,
            discovery_missing_jwks_uri: Fault::DiscoveryMissingJwksUri => Refused,
            discovery_html: Fault::Discovery(Conduct::Html) => Refused,
            discovery_server_error: Fault::Discovery(Conduct::ServerError) => Refused,
            discovery_empty: Fault::Discovery(Conduct::Empty) => Refused,
            discovery_endless: Fault::Discovery(Conduct::Endless) => Refused,
            discovery_redirect: Fault::Discovery(Conduct::Redirect) => Refused,
            discovery_slow: Fault::Discovery(Conduct::Slow(Duration::from_secs(60))) => Refused,
            discovery_connection_dropped: Fault::Discovery(Conduct::DropConnection) => Refused,
            discovery_deep_json: Fault::Discovery(Conduct::DeepJson) => Refused,
            jwks_empty: Fault::JwksEmpty => Refused,
            jwks_html: Fault::Jwks(Conduct::Html) => Refused,
            jwks_server_error: Fault::Jwks(Conduct::ServerError) => Refused,
            jwks_endless: Fault::Jwks(Conduct::Endless) => Refused,
            jwks_redirect: Fault::Jwks(Conduct::Redirect) => Refused,
            jwks_connection_dropped: Fault::Jwks(Conduct::DropConnection) => Refused,
            jwks_deep_json: Fault::Jwks(Conduct::DeepJson) => Refused,
            wrong_iss_parameter: Fault::WrongIssParameter => Refused,
            missing_iss_parameter: Fault::MissingIssParameter => Refused,
            error_access_denied: Fault::ErrorCallback("access_denied") => Refused,
            error_temporarily_unavailable: Fault::ErrorCallback("temporarily_unavailable") => Refused,
            error_with_markup: Fault::ErrorCallback("<script>alert(1)</script>") => Refused,
            wrong_state: Fault::WrongState => Refused,
            missing_state: Fault::MissingState => Refused,
            duplicate_state: Fault::DuplicateState => Refused,
            missing_code: Fault::MissingCode => Refused,
        }
    };
}

macro_rules! table {
    ($($name:ident: $fault:expr => $verdict:ident,)*) => {
        /// Every fault.
        pub const ALL: &[Case] = &[
            $(Case { name: stringify!($name), fault: $fault, verdict: Verdict::$verdict },)*
        ];
    };
}
for_each_oidc_fault!(table);
