//! Everything a hostile or broken provider can show a relying party, one variant per lie, and the table of all of them.
//!
//! Times lie by 90 seconds: beyond the 60 that a relying party may forgive, and no further.

use anyhow::Result;
use serde_json::{Value, json};

use super::response::{EndpointFault, ResponseDraft, ResponseKind, Signature, TokenFormat};
use super::{GroupsClaim, OidcSettings};
use crate::keys::{Algorithm, SigningKey, base64url};

/// Beyond a leeway of one minute: seconds.
const BEYOND_LEEWAY: i64 = 90;
/// Somebody else's issuer.
const EVIL: &str = "https://evil.example";
/// The secret in a symmetric key that the provider publishes.
const PUBLISHED_SECRET: &[u8] = b"a secret that everybody can read";

/// One thing the provider does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `iss` is another provider (Core 3.1.3.7, 2).
    WrongIssuer,
    /// `iss` has one slash more than the issuer.
    IssuerWithSlash,
    /// No `iss`.
    MissingIssuer,
    /// `aud` is another client (3.1.3.7, 3).
    WrongAudience,
    /// `aud` names another client beside this one.
    ExtraAudience,
    /// No `aud`.
    MissingAudience,
    /// `aud` is an empty list.
    EmptyAudience,
    /// No `sub`.
    MissingSubject,
    /// `sub` is the empty text.
    EmptySubject,
    /// `sub` is a number.
    SubjectAsNumber,
    /// No `exp`.
    MissingExp,
    /// No `iat`.
    MissingIat,
    /// `exp` was 90 seconds ago.
    ExpiredToken,
    /// `nbf` is in 90 seconds (RFC 7519 4.1.5).
    NotYetValid,
    /// `iat` is in 90 seconds.
    IssuedInFuture,
    /// `exp` is text: refused, not "absent".
    ExpAsString,
    /// `nbf` is text.
    NbfAsString,
    /// `nonce` is another sign-in's (3.1.3.7, 11).
    WrongNonce,
    /// No `nonce`.
    MissingNonce,
    /// `at_hash` is another access token's (3.1.3.8).
    WrongAtHash,
    /// `azp` is another client (3.1.3.7, 5).
    WrongAzp,
    /// `hd` is another domain (Google).
    WrongHd,
    /// No `hd`.
    MissingHd,
    /// `sub` is said twice, with different values.
    DuplicateClaims,
    /// Groups are said to be elsewhere: `_claim_names` and a link (Core 5.6.2, Entra ID's overage).
    GroupsOverage,
    /// Groups are said to be too many: `hasgroups` (Entra ID).
    HasGroups,
    /// This many groups, in one token.
    HugeGroups(usize),
    /// A token of 128 KiB.
    HugeToken,
    /// `alg: none`, no signature (RFC 7519 6).
    AlgNone,
    /// HS256 under the client's secret.
    AlgHs256WithClientSecret,
    /// HS256 under the text of the provider's public key.
    AlgHs256WithPublicKey,
    /// HS256 under a symmetric key that the JWK set publishes.
    AlgHs256WithPublishedKey,
    /// The header brings its own key: `jwk` (RFC 7515 4.1.3).
    EmbeddedJwk,
    /// The header says where its key is: `jku` (4.1.2).
    JkuHeader,
    /// The header says where its certificate is: `x5u` (4.1.5).
    X5uHeader,
    /// `crit` names an extension nobody knows (4.1.11).
    CritHeader,
    /// `typ` is a logout token's.
    WrongTyp,
    /// `kid` is nowhere in the JWK set.
    UnknownKid,
    /// No `kid`, and one key: sound.
    MissingKid,
    /// No `kid`, and three keys that could be meant.
    MissingKidAmongMany,
    /// One bit of the signature is turned.
    TamperedSignature,
    /// The claims are not those that were signed.
    TamperedClaims,
    /// The third part is empty.
    MissingSignature,
    /// r = s = 0 (CVE-2022-21449).
    Es256ZeroSignature,
    /// Signed by a key that nobody published, under the `kid` of one that is.
    SignedByOtherKey,
    /// Five parts, like an encrypted token.
    JweToken,
    /// A fourth part.
    ExtraDots,
    /// Padded base64.
    PaddedToken,
    /// Not a token.
    GarbageToken,
    /// A token response without an ID token.
    MissingIdToken,
    /// Userinfo speaks of somebody else (5.3.2).
    UserinfoOtherSubject,
    /// Userinfo does not say of whom.
    UserinfoMissingSub,
    /// Userinfo misbehaves.
    Userinfo(EndpointFault),
    /// The token endpoint misbehaves.
    TokenEndpoint(EndpointFault),
    /// Discovery names another issuer (Discovery 4.3).
    DiscoveryIssuerMismatch,
    /// Discovery sends codes and secrets to a plain-http endpoint on the network.
    DiscoveryPlainHttp,
    /// Discovery names no JWK set.
    DiscoveryMissingJwksUri,
    /// Discovery misbehaves.
    Discovery(EndpointFault),
    /// The JWK set is empty.
    JwksEmpty,
    /// The JWK set misbehaves.
    Jwks(EndpointFault),
    /// `iss` beside the code is another provider (RFC 9207 2.4).
    WrongIssParameter,
    /// No `iss` beside the code, though discovery promises it.
    MissingIssParameter,
    /// The browser comes back with this error.
    ErrorCallback(&'static str),
    /// The browser comes back with another `state`.
    WrongState,
    /// The browser comes back without `state`.
    MissingState,
    /// The browser comes back with two `state`s.
    DuplicateState,
    /// The browser comes back without a code.
    MissingCode,
}

/// What a sound relying party does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedOutcome {
    /// No session, and an audited reason.
    Rejected,
    /// A session, as if nothing had been.
    Accepted,
    /// One or the other, cleanly.
    Either,
}

/// What a fault may use.
pub(super) struct FaultContext<'a> {
    pub(super) key: &'a SigningKey,
    pub(super) unpublished_key: &'a SigningKey,
    pub(super) canary: &'a str,
    pub(super) client_secret: Option<&'a str>,
    pub(super) now: i64,
}

impl Fault {
    /// The `hd` of everybody at a provider that [`Fault::prepare`] set up.
    pub const HOSTED_DOMAIN: &'static str = "example.com";

    /// Sets a provider up so that this fault can bite: the keys it needs, groups where it lies about them.
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

    /// Changes `response`, when it is one that this fault is about.
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
            Self::WrongAudience => response.set_claim("aud", "somebody-else"),
            Self::ExtraAudience => {
                let audience = response.body.get("aud").cloned();
                response.set_claim("aud", json!([audience, "somebody-else"]));
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
            Self::WrongAzp => response.set_claim("azp", "somebody-else"),
            Self::WrongHd => response.set_claim("hd", "evil.example"),
            Self::MissingHd => response.remove(ResponseKind::IdToken, "hd"),
            Self::DuplicateClaims => {
                response.duplicate(ResponseKind::IdToken, "sub", "00u-somebody-else")
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
                response.put(ResponseKind::Userinfo, "sub", "00u-somebody-else")
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
