//! The URL of a store, parsed once: which kind, where, how to sign in, whether with TLS.
//!
//! Written by hand because the lists of hosts in `redis-cluster://` and `redis-sentinel://` are no URL of RFC 3986.
//! A password never appears in an error or in `Debug`.

use std::path::PathBuf;
use std::str::FromStr;

use rolecall_core::base::secret::SecretText;

/// Hosts that one URL may list; a cluster tells its other nodes by itself.
const HOSTS_MAX: usize = 64;

/// Where records are kept.
#[derive(Clone, Debug)]
pub enum StoreUrl {
    /// `redis://` and its relatives.
    Redis(RedisUrl),
    /// `sqlite:FILE`
    Sqlite(PathBuf),
    /// `memory:`
    Memory,
}

/// A Redis, or several.
#[derive(Clone, Debug)]
pub struct RedisUrl {
    /// Which servers, and how they hang together.
    pub topology: Topology,
    /// Whether connections are TLS.
    pub tls: bool,
    /// A PEM file with the private authority that signed the servers' certificates; without it the system's roots.
    pub ca: Option<PathBuf>,
    /// The ACL user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<SecretText>,
    /// The database's number; a cluster has only 0.
    pub database: u16,
}

/// How the servers of a [`RedisUrl`] hang together.
#[derive(Clone, Debug)]
pub enum Topology {
    /// One server.
    Single(Host),
    /// One server behind a Unix socket.
    Socket(PathBuf),
    /// Some nodes of a Redis Cluster; they name the others.
    Cluster(Vec<Host>),
    /// Sentinels, which are asked who the master of this name is.
    Sentinel {
        /// Where the Sentinels listen.
        sentinels: Vec<Host>,
        /// The master's name in the Sentinels' configuration.
        master: String,
        /// The Sentinels' own user, where they have one.
        username: Option<String>,
        /// The Sentinels' own password, where they have one.
        password: Option<SecretText>,
    },
}

/// A name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name, an IPv4 or an IPv6 address without brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

/// Why a text is no [`StoreUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidStoreUrl {
    reason: &'static str,
    hint: &'static str,
}

impl InvalidStoreUrl {
    /// What to write instead.
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

const FORMS: &str = "write redis://host:6379/0, rediss://…, redis+unix:///path/to/socket, redis-cluster://h1:p,h2:p, \
                     redis-sentinel://h1:p,h2:p/MASTER/0 or sqlite:FILE";
const SIGN_IN: &str = "write the user before the hosts, as in redis://user@host, special characters as %XX, and password = { file = \"…\" } beside the URL";

fn invalid<T>(reason: &'static str, hint: &'static str) -> Result<T, InvalidStoreUrl> {
    Err(InvalidStoreUrl { reason, hint })
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return invalid("the store's URL has no scheme", FORMS);
        };
        match (scheme, rest.strip_prefix("//")) {
            ("memory", _) if rest.is_empty() => Ok(Self::Memory),
            ("memory", _) => invalid("nothing follows `memory:`", "write exactly `memory:`"),
            ("sqlite", _) => crate::file::parse_sqlite(rest)
                .map(Self::Sqlite)
                .or_else(|(reason, hint)| invalid(reason, hint)),
            ("redis", Some(rest)) => redis(rest, false, Kind::Single),
            ("rediss", Some(rest)) => redis(rest, true, Kind::Single),
            ("redis+unix" | "unix", Some(rest)) => redis(rest, false, Kind::Socket),
            ("redis-cluster", Some(rest)) => redis(rest, false, Kind::Cluster),
            ("rediss-cluster", Some(rest)) => redis(rest, true, Kind::Cluster),
            ("redis-sentinel", Some(rest)) => redis(rest, false, Kind::Sentinel),
            ("rediss-sentinel", Some(rest)) => redis(rest, true, Kind::Sentinel),
            _ => invalid("this is no URL of a store", FORMS),
        }
    }
}

impl StoreUrl {
    /// Whether the URL's own text holds a password.
    pub fn holds_password(&self) -> bool {
        match self {
            Self::Redis(url) => {
                let sentinels = matches!(
                    &url.topology,
                    Topology::Sentinel {
                        password: Some(_),
                        ..
                    }
                );
                sentinels || url.password.is_some()
            }
            Self::Sqlite(_) | Self::Memory => false,
        }
    }

    /// With the passwords that stand beside the URL: the servers' and the Sentinels'.
    ///
    /// # Errors
    /// [`InvalidStoreUrl`] when there is no use for one, when the URL holds one already, or when a user has none.
    pub fn with_passwords(
        mut self,
        password: Option<SecretText>,
        sentinel_password: Option<SecretText>,
    ) -> Result<Self, InvalidStoreUrl> {
        let Self::Redis(url) = &mut self else {
            if password.is_some() || sentinel_password.is_some() {
                return invalid("only Redis takes a password", "leave `password` out");
            }
            return Ok(self);
        };
        if let Topology::Sentinel { password: own, .. } = &mut url.topology {
            beside(own, sentinel_password)?;
        } else if sentinel_password.is_some() {
            return invalid(
                "only Sentinels take a `sentinel_password`",
                "write redis-sentinel://h1:p,h2:p/MASTER, or leave it out",
            );
        }
        beside(&mut url.password, password)?;
        if url.username.is_some() && url.password.is_none() {
            return invalid("the store's URL names a user without a password", SIGN_IN);
        }
        Ok(self)
    }
}

/// Fills in a password that stands beside the URL.
fn beside(
    in_url: &mut Option<SecretText>,
    given: Option<SecretText>,
) -> Result<(), InvalidStoreUrl> {
    if in_url.is_some() && given.is_some() {
        return invalid(
            "the password stands in the store's URL and beside it",
            "take it out of the URL",
        );
    }
    *in_url = given.or(in_url.take());
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Single,
    Socket,
    Cluster,
    Sentinel,
}

/// What stands behind the question mark.
#[derive(Default)]
struct Parameters {
    ca: Option<PathBuf>,
    database: Option<u16>,
    sentinel_username: Option<String>,
    sentinel_password: Option<SecretText>,
}

fn parameters(query: &str, kind: Kind, tls: bool) -> Result<Parameters, InvalidStoreUrl> {
    let mut found = Parameters::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value)?;
        match name {
            "ca" if tls => found.ca = Some(PathBuf::from(value)),
            "db" if kind == Kind::Socket => found.database = Some(number(&value)?),
            "sentinel_username" if kind == Kind::Sentinel => found.sentinel_username = Some(value),
            "sentinel_password" if kind == Kind::Sentinel => {
                found.sentinel_password = Some(SecretText::new(value));
            }
            _ => {
                return invalid(
                    "the store's URL has a parameter that is not known here",
                    "known are ca=FILE (with TLS), db=NUMBER (Unix socket), sentinel_username and sentinel_password (Sentinel)",
                );
            }
        }
    }
    Ok(found)
}

fn redis(rest: &str, tls: bool, kind: Kind) -> Result<StoreUrl, InvalidStoreUrl> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let parameters = parameters(query, kind, tls)?;
    // The last `@`: a password may contain one unescaped, a host cannot.
    let (user_info, rest) = match rest.rsplit_once('@') {
        Some((user_info, rest)) => (Some(user_info), rest),
        None => (None, rest),
    };
    let (username, password) = user_info.map_or(Ok((None, None)), sign_in)?;
    let (hosts, path) = match kind {
        Kind::Socket => ("", rest),
        Kind::Single | Kind::Cluster | Kind::Sentinel => rest.split_once('/').unwrap_or((rest, "")),
    };
    let (topology, database) = match kind {
        Kind::Socket => {
            let path = decode(path)?;
            if !path.starts_with('/') || path.len() < 2 {
                return invalid(
                    "the path of the Unix socket is not absolute",
                    "write redis+unix:///path/to/socket, with three slashes",
                );
            }
            let database = parameters.database.unwrap_or(0);
            (Topology::Socket(PathBuf::from(path)), database)
        }
        Kind::Single => {
            let mut hosts = parse_hosts(hosts, 6379)?;
            let (Some(host), true) = (hosts.pop(), hosts.is_empty()) else {
                return invalid(
                    "redis:// takes one host",
                    "for several write redis-cluster://h1:p,h2:p or redis-sentinel://h1:p,h2:p/MASTER",
                );
            };
            (Topology::Single(host), database(path)?)
        }
        Kind::Cluster => {
            if database(path)? != 0 {
                return invalid(
                    "a Redis Cluster has only database 0",
                    "leave the number out, and keep gateways apart by `prefix`",
                );
            }
            (Topology::Cluster(parse_hosts(hosts, 6379)?), 0)
        }
        Kind::Sentinel => {
            let (master, number) = path.split_once('/').unwrap_or((path, ""));
            if master.is_empty() {
                return invalid(
                    "the name of the master is missing",
                    "write redis-sentinel://h1:p,h2:p/MASTER/0 with the name from `sentinel monitor`",
                );
            }
            let topology = Topology::Sentinel {
                sentinels: parse_hosts(hosts, 26379)?,
                master: decode(master)?,
                username: parameters.sentinel_username,
                password: parameters.sentinel_password,
            };
            (topology, database(number)?)
        }
    };
    Ok(StoreUrl::Redis(RedisUrl {
        topology,
        tls,
        ca: parameters.ca,
        username,
        password,
        database,
    }))
}

type SignIn = (Option<String>, Option<SecretText>);

fn sign_in(user_info: &str) -> Result<SignIn, InvalidStoreUrl> {
    let Some((username, password)) = user_info.split_once(':') else {
        return Ok((Some(decode(user_info)?), None));
    };
    if password.is_empty() {
        return invalid("the password in the store's URL is empty", SIGN_IN);
    }
    let username = Some(decode(username)?).filter(|name| !name.is_empty());
    Ok((username, Some(SecretText::new(decode(password)?))))
}

fn database(path: &str) -> Result<u16, InvalidStoreUrl> {
    if path.is_empty() { Ok(0) } else { number(path) }
}

fn number(text: &str) -> Result<u16, InvalidStoreUrl> {
    text.parse().or_else(|_| {
        invalid(
            "the database in the store's URL is no number",
            "Redis numbers its databases, 0 is the usual one",
        )
    })
}

fn parse_hosts(list: &str, port: u16) -> Result<Vec<Host>, InvalidStoreUrl> {
    let hosts: Vec<Host> = list
        .split(',')
        .take(HOSTS_MAX + 1)
        .map(|host| parse_host(host, port))
        .collect::<Result<_, _>>()?;
    if hosts.len() > HOSTS_MAX {
        return invalid("the store's URL lists too many hosts", "a few are enough");
    }
    Ok(hosts)
}

fn parse_host(text: &str, default: u16) -> Result<Host, InvalidStoreUrl> {
    let (name, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((address, port)) => (address, port.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if name.is_empty() || !name.chars().all(fine) {
        return invalid("a host in the store's URL is missing or malformed", FORMS);
    }
    let port = match port.map(str::parse) {
        None => default,
        Some(Ok(port)) if port != 0 => port,
        Some(_) => return invalid("a port in the store's URL is not in 1 to 65535", FORMS),
    };
    Ok(Host {
        name: name.to_owned(),
        port,
    })
}

/// Percent-decoding (RFC 3986 2.1); the result must be UTF-8 without control characters.
fn decode(text: &str) -> Result<String, InvalidStoreUrl> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = tail
            .split_at_checked(2)
            .and_then(|(digits, tail)| Some((std::str::from_utf8(digits).ok()?, tail)))
            .and_then(|(digits, tail)| Some((u8::from_str_radix(digits, 16).ok()?, tail)));
        let Some((byte, tail)) = hex else {
            return invalid(
                "a % in the store's URL is not followed by two digits",
                SIGN_IN,
            );
        };
        bytes.push(byte);
        rest = tail;
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => Ok(text),
        Ok(_) | Err(_) => invalid("the store's URL is not printable text", SIGN_IN),
    }
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
