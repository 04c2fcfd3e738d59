//! Advice for refusals of AWS: an explanation and a next step for every refusal that a person or an administrator can
//! act on.

mod id_token;
mod signed;

use url::Url;

pub use signed::without_names;

use super::{
    AccessKeyId, CallerIdentity, OidcProviderName, RoleArn, RoleSessionDuration, SamlProviderArn,
    StsRefusal,
};

/// Input for the advice.
#[derive(Clone, Copy, Debug)]
pub struct AdviceFacts<'a> {
    /// `iss` of the gateway's tokens, at which AWS fetches their keys.
    pub issuer: &'a Url,
    /// The proof that was sent to STS.
    pub proof: ProofFacts<'a>,
    /// The requested role.
    pub role: &'a RoleArn,
    /// `DurationSeconds`
    pub duration: RoleSessionDuration,
    /// AWS's code and message; of another server its status and its first words.
    pub answer: &'a str,
}

/// The part of the proof that the advice depends on.
#[derive(Clone, Copy, Debug)]
pub enum ProofFacts<'a> {
    /// A token that the gateway or an identity provider signed.
    WebIdentity {
        /// `aud`
        audience: &'a str,
        /// `iss` of an ID token of the person's identity provider; `None` for a token of the gateway.
        provider: Option<&'a str>,
    },
    /// A SAML response.
    Saml {
        /// IAM SAML provider of the account.
        provider: &'a SamlProviderArn,
        /// `Audience` of the SAML response.
        audience: &'a str,
    },
    /// A signature with the gateway's own AWS credentials.
    Caller {
        /// The principal of the credentials; `None` if not known.
        own: Option<&'a CallerIdentity>,
        /// Whether `ExternalId` was sent.
        external_id: bool,
        /// The intermediate roles, first to last.
        via: &'a [RoleArn],
        /// How many of them had been assumed.
        assumed: usize,
    },
    /// A signature with the key of an IAM user of the account, without a role.
    FederationToken {
        /// ID of the access key that signed the request.
        key: &'a AccessKeyId,
    },
}

impl ProofFacts<'_> {
    /// Whether the gateway signed the request with AWS credentials.
    pub fn is_signature(&self) -> bool {
        match self {
            Self::WebIdentity { .. } | Self::Saml { .. } => false,
            Self::Caller { .. } | Self::FederationToken { .. } => true,
        }
    }
}

/// An explanation for the person, and a next step for the person or an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What AWS refused, in one sentence.
    pub explanation: String,
    /// What to do next.
    pub hint: String,
    /// What to check, with the principals, intermediate roles and keys of a signed request: for the log, not for pages.
    pub operators: Option<String>,
}

/// Advice for a refusal.
pub fn advice(refusal: StsRefusal, facts: &AdviceFacts<'_>) -> Advice {
    let specific = match facts.proof {
        ProofFacts::WebIdentity {
            audience,
            provider: Some(provider),
        } => {
            id_token::advice(refusal, facts.role, provider, audience).map(|(explanation, hint)| {
                Advice {
                    explanation,
                    hint,
                    operators: None,
                }
            })
        }
        ProofFacts::WebIdentity { provider: None, .. } | ProofFacts::Saml { .. } => None,
        ProofFacts::Caller {
            own,
            external_id,
            via,
            assumed,
        } => signed::caller_advice(
            refusal,
            &signed::CallerFacts {
                role: facts.role,
                own,
                external_id,
                via,
                assumed,
            },
        ),
        ProofFacts::FederationToken { key } => signed::federation_advice(refusal, facts.role, key),
    };
    specific.unwrap_or_else(|| general_advice(refusal, facts))
}

/// Advice for refusals that do not depend on the signer.
fn general_advice(refusal: StsRefusal, facts: &AdviceFacts<'_>) -> Advice {
    let AdviceFacts {
        issuer,
        proof,
        role,
        duration,
        answer,
    } = *facts;
    let issuer = issuer.as_str().trim_end_matches('/');
    let oidc_provider = OidcProviderName::of(facts.issuer);
    let account = role.account();
    let name = role.role().name();
    let other = || {
        (
            "AWS refused the request.".to_owned(),
            "Contact your administrator: the gateway's log contains AWS's own message.".to_owned(),
        )
    };
    let (explanation, hint) = match refusal {
        StsRefusal::AccessDenied => (
            format!("The role {name} in account {account} does not trust Rolecall, or does not exist."),
            match proof {
                ProofFacts::WebIdentity { .. } => format!("Check that {role} exists and that its trust policy allows sts:AssumeRoleWithWebIdentity, sts:TagSession and sts:SetSourceIdentity for the OIDC provider {oidc_provider}, with conditions that this session meets ({oidc_provider}:aud, {oidc_provider}:sub, aws:RequestTag, sts:SourceIdentity)."),
                ProofFacts::Saml { provider, .. } => format!("Check that {role} exists and that its trust policy allows sts:AssumeRoleWithSAML, sts:TagSession and sts:SetSourceIdentity for {provider}, with conditions that this session meets: SAML:aud is the Recipient of the response."),
                ProofFacts::Caller { .. } | ProofFacts::FederationToken { .. } => other().1,
            },
        ),
        StsRefusal::TagSession => (
            format!("The role {name} in account {account} does not allow session tags."),
            format!("Add sts:TagSession to the actions that the trust policy of {role} allows. If it is there, compare its conditions on aws:RequestTag and aws:TagKeys with the tags of this permission set."),
        ),
        StsRefusal::SetSourceIdentity => (
            format!("The role {name} in account {account} does not allow a source identity."),
            format!("Add sts:SetSourceIdentity to the actions that the trust policy of {role} allows, or remove source_identity from the permission set. If it is there, compare its condition on sts:SourceIdentity."),
        ),
        StsRefusal::ServiceControlPolicy => (
            format!("A service control policy of the organization denies the request for the role {name} in account {account}."),
            format!("Ask the administrators of the AWS organization: the trust policy of {role} is not the cause. The gateway's log contains AWS's own message."),
        ),
        StsRefusal::ResourceControlPolicy => (
            format!("A resource control policy of the organization denies access to the role {name} in account {account}."),
            "Ask the administrators of the AWS organization. A resource control policy often requires aws:SourceOrgID, a specific OIDC provider or sts:RoleAuthorizedByIdp. The gateway's log contains AWS's own message.".to_owned(),
        ),
        StsRefusal::ExternalId => (
            format!("The role {name} in account {account} requires another external id."),
            format!("Compare external_id of account {account} in the access policy with sts:ExternalId in the trust policy of {role}."),
        ),
        StsRefusal::InvalidCredentials => (
            "AWS does not accept the gateway's own credentials.".to_owned(),
            "Check the AWS credentials of the gateway: they are expired, deactivated or incomplete, or the gateway's clock is wrong. rolecalld check --online shows their principal.".to_owned(),
        ),
        StsRefusal::ChainedDurationTooLong => (
            format!("AWS limits sessions of the role {name} in account {account} to 1 h, because the role is assumed with the credentials of another role (role chaining)."),
            "Try again: for the next hour Rolecall requests sessions of at most 1 h in this account. For longer sessions use trust = \"gateway-oidc\".".to_owned(),
        ),
        StsRefusal::ProviderNotRegistered => match proof {
            ProofFacts::WebIdentity { audience, .. } => (
                format!("Account {account} has no OIDC provider for {issuer}."),
                format!("In account {account}, run: aws iam create-open-id-connect-provider --url {issuer} --client-id-list {audience}"),
            ),
            ProofFacts::Saml { provider, .. } => (
                format!("Account {account} has no SAML provider {}.", provider.name()),
                format!("Save the SAML metadata as metadata.xml and, in account {account}, run: aws iam create-saml-provider --name {} --saml-metadata-document file://metadata.xml", provider.name()),
            ),
            ProofFacts::Caller { .. } | ProofFacts::FederationToken { .. } => other(),
        },
        StsRefusal::Audience => match proof {
            ProofFacts::WebIdentity { audience, .. } => (
                format!("The OIDC provider in account {account} does not accept tokens for {audience}."),
                format!("In account {account}, run: aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn arn:{}:iam::{account}:oidc-provider/{oidc_provider} --client-id {audience}", role.partition()),
            ),
            ProofFacts::Saml { audience, .. } => (
                format!("AWS does not accept SAML responses for {audience}."),
                format!("Set audience of account {account} in the access policy to the entity id in AWS's own SAML metadata, https://signin.aws.amazon.com/static/saml-metadata.xml or that of the Region."),
            ),
            ProofFacts::Caller { .. } | ProofFacts::FederationToken { .. } => other(),
        },
        StsRefusal::Metadata => (
            "AWS has other signing keys than the current ones.".to_owned(),
            match proof {
                ProofFacts::WebIdentity { .. } => format!("Compare the issuer, {issuer}, with the OIDC provider in account {account}: they must be identical."),
                ProofFacts::Saml { provider, .. } => format!("Save the SAML metadata as metadata.xml and, in account {account}, run: aws iam update-saml-provider --saml-provider-arn {provider} --saml-metadata-document file://metadata.xml"),
                ProofFacts::Caller { .. } | ProofFacts::FederationToken { .. } => other().1,
            },
        ),
        StsRefusal::KeysUnreachable => (
            "AWS could not read the gateway's public keys.".to_owned(),
            format!("{issuer}/jwks must be reachable from the internet by https with a certificate of a public authority. If a key was created recently, wait a few minutes."),
        ),
        StsRefusal::Thumbprint => (
            format!("AWS does not trust the certificate of {issuer}."),
            format!("Use a certificate of a public authority, or update the thumbprints of the OIDC provider in account {account}: aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn arn:{}:iam::{account}:oidc-provider/{oidc_provider} --thumbprint-list …", role.partition()),
        ),
        StsRefusal::ProviderUnreachable => (
            "AWS could not reach the gateway to check its token.".to_owned(),
            format!("{issuer}/.well-known/openid-configuration must be reachable from the internet by https. Try again in a moment."),
        ),
        StsRefusal::RoleClaim => (
            format!("AWS read the gateway's token as one for another role than {role}."),
            "Compare `role` of the permission set with the role's path and name in IAM. Where this partition reads the claim https://aws.amazon.com/roles differently, set role_claim = false in [aws].".to_owned(),
        ),
        StsRefusal::Subject => (
            "AWS did not accept the subject of the proof.".to_owned(),
            match proof {
                ProofFacts::WebIdentity { .. } => format!("The subject of a token is PROVIDER|SUBJECT, 6 to 255 characters. Compare it with the condition on {oidc_provider}:sub in the trust policy of {role}."),
                ProofFacts::Saml { .. } => "A SAML response for AWS must have a Subject with a NameID in a format that AWS supports, such as persistent.".to_owned(),
                ProofFacts::Caller { .. } | ProofFacts::FederationToken { .. } => other().1,
            },
        ),
        StsRefusal::RejectedClaim => match proof {
            ProofFacts::WebIdentity { .. } => (
                "AWS rejected a claim of the gateway's token: it has expired, or is not valid yet.".to_owned(),
                format!("Check that the gateway's clock is synchronized (timedatectl, chronyc tracking), and that the issuer, {issuer}, is identical to the OIDC provider in account {account}. AWS's own message is below."),
            ),
            ProofFacts::Saml { provider, .. } => (
                "AWS rejected an attribute of the SAML response: it has expired, or is not valid yet.".to_owned(),
                format!("Check that the clocks of the gateway and of the identity provider are synchronized, and compare {provider} with the provider in IAM. AWS's own message is below."),
            ),
            ProofFacts::Caller { .. } | ProofFacts::FederationToken { .. } => other(),
        },
        StsRefusal::InvalidProof => match proof {
            ProofFacts::WebIdentity { .. } => (
                "AWS did not accept the gateway's token.".to_owned(),
                format!("Compare the issuer, {issuer}, with the OIDC provider in account {account}: they must be identical."),
            ),
            ProofFacts::Saml { provider, .. } => (
                "AWS did not accept the SAML response.".to_owned(),
                format!("The gateway's log contains AWS's own message. Compare saml_provider_arn of account {account}, {provider}, with the provider in IAM, and its metadata with the current metadata."),
            ),
            ProofFacts::Caller { .. } | ProofFacts::FederationToken { .. } => other(),
        },
        StsRefusal::Expired => match proof {
            ProofFacts::Saml { .. } => (
                "AWS rejected the SAML response as expired.".to_owned(),
                "The clock of the gateway or of the identity provider is wrong: check that both are synchronized (timedatectl, chronyc tracking).".to_owned(),
            ),
            ProofFacts::WebIdentity { .. } | ProofFacts::Caller { .. } | ProofFacts::FederationToken { .. } => (
                "AWS rejected the gateway's token as expired.".to_owned(),
                "The gateway's clock is wrong: check that it is synchronized (timedatectl, chronyc tracking).".to_owned(),
            ),
        },
        StsRefusal::DurationTooLong => (
            format!("The role {name} in account {account} allows shorter sessions than {duration}."),
            format!("Try again: Rolecall requests 1 h for this role during the next hour. To keep {duration}, raise the role's MaxSessionDuration to at least {} seconds (aws iam update-role --role-name {name} --max-session-duration {0}), or shorten session_duration in the access policy.", duration.seconds()),
        ),
        StsRefusal::PackedTooLarge => (
            "The session policies and tags of this role exceed AWS's limit.".to_owned(),
            "Shorten the permission set's session_policy, or use fewer policy_arns and session_tags.".to_owned(),
        ),
        StsRefusal::MalformedPolicy => (
            "AWS cannot read the session policy of this permission set.".to_owned(),
            "Check session_policy and policy_arns of the permission set: AWS's message contains the position.".to_owned(),
        ),
        StsRefusal::RegionDisabled => (
            format!("AWS STS is not active in this Region for account {account}."),
            format!("Activate the Region for STS in account {account} (IAM, Account settings), or set sts_region of the account to another one."),
        ),
        StsRefusal::AccountInactive => (
            format!("Account {account} cannot use AWS STS: it is suspended, or its sign-up is not complete."),
            format!("Ask the owner of account {account} to check its status in AWS Organizations or Billing."),
        ),
        StsRefusal::NotSts => (
            format!("The request for credentials was answered by a proxy or another server, not by AWS STS: {answer}."),
            "Ask your administrator to check endpoints.sts and the proxy in [egress] of rolecall.toml, and what the proxy permits.".to_owned(),
        ),
        StsRefusal::InvalidMessage => (
            "AWS cannot read the encoded message.".to_owned(),
            "Copy the whole message, without line breaks, from an error of the last hours, and choose a role of the same account.".to_owned(),
        ),
        StsRefusal::Throttled => ("AWS is receiving too many requests for this account.".to_owned(), "Try again in a few seconds.".to_owned()),
        StsRefusal::Other => other(),
    };
    Advice {
        explanation,
        hint,
        operators: None,
    }
}

#[cfg(test)]
mod tests;
