//! Faults of a malicious or defective provider.
//!
//! Wrong times differ by 90 seconds, just beyond a clock skew of 60 seconds that a relying party may permit.

use anyhow::Result;
use serde_json::{Value, json};

use super::response::{EndpointFault, ResponseDraft, ResponseKind, Signature, TokenFormat};
use super::{GroupsClaim, OidcSettings};
use crate::keys::{Algorithm, SigningKey, base64url};

/// Difference of wrong times, in seconds.
const BEYOND_LEEWAY: i64 = 90;
/// The issuer of an attacker.
const EVIL: &str = "https://evil.example";
/// The secret of a symmetric key that the provider publishes.
const PUBLISHED_SECRET: &[u8] = b"a symmetric key that is published";

/// A fault of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `iss` is another issuer (Core 3.1.3.7, 2).
    WrongIssuer,
    /// `iss` is the issuer with a trailing slash.
    IssuerWithSlash,
    /// `iss` is missing.
    MissingIssuer,
    /// `aud` is another client (3.1.3.7, 3).
    WrongAudience,
    /// `aud` is an array of this and another client.
    ExtraAudience,
    /// `aud` is missing.
    MissingAudience,
    /// `aud` is an empty array.
    EmptyAudience,
    /// `sub` is missing.
    MissingSubject,
    /// `sub` is an empty string.
    EmptySubject,
    /// `sub` is a number.
    SubjectAsNumber,
    /// `exp` is missing.
    MissingExp,
    /// `iat` is missing.
    MissingIat,
    /// `exp` is 90 seconds in the past.
    ExpiredToken,
    /// `nbf` is 90 seconds in the future (RFC 7519 4.1.5).
    NotYetValid,
    /// `iat` is 90 seconds in the future.
    IssuedInFuture,
    /// `exp` is a string, which must not be treated as absent.
    ExpAsString,
    /// `nbf` is a string.
    NbfAsString,
    /// `nonce` is of another sign-in (3.1.3.7, 11).
    WrongNonce,
    /// `nonce` is missing.
    MissingNonce,
    /// `at_hash` is of another access token (3.1.3.8).
    WrongAtHash,
    /// `azp` is another client (3.1.3.7, 5).
    WrongAzp,
    /// `hd` is another domain (Google).
    WrongHd,
    /// `hd` is missing.
    MissingHd,
    /// `sub` is a duplicate member with another value.
    DuplicateClaims,
    /// `groups` is a distributed claim with a link (Core 5.6.2, groups overage of Entra ID).
    GroupsOverage,
    /// `hasgroups` replaces `groups` (Entra ID).
    HasGroups,
    /// The token has this number of groups.
    HugeGroups(usize),
    /// The token has 128 KiB.
    HugeToken,
    /// `alg` is `none`, without a signature (RFC 7519 6).
    AlgNone,
    /// HS256 with the client secret.
    AlgHs256WithClientSecret,
    /// HS256 with the PEM of the provider's public key.
    AlgHs256WithPublicKey,
    /// HS256 with a symmetric key from the JWK set.
    AlgHs256WithPublishedKey,
    /// The header has the key: `jwk` (RFC 7515 4.1.3).
    EmbeddedJwk,
    /// The header has the URL of the key: `jku` (4.1.2).
    JkuHeader,
    /// The header has the URL of the certificate: `x5u` (4.1.5).
    X5uHeader,
    /// `crit` names an unknown extension (4.1.11).
    CritHeader,
    /// `typ` is that of a logout token.
    WrongTyp,
    /// `kid` is not in the JWK set.
    UnknownKid,
    /// `kid` is missing and the JWK set has one key: valid.
    MissingKid,
    /// `kid` is missing and the JWK set has three suitable keys.
    MissingKidAmongMany,
    /// One bit of the signature is flipped.
    TamperedSignature,
    /// The signature is over other claims.
    TamperedClaims,
    /// The signature is empty.
    MissingSignature,
    /// r = s = 0 (CVE-2022-21449).
    Es256ZeroSignature,
    /// Signed by a key that is not published, with the `kid` of a published key.
    SignedByOtherKey,
    /// The token has five parts, like a JWE.
    JweToken,
    /// The token has a fourth part.
    ExtraDots,
    /// The token has base64 padding.
    PaddedToken,
    /// The ID token is not a JWT.
    GarbageToken,
    /// The token response has no ID token.
    MissingIdToken,
    /// UserInfo has another `sub` (5.3.2).
    UserinfoOtherSubject,
    /// UserInfo has no `sub`.
    UserinfoMissingSub,
    /// The UserInfo endpoint has this fault.
    Userinfo(EndpointFault),
    /// The token endpoint has this fault.
    TokenEndpoint(EndpointFault),
    /// The discovery document has another issuer (Discovery 4.3).
    DiscoveryIssuerMismatch,
    /// The token endpoint in the discovery document is plain `http` on the network.
    DiscoveryPlainHttp,
    /// The discovery document has no `jwks_uri`.
    DiscoveryMissingJwksUri,
    /// The discovery endpoint has this fault.
    Discovery(EndpointFault),
    /// The JWK set is empty.
    JwksEmpty,
    /// The JWK set endpoint has this fault.
    Jwks(EndpointFault),
    /// The response parameter `iss` is another issuer (RFC 9207 2.4).
    WrongIssParameter,
    /// The response parameter `iss` is missing, although discovery advertises it.
    MissingIssParameter,
    /// The redirect has this `error` instead of a code.
    ErrorCallback(&'static str),
    /// The redirect has another `state`.
    WrongState,
    /// The redirect has no `state`.
    MissingState,
    /// The redirect has two `state` parameters.
    DuplicateState,
    /// The redirect has no code.
    MissingCode,
}

/// Outcome for a correct relying party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedOutcome {
    /// The sign-in is rejected and the reason is audited.
    Rejected,
    /// The sign-in succeeds.
    Accepted,
    /// Either outcome is correct.
    Either,
}

/// What a fault needs to change a response.
pub(super) struct FaultContext<'a> {
    pub(super) key: &'a SigningKey,
    pub(super) unpublished_key: &'a SigningKey,
    pub(super) canary: &'a str,
    pub(super) client_secret: Option<&'a str>,
    pub(super) now: i64,
}

impl Fault {
    /// The `hd` of all users of a provider that [`Fault::prepare`] has set up.
    pub const HOSTED_DOMAIN: &'static str = "example.com";

    /// Adjusts the settings so that this fault changes responses, and adds the fault to them.
    pub fn prepare(self, settings: &mut OidcSettings) {
        for person in &mut settings.people {
            person.hosted_domain = Some(Self::HOSTED_DOMAIN.to_owned());
        }
        if matches!(
            self,
            Self::Userinfo(_) | Self::UserinfoOtherSubject | Self::UserinfoMissingSub
        ) {
            settings.groups = GroupsClaim::Userinfo;
        }
        if matches!(self, Self::AlgHs256WithPublicKey) {
            settings.keys = vec![Algorithm::Rs256];
        }
        if matches!(self, Self::MissingKidAmongMany) {
            settings.keys = vec![Algorithm::Es256; 3];
        }
        settings.faults.push(self);
    }

    /// Applies the fault if it concerns this response.
    pub(super) fn apply(
        self,
        response: &mut ResponseDraft,
        context: &FaultContext<'_>,
    ) -> Result<()> {
        let (past, future) = (context.now - BEYOND_LEEWAY, context.now + BEYOND_LEEWAY);
        match self {
            Self::WrongIssuer => response.set_claim("iss", EVIL),
            Self::IssuerWithSlash => {
                let issuer = response
                    .body
                    .get("iss")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                response.set_claim("iss", format!("{issuer}/"));
            }
            Self::MissingIssuer => response.remove(ResponseKind::IdToken, "iss"),
            Self::WrongAudience => response.set_claim("aud", "another-client"),
            Self::ExtraAudience => {
                let audience = response.body.get("aud").cloned();
                response.set_claim("aud", json!([audience, "another-client"]));
            }
            Self::MissingAudience => response.remove(ResponseKind::IdToken, "aud"),
            Self::EmptyAudience => response.set_claim("aud", json!([])),
            Self::MissingSubject => response.remove(ResponseKind::IdToken, "sub"),
            Self::EmptySubject => response.set_claim("sub", ""),
            Self::SubjectAsNumber => response.set_claim("sub", 7),
            Self::MissingExp => response.remove(ResponseKind::IdToken, "exp"),
            Self::MissingIat => response.remove(ResponseKind::IdToken, "iat"),
            Self::ExpiredToken => {
                response.set_claim("iat", past - 300);
                response.set_claim("exp", past);
            }
            Self::NotYetValid => response.set_claim("nbf", future),
            Self::IssuedInFuture => response.set_claim("iat", future),
            Self::ExpAsString => response.set_claim("exp", (context.now + 300).to_string()),
            Self::NbfAsString => response.set_claim("nbf", context.now.to_string()),
            Self::WrongNonce => response.set_claim("nonce", "of-another-sign-in"),
            Self::MissingNonce => response.remove(ResponseKind::IdToken, "nonce"),
            Self::WrongAtHash => response.set_claim("at_hash", base64url([7; 16])),
            Self::WrongAzp => response.set_claim("azp", "another-client"),
            Self::WrongHd => response.set_claim("hd", "evil.example"),
            Self::MissingHd => response.remove(ResponseKind::IdToken, "hd"),
            Self::DuplicateClaims => {
                response.duplicate(ResponseKind::IdToken, "sub", "00u-another-user")
            }
            Self::GroupsOverage => {
                response.remove(ResponseKind::IdToken, "groups");
                response.set_claim("_claim_names", json!({ "groups": "src1" }));
                response.set_claim(
                    "_claim_sources",
                    json!({ "src1": { "endpoint": format!("{}/groups", context.canary) } }),
                );
            }
            Self::HasGroups => {
                response.remove(ResponseKind::IdToken, "groups");
                response.set_claim("hasgroups", true);
            }
            Self::HugeGroups(count) => {
                response.set_claim(
                    "groups",
                    (0..count)
                        .map(|n| format!("group-{n:06}"))
                        .collect::<Vec<_>>(),
                );
            }
            Self::HugeToken => response.set_claim("padding", "x".repeat(128 * 1024)),
            Self::AlgNone => {
                response.set_header("alg", "none");
                response.set_signature(Signature::Missing);
            }
            Self::AlgHs256WithClientSecret => {
                response.set_header("alg", "HS256");
                response.set_signature(Signature::Hmac(
                    context.client_secret.unwrap_or_default().into(),
                ));
            }
            Self::AlgHs256WithPublicKey => {
                response.set_header("alg", "HS256");
                response.set_signature(Signature::Hmac(context.key.public_pem()?));
            }
            Self::AlgHs256WithPublishedKey => {
                let kid = "symmetric";
                let jwk = json!({ "kty": "oct", "kid": kid, "alg": "HS256", "use": "sig", "k": base64url(PUBLISHED_SECRET) });
                if let (ResponseKind::Jwks, Some(Value::Array(keys))) =
                    (response.kind, response.body.get_mut("keys"))
                {
                    keys.push(jwk);
                }
                response.set_header("alg", "HS256");
                response.set_header("kid", kid);
                response.set_signature(Signature::Hmac(PUBLISHED_SECRET.to_vec()));
            }
            Self::EmbeddedJwk => {
                response.set_header("jwk", context.unpublished_key.jwk()?);
                response.set_signature(Signature::UnpublishedKey);
            }
            Self::JkuHeader => {
                response.set_header("jku", format!("{}/jwks", context.canary));
                response.set_signature(Signature::UnpublishedKey);
            }
            Self::X5uHeader => {
                response.set_header("x5u", format!("{}/certificate.pem", context.canary));
                response.set_signature(Signature::UnpublishedKey);
            }
            Self::CritHeader => {
                response.set_header("crit", json!(["testkit"]));
                response.set_header("testkit", true);
            }
            Self::WrongTyp => response.set_header("typ", "logout+jwt"),
            Self::UnknownKid => {
                response.set_header("kid", "never-published");
                response.set_signature(Signature::UnpublishedKey);
            }
            Self::MissingKid | Self::MissingKidAmongMany => response.remove_header("kid"),
            Self::TamperedSignature => response.set_signature(Signature::BitFlipped),
            Self::TamperedClaims => response.set_signature(Signature::OverOtherClaims),
            Self::MissingSignature => response.set_signature(Signature::Missing),
            Self::Es256ZeroSignature => response.set_signature(Signature::Zeros),
            Self::SignedByOtherKey => response.set_signature(Signature::UnpublishedKey),
            Self::JweToken => response.set_format(TokenFormat::Jwe),
            Self::ExtraDots => response.set_format(TokenFormat::ExtraDots),
            Self::PaddedToken => response.set_format(TokenFormat::Padded),
            Self::GarbageToken => response.set_format(TokenFormat::Garbage),
            Self::MissingIdToken => response.remove(ResponseKind::Token, "id_token"),
            Self::UserinfoOtherSubject => {
                response.put(ResponseKind::Userinfo, "sub", "00u-another-user")
            }
            Self::UserinfoMissingSub => response.remove(ResponseKind::Userinfo, "sub"),
            Self::Userinfo(endpoint_fault) => {
                response.set_endpoint_fault(ResponseKind::Userinfo, endpoint_fault)
            }
            Self::TokenEndpoint(endpoint_fault) => {
                response.set_endpoint_fault(ResponseKind::Token, endpoint_fault)
            }
            Self::DiscoveryIssuerMismatch => response.put(ResponseKind::Discovery, "issuer", EVIL),
            Self::DiscoveryPlainHttp => response.put(
                ResponseKind::Discovery,
                "token_endpoint",
                "http://idp.example.com/token",
            ),
            Self::DiscoveryMissingJwksUri => response.remove(ResponseKind::Discovery, "jwks_uri"),
            Self::Discovery(endpoint_fault) => {
                response.set_endpoint_fault(ResponseKind::Discovery, endpoint_fault)
            }
            Self::JwksEmpty => response.put(ResponseKind::Jwks, "keys", json!([])),
            Self::Jwks(endpoint_fault) => {
                response.set_endpoint_fault(ResponseKind::Jwks, endpoint_fault)
            }
            Self::WrongIssParameter => response.put(ResponseKind::Callback, "iss", EVIL),
            Self::MissingIssParameter => response.remove(ResponseKind::Callback, "iss"),
            Self::ErrorCallback(error) => {
                response.remove(ResponseKind::Callback, "code");
                response.put(ResponseKind::Callback, "error", error);
            }
            Self::WrongState => response.put(ResponseKind::Callback, "state", "of-another-sign-in"),
            Self::MissingState => response.remove(ResponseKind::Callback, "state"),
            Self::DuplicateState => {
                response.duplicate(ResponseKind::Callback, "state", "of-another-sign-in")
            }
            Self::MissingCode => response.remove(ResponseKind::Callback, "code"),
        }
        Ok(())
    }
}
