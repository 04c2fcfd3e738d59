//! Everything a hostile or broken provider can show a relying party, one variant per lie, and the table of all of them.
//!
//! Times lie by 90 seconds: beyond the 60 that a relying party may forgive, and no further.

use anyhow::Result;
use serde_json::{Value, json};

use super::answer::{Answer, Conduct, Place, Shape, Signature};
use super::{GroupsIn, OidcSettings};
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
    Userinfo(Conduct),
    /// The token endpoint misbehaves.
    TokenEndpoint(Conduct),
    /// Discovery names another issuer (Discovery 4.3).
    DiscoveryIssuerMismatch,
    /// Discovery sends codes and secrets to a plain-http endpoint on the network.
    DiscoveryPlainHttp,
    /// Discovery names no JWK set.
    DiscoveryMissingJwksUri,
    /// Discovery misbehaves.
    Discovery(Conduct),
    /// The JWK set is empty.
    JwksEmpty,
    /// The JWK set misbehaves.
    Jwks(Conduct),
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
pub enum Verdict {
    /// No session, and an audited reason.
    Refused,
    /// A session, as if nothing had been.
    Accepted,
    /// One or the other, cleanly.
    Either,
}

/// What a fault may use.
pub(super) struct Facts<'a> {
    pub(super) key: &'a SigningKey,
    pub(super) stranger: &'a SigningKey,
    pub(super) canary: &'a str,
    pub(super) client_secret: Option<&'a str>,
    pub(super) now: i64,
}

impl Fault {
    /// The `hd` of everybody at a provider that [`Fault::arrange`] set up.
    pub const HOSTED_DOMAIN: &'static str = "example.com";

    /// Sets a provider up so that this fault can bite: the keys it needs, groups where it lies about them.
    pub fn arrange(self, settings: &mut OidcSettings) {
        for person in &mut settings.people {
            person.hosted_domain = Some(Self::HOSTED_DOMAIN.to_owned());
        }
        if matches!(
            self,
            Self::Userinfo(_) | Self::UserinfoOtherSubject | Self::UserinfoMissingSub
        ) {
            settings.groups = GroupsIn::Userinfo;
        }
        if matches!(self, Self::AlgHs256WithPublicKey) {
            settings.keys = vec![Algorithm::Rs256];
        }
        if matches!(self, Self::MissingKidAmongMany) {
            settings.keys = vec![Algorithm::Es256; 3];
        }
        settings.faults.push(self);
    }

    /// Changes `answer`, when it is one that this fault is about.
    pub(super) fn apply(self, answer: &mut Answer, facts: &Facts<'_>) -> Result<()> {
        let (past, future) = (facts.now - BEYOND_LEEWAY, facts.now + BEYOND_LEEWAY);
        match self {
            Self::WrongIssuer => answer.claim("iss", EVIL),
            Self::IssuerWithSlash => {
                let issuer = answer
                    .body
                    .get("iss")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                answer.claim("iss", format!("{issuer}/"));
            }
            Self::MissingIssuer => answer.without(Place::IdToken, "iss"),
            Self::WrongAudience => answer.claim("aud", "somebody-else"),
            Self::ExtraAudience => {
                let honest = answer.body.get("aud").cloned();
                answer.claim("aud", json!([honest, "somebody-else"]));
            }
            Self::MissingAudience => answer.without(Place::IdToken, "aud"),
            Self::EmptyAudience => answer.claim("aud", json!([])),
            Self::MissingSubject => answer.without(Place::IdToken, "sub"),
            Self::EmptySubject => answer.claim("sub", ""),
            Self::SubjectAsNumber => answer.claim("sub", 7),
            Self::MissingExp => answer.without(Place::IdToken, "exp"),
            Self::MissingIat => answer.without(Place::IdToken, "iat"),
            Self::ExpiredToken => {
                answer.claim("iat", past - 300);
                answer.claim("exp", past);
            }
            Self::NotYetValid => answer.claim("nbf", future),
            Self::IssuedInFuture => answer.claim("iat", future),
            Self::ExpAsString => answer.claim("exp", (facts.now + 300).to_string()),
            Self::NbfAsString => answer.claim("nbf", facts.now.to_string()),
            Self::WrongNonce => answer.claim("nonce", "of-another-sign-in"),
            Self::MissingNonce => answer.without(Place::IdToken, "nonce"),
            Self::WrongAtHash => answer.claim("at_hash", base64url([7; 16])),
            Self::WrongAzp => answer.claim("azp", "somebody-else"),
            Self::WrongHd => answer.claim("hd", "evil.example"),
            Self::MissingHd => answer.without(Place::IdToken, "hd"),
            Self::DuplicateClaims => answer.twice(Place::IdToken, "sub", "00u-somebody-else"),
            Self::GroupsOverage => {
                answer.without(Place::IdToken, "groups");
                answer.claim("_claim_names", json!({ "groups": "src1" }));
                answer.claim(
                    "_claim_sources",
                    json!({ "src1": { "endpoint": format!("{}/groups", facts.canary) } }),
                );
            }
            Self::HasGroups => {
                answer.without(Place::IdToken, "groups");
                answer.claim("hasgroups", true);
            }
            Self::HugeGroups(count) => {
                answer.claim(
                    "groups",
                    (0..count)
                        .map(|n| format!("group-{n:06}"))
                        .collect::<Vec<_>>(),
                );
            }
            Self::HugeToken => answer.claim("padding", "x".repeat(128 * 1024)),
            Self::AlgNone => {
                answer.header("alg", "none");
                answer.signed(Signature::Missing);
            }
            Self::AlgHs256WithClientSecret => {
                answer.header("alg", "HS256");
                answer.signed(Signature::Hmac(
                    facts.client_secret.unwrap_or_default().into(),
                ));
            }
            Self::AlgHs256WithPublicKey => {
                answer.header("alg", "HS256");
                answer.signed(Signature::Hmac(facts.key.public_pem()?));
            }
            Self::AlgHs256WithPublishedKey => {
                let kid = "symmetric";
                let jwk = json!({ "kty": "oct", "kid": kid, "alg": "HS256", "use": "sig", "k": base64url(PUBLISHED_SECRET) });
                if let (Place::Jwks, Some(Value::Array(keys))) =
                    (answer.place, answer.body.get_mut("keys"))
                {
                    keys.push(jwk);
                }
                answer.header("alg", "HS256");
                answer.header("kid", kid);
                answer.signed(Signature::Hmac(PUBLISHED_SECRET.to_vec()));
            }
            Self::EmbeddedJwk => {
                answer.header("jwk", facts.stranger.jwk()?);
                answer.signed(Signature::Stranger);
            }
            Self::JkuHeader => {
                answer.header("jku", format!("{}/jwks", facts.canary));
                answer.signed(Signature::Stranger);
            }
            Self::X5uHeader => {
                answer.header("x5u", format!("{}/certificate.pem", facts.canary));
                answer.signed(Signature::Stranger);
            }
            Self::CritHeader => {
                answer.header("crit", json!(["testkit"]));
                answer.header("testkit", true);
            }
            Self::WrongTyp => answer.header("typ", "logout+jwt"),
            Self::UnknownKid => {
                answer.header("kid", "never-published");
                answer.signed(Signature::Stranger);
            }
            Self::MissingKid | Self::MissingKidAmongMany => answer.without_header("kid"),
            Self::TamperedSignature => answer.signed(Signature::BitTurned),
            Self::TamperedClaims => answer.signed(Signature::OfOtherClaims),
            Self::MissingSignature => answer.signed(Signature::Missing),
            Self::Es256ZeroSignature => answer.signed(Signature::Zeros),
            Self::SignedByOtherKey => answer.signed(Signature::Stranger),
            Self::JweToken => answer.written(Shape::Jwe),
            Self::ExtraDots => answer.written(Shape::ExtraDots),
            Self::PaddedToken => answer.written(Shape::Padded),
            Self::GarbageToken => answer.written(Shape::Garbage),
            Self::MissingIdToken => answer.without(Place::Token, "id_token"),
            Self::UserinfoOtherSubject => answer.put(Place::Userinfo, "sub", "00u-somebody-else"),
            Self::UserinfoMissingSub => answer.without(Place::Userinfo, "sub"),
            Self::Userinfo(conduct) => answer.behave(Place::Userinfo, conduct),
            Self::TokenEndpoint(conduct) => answer.behave(Place::Token, conduct),
            Self::DiscoveryIssuerMismatch => answer.put(Place::Discovery, "issuer", EVIL),
            Self::DiscoveryPlainHttp => answer.put(
                Place::Discovery,
                "token_endpoint",
                "http://idp.example.com/token",
            ),
            Self::DiscoveryMissingJwksUri => answer.without(Place::Discovery, "jwks_uri"),
            Self::Discovery(conduct) => answer.behave(Place::Discovery, conduct),
            Self::JwksEmpty => answer.put(Place::Jwks, "keys", json!([])),
            Self::Jwks(conduct) => answer.behave(Place::Jwks, conduct),
            Self::WrongIssParameter => answer.put(Place::Callback, "iss", EVIL),
            Self::MissingIssParameter => answer.without(Place::Callback, "iss"),
            Self::ErrorCallback(error) => {
                answer.without(Place::Callback, "code");
                answer.put(Place::Callback, "error", error);
            }
            Self::WrongState => answer.put(Place::Callback, "state", "of-another-sign-in"),
            Self::MissingState => answer.without(Place::Callback, "state"),
            Self::DuplicateState => answer.twice(Place::Callback, "state", "of-another-sign-in"),
            Self::MissingCode => answer.without(Place::Callback, "code"),
        }
        Ok(())
    }
}
