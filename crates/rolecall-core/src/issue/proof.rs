//! The proof for AWS (a token or a SAML response), and the request to STS that contains it.

use crate::access::{GatewaySaml, Grant, RoleSessionAttributes, Trust};
use crate::aws::{
    AdviceFacts, AssumeRole, AssumeRoleWithSaml, AssumeRoleWithWebIdentity, AssumedRole,
    EarlierCalls, GetFederationToken, MintedSaml, ProofFacts, RoleSessionDuration,
    RoleSessionParameters, SamlClaims, StsError, StsRefusal, StsRequest, WebIdentityClaims, advice,
    without_names,
};
use crate::base::secret::WebIdentityToken;
use crate::caller::Caller;
use crate::identity::{Identity, InvalidSubject, Subject};
use crate::issue::{IdTokenError, IssueError, Issuer, Prepared, Refused, packed};

impl Issuer {
    /// Sends the request for a grant. The session must be live at that time. Returns what happened before a failure as well.
    pub(super) async fn call_sts(
        &self,
        caller: Caller<'_>,
        prepared: Prepared,
    ) -> (EarlierCalls, Result<AssumedRole, IssueError>) {
        let grant = prepared.grant.clone();
        let policies = prepared.session_policies.clone();
        let size = packed::size(&policies, &prepared.attributes);
        let request = match self.live_request(caller, prepared).await {
            Ok(request) => request,
            Err(error) => return (EarlierCalls::default(), Err(error)),
        };
        let answer = match self.check_partition(&request) {
            Ok(()) => self.sts.assume(&request).await,
            Err(error) => Err(error),
        };
        let (earlier, answer) = match answer {
            Ok(issued) => (EarlierCalls::default(), Ok(issued)),
            Err(error) => {
                let (earlier, error) = error.into_parts();
                (earlier, Err(error))
            }
        };
        self.learn_size(caller.identity, &grant, &policies, size, answer.as_ref());
        let answer = answer.map_err(|error| self.with_advice(error, &request, &earlier, &grant));
        (earlier, answer)
    }

    async fn live_request(
        &self,
        caller: Caller<'_>,
        prepared: Prepared,
    ) -> Result<StsRequest, IssueError> {
        let request = self.sts_request(caller.identity, prepared).await?;
        self.check_session(caller).await?;
        Ok(request)
    }

    /// Refuses a role of another partition than the gateway's: credentials never cross partitions, and STS is not asked.
    fn check_partition(&self, request: &StsRequest) -> Result<(), StsError> {
        let (role, own) = (request.partition(), self.partition);
        if role == own {
            return Ok(());
        }
        Err(StsError::Refused {
            refusal: StsRefusal::Other,
            code: "WrongPartition".to_owned(),
            message: format!(
                "the role is in the partition {role}, but this gateway is configured for {own}"
            ),
            request_id: None,
        })
    }

    /// The only place that creates requests to STS. The trust of the account determines the operation.
    async fn sts_request(
        &self,
        identity: &Identity,
        prepared: Prepared,
    ) -> Result<StsRequest, IssueError> {
        let grant = &prepared.grant;
        let session = RoleSessionParameters {
            role: grant.role().clone(),
            region: grant.account().sts_region.clone(),
            duration: prepared.duration,
            session_policy: prepared.session_policies.session_policy.clone(),
            policy_arns: prepared.session_policies.policy_arns.clone(),
            predicted_percent: prepared.predicted_percent,
        };
        match grant.trust().clone() {
            Trust::GatewayOidc => Ok(StsRequest::AssumeRoleWithWebIdentity(
                AssumeRoleWithWebIdentity {
                    session,
                    session_name: prepared.session_name.clone(),
                    token: self.mint_token(identity, prepared).await?,
                },
            )),
            Trust::GatewaySaml(saml) => {
                let minted = self.mint_saml(identity, prepared, &saml).await?;
                Ok(StsRequest::AssumeRoleWithSaml(AssumeRoleWithSaml {
                    session,
                    principal: saml.provider,
                    response: minted.response,
                }))
            }
            Trust::ProviderSaml(principal) => match prepared.provider_proof {
                Some(provider_proof) => Ok(StsRequest::AssumeRoleWithSaml(AssumeRoleWithSaml {
                    session,
                    principal,
                    response: provider_proof.response,
                })),
                None => Err(IssueError::AtProvider { start: None }),
            },
            Trust::ProviderOidc(trusted) => match prepared.id_token {
                Some(token) => Ok(StsRequest::AssumeRoleWithWebIdentity(
                    AssumeRoleWithWebIdentity {
                        session,
                        session_name: prepared.session_name,
                        token,
                    },
                )),
                None => Err(IssueError::IdToken(IdTokenError::SignInAgain {
                    provider: trusted.provider,
                    title: trusted.title,
                })),
            },
            Trust::Caller(caller) => {
                let RoleSessionAttributes {
                    tags,
                    source_identity,
                    ..
                } = prepared.attributes;
                // Otherwise the tags would stay with the first intermediate role.
                let tags = match caller.via.is_empty() {
                    true => tags,
                    false => tags.all_transitive(),
                };
                Ok(StsRequest::AssumeRole(AssumeRole {
                    session,
                    session_name: prepared.session_name,
                    external_id: caller.external_id,
                    source_identity,
                    tags,
                    via: caller.via,
                }))
            }
            Trust::FederationToken(key) => Ok(StsRequest::GetFederationToken(GetFederationToken {
                partition: session.role.partition(),
                account: grant.account().id.clone(),
                region: session.region,
                key,
                name: prepared.federated_user,
                duration: session.duration,
                session_policy: session.session_policy,
                policy_arns: session.policy_arns,
                predicted_percent: session.predicted_percent,
                tags: prepared.attributes.tags,
            })),
        }
    }

    async fn mint_token(
        &self,
        identity: &Identity,
        prepared: Prepared,
    ) -> Result<WebIdentityToken, IssueError> {
        let grant = &prepared.grant;
        let claims = WebIdentityClaims {
            token_id: prepared.token_id,
            role: self.role_claim.then(|| grant.role().clone()),
            subject: aws_subject(identity).map_err(|error| IssueError::Token(error.into()))?,
            audience: grant.account().token_audience().to_owned(),
            tags: prepared.attributes.tags,
            source_identity: prepared.attributes.source_identity,
        };
        let token = self.web_identity.mint(&claims).await;
        token.map_err(IssueError::Token)
    }

    /// Signs a SAML response for one role.
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
            // SAML requires an instant, and AWS has no condition on it.
            authenticated_at: identity.asserted_at,
            session_name: prepared.session_name,
            duration: prepared.duration,
            audience: grant.account().saml_audience(self.partition).to_owned(),
            recipient: saml.recipient.clone(),
            region: grant.account().sts_region.clone(),
            tags: prepared.attributes.tags,
            source_identity: prepared.attributes.source_identity,
        };
        let minted = self.saml.respond(&claims).await;
        minted.map_err(IssueError::Token)
    }

    fn with_advice(
        &self,
        error: StsError,
        request: &StsRequest,
        earlier: &EarlierCalls,
        grant: &Grant,
    ) -> IssueError {
        let duration = request.duration();
        let (refusal, code, message, request_id) = match error {
            StsError::Unavailable(source) => return IssueError::StsUnavailable(source),
            StsError::AfterEarlierCalls { error, .. } => {
                return self.with_advice(*error, request, earlier, grant);
            }
            StsError::NoCredentials(source) => return IssueError::OwnCredentials(source),
            StsError::Unanswered { attempts, source } => {
                return IssueError::StsUnanswered { attempts, source };
            }
            StsError::Refused {
                refusal,
                code,
                message,
                request_id,
            } => (refusal, code, message, request_id),
        };
        let account = grant.account();
        if refusal == StsRefusal::ChainedDurationTooLong {
            self.entitlements.chaining_reported(&account.id);
        }
        let own = self.entitlements.own_credentials();
        let is_own = matches!(request, StsRequest::AssumeRole(_)) && earlier.via.is_empty();
        if is_own && refusal.rejects_signer() {
            self.entitlements.unidentified();
        }
        let facts = AdviceFacts {
            issuer: &self.issuer_url,
            proof: match request {
                StsRequest::AssumeRoleWithWebIdentity(_) => match account.trust.provider_oidc() {
                    Some(trusted) => ProofFacts::WebIdentity {
                        audience: &trusted.client_id,
                        provider: Some(&trusted.issuer),
                    },
                    None => ProofFacts::WebIdentity {
                        audience: account.token_audience(),
                        provider: None,
                    },
                },
                StsRequest::AssumeRoleWithSaml(request) => ProofFacts::Saml {
                    provider: &request.principal,
                    audience: account.saml_audience(self.partition),
                },
                StsRequest::AssumeRole(request) => ProofFacts::Caller {
                    own: own.identity(),
                    external_id: request.external_id.is_some(),
                    via: &request.via,
                    assumed: earlier.via.len(),
                },
                StsRequest::GetFederationToken(request) => ProofFacts::FederationToken {
                    key: &request.key.id,
                },
            },
            role: grant.role(),
            duration,
            answer: &format!("{code}: {message}"),
        };
        let advice = advice(refusal, &facts);
        let now = self.clock.now();
        if refusal == StsRefusal::DurationTooLong && duration > RoleSessionDuration::DEFAULT {
            self.learned
                .duration_was_refused(grant.role(), duration, now);
        }
        // The names of the gateway's principals and of intermediate roles are for operators.
        let (message, log) = match facts.proof.is_signature() {
            true => {
                let log = [advice.operators.as_deref(), Some(&*message)];
                let log = log.into_iter().flatten().collect::<Vec<_>>().join(" ");
                (without_names(&message), Some(log))
            }
            false => (message, None),
        };
        IssueError::Refused(Box::new(Refused {
            refusal,
            code,
            message,
            request_id,
            advice,
            log,
        }))
    }
}

/// `sub` or `NameID` of the person for AWS, 6 to 255 characters: `provider|subject` if it is valid, or else
/// `provider#digest`. Provider IDs contain neither separator, so the forms never collide and no two people share one.
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
