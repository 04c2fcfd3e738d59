//! `when = { … }`

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use ipnet::IpNet;
use toml::value::{Datetime, Offset};

use super::PolicyContext;
use crate::access::condition::Condition;
use crate::config_file::{Reader, Value};

/// Reads a condition.
pub(super) fn read(reader: Reader<'_>, context: &PolicyContext<'_>) -> Condition {
    let mfa = reader.boolean("mfa").unwrap_or(false);
    let within = reader.value("signed_in_within");
    let signed_in_within = within.and_then(|value| {
        let within = value.duration()?.value;
        if within < TimeDelta::minutes(1) {
            value.invalid("the minimum is 1m");
        }
        Some(within)
    });
    let network = reader.value("network").and_then(|value| {
        let list = value.list()?;
        if list.is_empty() {
            value.invalid("an empty list matches nobody: name a network, or remove the key");
        }
        let networks = list.iter().filter_map(|value| {
            let network = network(value)?;
            warn_of_proxies(value, network, context.trusted_proxies);
            Some(network)
        });
        Some(networks.collect())
    });
    let not_before = reader.value("not_before");
    let not_after = reader.value("not_after");
    let start = not_before.as_ref().and_then(moment).map(|(first, _)| first);
    let until = not_after.as_ref().and_then(moment).map(|(_, end)| end);
    if let (Some(start), Some(until), Some(value)) = (start, until, &not_after)
        && until <= start
    {
        value.invalid("it is not after not_before, so the condition can never be met");
    }
    let device_flow = reader.boolean("device_flow").unwrap_or(true);
    reader.done();
    Condition {
        mfa,
        signed_in_within,
        network: network.unwrap_or_default(),
        not_before: start,
        until,
        no_device_flow: !device_flow,
    }
}

/// A CIDR block or one address. Bits beyond the prefix are an error: it is unclear which network is meant.
fn network(value: &Value<'_>) -> Option<IpNet> {
    let parsed = value.parse_with(|text| {
        let net = text
            .parse::<IpNet>()
            .or_else(|_| {
                text.parse()
                    .map(|address: std::net::IpAddr| IpNet::from(address))
            })
            .map_err(|_| "write a network as 10.0.0.0/8 or 2001:db8::/32".to_owned())?;
        if net.trunc() == net {
            Ok(net)
        } else {
            Err(format!(
                "the network is {}: an address with bits beyond its prefix is ambiguous",
                net.trunc()
            ))
        }
    })?;
    Some(parsed.value)
}

/// A host inside a trusted network can report any address, so a condition on such a network has no effect on it.
fn warn_of_proxies(value: &Value<'_>, network: IpNet, trusted_proxies: &[IpNet]) {
    let overlaps = |proxies: &IpNet| network.contains(proxies) || proxies.contains(&network);
    if let Some(proxies) = trusted_proxies.iter().find(|proxies| overlaps(proxies)) {
        value.spot().warning(
            format!(
                "{network} overlaps {proxies} in listen.trusted_proxies: every host there can choose its client address"
            ),
            "in trusted_proxies, list only the addresses of your proxies, such as 10.0.0.2/32",
        );
    }
}

/// The first moment, and the first moment after it: of a day in UTC, or of a point in time.
fn moment(value: &Value<'_>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let written = value.datetime()?.value;
    let moment = match (written.date, written.time, written.offset) {
        (Some(_), None, None) => day(&written),
        (Some(_), Some(_), Some(offset)) => point(&written, offset).map(|at| (at, at)),
        (_, _, _) => None,
    };
    if moment.is_none() {
        value.invalid(
            "write a day in UTC as 2026-12-31, or a point in time as 2026-12-31T18:00:00Z",
        );
    }
    moment
}

fn date(written: &Datetime) -> Option<NaiveDate> {
    let date = written.date?;
    NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
}

fn day(written: &Datetime) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let date = date(written)?;
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    Some((midnight(date), midnight(date.succ_opt()?)))
}

fn point(written: &Datetime, offset: Offset) -> Option<DateTime<Utc>> {
    let time = written.time?;
    let second = time.second.unwrap_or(0).into();
    let time = NaiveTime::from_hms_opt(time.hour.into(), time.minute.into(), second)?;
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => minutes,
    };
    let utc = date(written)?.and_time(time).and_utc();
    utc.checked_sub_signed(TimeDelta::minutes(minutes.into()))
}
