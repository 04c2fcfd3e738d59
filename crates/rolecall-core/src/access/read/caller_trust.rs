//! The keys of `trust = "caller"`: `external_id` and `via`.

use super::PolicyContext;
use crate::access::caller_trust::CallerTrust;
use crate::aws::{ExternalId, RoleArn};
use crate::base::limits;
use crate::config_file::Value;

/// Reads both; none when one of them has an error.
pub(super) fn read(
    external_id: Option<&Value<'_>>,
    via: Option<&Value<'_>>,
    context: &PolicyContext<'_>,
) -> Option<CallerTrust> {
    let external_id = match external_id {
        None => Some(None),
        Some(value) => value.parse::<ExternalId>().map(|id| Some(id.value)),
    };
    let via = match via {
        None => Some(Vec::new()),
        Some(value) => read_via(value, context),
    };
    Some(CallerTrust {
        external_id: external_id?,
        via: via?,
    })
}

/// One role or a list of them.
fn read_via(value: &Value<'_>, context: &PolicyContext<'_>) -> Option<Vec<RoleArn>> {
    if value.as_text().is_some() {
        return read_hop(value, context).map(|hop| vec![hop]);
    }
    let listed = value.list()?;
    if !(1..=limits::VIA_ROLES_MAX).contains(&listed.len()) {
        value.invalid(format!(
            "name 1 to {} roles, in the order in which they are assumed",
            limits::VIA_ROLES_MAX
        ));
        return None;
    }
    let mut hops: Vec<RoleArn> = Vec::with_capacity(listed.len());
    let mut sound = true;
    for member in &listed {
        match read_hop(member, context) {
            None => sound = false,
            Some(hop) if hops.contains(&hop) => {
                member.spot().error(
                    format!("{hop} is listed twice in `via`"),
                    "each role is assumed with the credentials of the one before: list it once",
                );
                sound = false;
            }
            Some(hop) => hops.push(hop),
        }
    }
    sound.then_some(hops)
}

fn read_hop(value: &Value<'_>, context: &PolicyContext<'_>) -> Option<RoleArn> {
    let hop = value.parse::<RoleArn>()?;
    if hop.value.partition() == context.partition {
        return Some(hop.value);
    }
    hop.spot.error(
        format!(
            "{} is not in the partition {}",
            hop.value, context.partition
        ),
        "credentials are valid in one partition only; the partition is set in rolecall.toml, [aws]",
    );
    None
}
