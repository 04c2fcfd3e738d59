//! `trust = "provider-oidc"`: the provider of the account, and what its ID tokens cannot carry.

use super::{Names, PolicyContext, ProviderProtocol, who};
use crate::access::assignment::Scope;
use crate::access::catalog::{Account, Audience};
use crate::access::permission_set::PermissionSet;
use crate::access::trust::{ProviderOidc, Trust};
use crate::access::who::{RuleKind, Who};
use crate::config_file::{Located, Spot, Value, quoted};
use crate::identity::ProviderId;

/// Reads `provider`; none when it cannot be trusted this way.
pub(super) fn read(value: &Value<'_>, context: &PolicyContext<'_>) -> Option<ProviderOidc> {
    let facts = who::find_provider(value, context.providers)?;
    let id = &facts.id;
    let client = match &facts.protocol {
        // Reported with the provider.
        ProviderProtocol::Unknown => return None,
        ProviderProtocol::Saml => {
            value.spot().error(
                format!("the provider {id} uses SAML and issues no ID tokens"),
                "use trust = \"provider-saml\", or name a provider with `oidc`",
            );
            return None;
        }
        ProviderProtocol::Oidc(client) => client,
    };
    if !client.is_confidential {
        value.spot().error(
            format!("the provider {id} has neither client_secret nor client_key"),
            "to this account an ID token of the provider is a credential: register a confidential client that only Rolecall uses, and set its client_secret or client_key in rolecall.toml",
        );
        return None;
    }
    Some(ProviderOidc {
        provider: id.clone(),
        title: facts.title.clone(),
        issuer: client.issuer.clone(),
        client_id: client.client_id.clone(),
    })
}

/// Reports an `audience` that the provider's ID tokens do not have, and, once for each provider, what such an account does not
/// enforce.
pub(super) fn check_account(
    spot: Spot<'_>,
    trust: &Trust,
    audience: Option<&Located<'_, Audience>>,
    context: &PolicyContext<'_>,
    names: &mut Names,
) {
    let Some(trusted) = trust.provider_oidc() else {
        return;
    };
    let (id, client_id) = (&trusted.provider, &trusted.client_id);
    if let Some(audience) = audience
        && audience.value.as_str() != client_id
    {
        audience.spot.error(
            format!(
                "ID tokens of {id} are for the audience {}",
                quoted(client_id)
            ),
            "remove `audience`: it is the client_id of the provider",
        );
    }
    if names.is_first_account_of(id) {
        let prefix = trusted.condition_prefix();
        spot.warning(
            format!("AWS knows only `aud` and `sub` of the ID tokens of {id}: no assignment, deny, condition, session policy or variant of Rolecall applies to a holder of one"),
            format!("name the people in the trust policies ({prefix}:sub), and let only Rolecall use the client {client_id}; prefer trust = \"gateway-oidc\" (docs/sts.md)"),
        );
        if has_extra_audiences(id, context) {
            spot.warning(
                format!("the provider {id} has extra_audiences: its ID tokens are for other applications as well, which could use these roles"),
                format!("register a client whose ID tokens name {client_id} alone, or make sure that every ID token has `azp`, which AWS then compares instead of `aud`"),
            );
        }
    }
}

/// Whether the ID tokens of this provider may be for other clients than the gateway.
fn has_extra_audiences(id: &ProviderId, context: &PolicyContext<'_>) -> bool {
    let facts = context.providers.iter().find(|facts| facts.id == *id);
    facts.is_some_and(|facts| match &facts.protocol {
        ProviderProtocol::Oidc(client) => client.has_extra_audiences,
        ProviderProtocol::Unknown | ProviderProtocol::Saml => false,
    })
}

/// Reports an assignment of people of another provider, and a permission set with attributes that such sessions do not have.
pub(super) fn check(
    spot: Spot<'_>,
    who: &Who,
    scope: &Scope,
    (accounts, sets): (&[Account], &[PermissionSet]),
    context: &PolicyContext<'_>,
) {
    let scoped = scope.accounts_within(None).iter();
    let scoped = scoped.filter_map(|number| accounts.get(*number as usize));
    let trusting: Vec<(&Account, &ProviderOidc)> = scoped
        .filter_map(|account| Some((account, account.trust.provider_oidc()?)))
        .collect();
    let Some((first, _)) = trusting.first() else {
        return;
    };
    let elsewhere = trusting.iter().find(|(_, trusted)| {
        let facts = context.providers.iter();
        let mut facts = facts.filter(|facts| facts.id == trusted.provider);
        !facts.any(|facts| who.may_match(&facts.id, &facts.domains, RuleKind::Assignment))
    });
    if let Some((account, trusted)) = elsewhere {
        spot.warning(
            format!(
                "nobody whom this assignment matches can use {}: it trusts only ID tokens of {}",
                account.name, trusted.provider
            ),
            "assign its permission sets to people of that provider, or change the trust of the account",
        );
    }
    let named = scope
        .sets
        .numbers()
        .filter_map(|number| sets.get(number as usize));
    let mut named =
        named.filter(|set| !set.session_tags.is_empty() || set.source_identity.is_some());
    if let Some(set) = named.next() {
        spot.warning(
            format!(
                "sessions of {} in {} have no session tags and no source identity: its trust is \"provider-oidc\"",
                set.name, first.name
            ),
            "ID tokens are sent to AWS as the provider issued them; use another `trust` where CloudTrail or policies depend on these attributes",
        );
    }
}
