//! What convinces AWS: a token or a SAML response that the gateway signs, and the order to STS made of it.

use crate::access::{Audience, GatewaySaml, Grant, Trust};
use crate::aws::{
    AdviceFacts, AssumeRole, Issued, MintedSaml, Proof, ProofFacts, SamlClaims, StsError,
    WebIdentityClaims, advice,
};
use crate::caller::Caller;
use crate::identity::{Identity, InvalidSubject, Subject};
use crate::issue::{IssueError, Issuer, Prepared, Refused};

/// `aud` of a token where the account names none: what AWS's own documentation uses.
const TOKEN_AUDIENCE: &str = "sts.amazonaws.com";

impl Issuer {
    /// The one place that makes an order to STS. The session must still live when it is sent.
    pub(super) async fn ask_sts(
        &self,
        caller: Caller<'_>,
        prepared: Prepared,
    ) -> Result<Issued, IssueError> {
        let grant = prepared.grant.clone();
        let order = AssumeRole {
            duration: prepared.duration,
            role: grant.role().clone(),
            proof: self.prove(caller.identity, prepared).await?,
            region: grant.account().sts_region.clone(),
            session_policy: grant.session_policy().cloned(),
            policy_arns: grant.policy_arns().to_vec(),
        };
        self.still_lives(caller).await?;
        let answer = self.sts.assume(&order).await;
        answer.map_err(|error| self.explained(error, &grant))
    }

    async fn prove(&self, identity: &Identity, prepared: Prepared) -> Result<Proof, IssueError> {
        match prepared.grant.trust().clone() {
            Trust::GatewayOidc => {
                let claims = WebIdentityClaims {
                    subject: aws_subject(identity)
                        .map_err(|error| IssueError::Token(error.into()))?,
                    audience: self.audience(&prepared.grant).to_owned(),
                    tags: prepared.attributes.tags,
                    source_identity: prepared.attributes.source_identity,
                };
                let token = self.issuer.mint(&claims).await;
                Ok(Proof::WebIdentity {
                    session_name: prepared.session_name,
                    token: token.map_err(IssueError::Token)?,
                })
            }
            Trust::ProviderSaml(principal) => match prepared.proven {
                Some(proven) => Ok(Proof::Saml {
                    principal,
                    response: proven.response,
                }),
                None => Err(IssueError::AtProvider { start: None }),
            },
            Trust::GatewaySaml(saml) => {
                let minted = self.mint_saml(identity, prepared, &saml).await?;
                Ok(Proof::Saml {
                    principal: saml.provider,
                    response: minted.response,
                })
            }
        }
    }

    /// A SAML response for one role, whoever takes it to AWS.
    pub(super) async fn mint_saml(
        &self,
        identity: &Identity,
        prepared: Prepared,
        saml: &GatewaySaml,
    ) -> Result<MintedSaml, IssueError> {
        let grant = &prepared.grant;
        let claims = SamlClaims {
            role: grant.role().clone(),
            provider: saml.provider.clone(),
            subject: aws_subject(identity).map_err(|error| IssueError::Token(error.into()))?,
            // SAML knows no unknown instant, and AWS has no condition on it.
            authenticated_at: identity.vouched_at,
            session_name: prepared.session_name,
            duration: prepared.duration,
            audience: self.audience(grant).to_owned(),
            recipient: saml.recipient.clone(),
            region: grant.account().sts_region.clone(),
            tags: prepared.attributes.tags,
            source_identity: prepared.attributes.source_identity,
        };
        let minted = self.saml.respond(&claims).await;
        minted.map_err(IssueError::Token)
    }

    /// `aud` or `Audience`: the account's, else AWS's own.
    fn audience<'g>(&self, grant: &'g Grant) -> &'g str {
        let configured = grant.account().audience.as_ref().map(Audience::as_str);
        configured.unwrap_or(match grant.trust() {
            Trust::GatewayOidc => TOKEN_AUDIENCE,
            Trust::GatewaySaml(_) | Trust::ProviderSaml(_) => self.partition.saml_audience(),
        })
    }

    fn explained(&self, error: StsError, grant: &Grant) -> IssueError {
        let (refusal, code, message, request_id) = match error {
            StsError::Unavailable(source) => return IssueError::StsUnavailable(source),
            StsError::Unanswered { tries, source } => {
                return IssueError::StsUnanswered { tries, source };
            }
            StsError::Refused {
                refusal,
                code,
                message,
                request_id,
            } => (refusal, code, message, request_id),
        };
        let audience = self.audience(grant);
        let facts = AdviceFacts {
            issuer: &self.public_url,
            proof: match grant.trust() {
                Trust::GatewayOidc => ProofFacts::WebIdentity { audience },
                Trust::GatewaySaml(GatewaySaml { provider, .. })
                | Trust::ProviderSaml(provider) => ProofFacts::Saml { provider, audience },
            },
            role: grant.role(),
            duration: grant.duration_max(),
        };
        let advice = advice(refusal, &facts);
        IssueError::Refused(Box::new(Refused {
            refusal,
            code,
            message,
            request_id,
            advice,
        }))
    }
}

/// The person as AWS gets to know them, `sub` or `NameID`, 6 to 255 characters: `provider|subject` where that fits, else
/// `provider#digest`. Provider ids hold neither sign, so the two never meet and no two people share one.
fn aws_subject(identity: &Identity) -> Result<Subject, InvalidSubject> {
    let plain = format!("{}|{}", identity.provider, identity.subject);
    let fits = (6..=255).contains(&plain.len()) && plain.bytes().all(|b| b.is_ascii_graphic());
    let text = if fits {
        plain
    } else {
        format!("{}#{}", identity.provider, identity.key())
    };
    Subject::parse(&text)
}
