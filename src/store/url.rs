//! Parser for the URL of a store: kind, address, credentials, TLS.
//!
//! It does not use the `url` crate, because the host lists of `redis-cluster://` and `redis-sentinel://` are not URLs
//! as of RFC 3986. Passwords never appear in errors or `Debug` output.

use std::path::PathBuf;
use std::str::FromStr;

use rolecall_core::base::secret::SecretText;

/// Maximum number of hosts in a URL. A cluster announces its other nodes.
const HOSTS_MAX: usize = 64;

/// The URL of the record store.
#[derive(Clone, Debug)]
pub enum StoreUrl {
    /// `redis://` and the other Redis schemes.
    Redis(RedisUrl),
    /// `sqlite:FILE`
    Sqlite(PathBuf),
    /// `memory:`, lost at the end of the process.
    Memory,
}

/// Address of one or several Redis servers.
#[derive(Clone, Debug)]
pub struct RedisUrl {
    /// The servers and their topology.
    pub topology: Topology,
    /// Whether connections use TLS.
    pub tls: bool,
    /// PEM file with the private CA of the servers; without it, the system's CA certificates are used.
    pub ca: Option<PathBuf>,
    /// The ACL user.
    pub username: Option<String>,
    /// The password of the user.
    pub password: Option<SecretText>,
    /// The database number; a cluster has only 0.
    pub database: u16,
}

/// The topology of the servers of a [`RedisUrl`].
#[derive(Clone, Debug)]
pub enum Topology {
    /// One server, or a proxy in front of several.
    Single(Host),
    /// One server behind a Unix socket.
    Socket(PathBuf),
    /// Seed nodes of a Redis Cluster, which announce the others.
    Cluster(Vec<Host>),
    /// Redis Sentinel, which names the current primary.
    Sentinel {
        /// Addresses of the Sentinels.
        sentinels: Vec<Host>,
        /// Name of the master in the configuration of the Sentinels.
        master: String,
        /// ACL user of the Sentinels, if they have one.
        username: Option<String>,
        /// Password of the Sentinels, if they have one.
        password: Option<SecretText>,
    },
}

/// A host with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A host name, an IPv4 address, or an IPv6 address without brackets.
    pub name: String,
    /// TCP port; the default is 6379, and 26379 for Sentinels.
    pub port: u16,
}

/// Why a text is not a [`StoreUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidStoreUrl {
    reason: &'static str,
    hint: &'static str,
}

impl InvalidStoreUrl {
    /// The accepted form.
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

const FORMS: &str = "write redis://host:6379/0, rediss://…, redis+unix:///path/to/socket, redis-cluster://h1:p,h2:p, \
                     redis-sentinel://h1:p,h2:p/MASTER/0 or sqlite:FILE";
const SIGN_IN: &str = "write the user before the hosts, as in redis://user@host, with special characters as %XX, and set password = { file = \"…\" }";

fn invalid<T>(reason: &'static str, hint: &'static str) -> Result<T, InvalidStoreUrl> {
    Err(InvalidStoreUrl { reason, hint })
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return invalid("the store URL has no scheme", FORMS);
        };
        match (scheme, rest.strip_prefix("//")) {
            ("memory", _) if rest.is_empty() => Ok(Self::Memory),
            ("memory", _) => invalid("`memory:` has no parameters", "write only `memory:`"),
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
            _ => invalid("not a store URL", FORMS),
        }
    }
}

impl StoreUrl {
    /// Whether the URL itself contains a password.
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

    /// Adds the passwords of the keys `password` and `sentinel_password`.
    ///
    /// # Errors
    /// [`InvalidStoreUrl`], if this kind of store has no password, the URL already contains one, or a user has none.
    pub fn with_passwords(
        mut self,
        password: Option<SecretText>,
        sentinel_password: Option<SecretText>,
    ) -> Result<Self, InvalidStoreUrl> {
        let Self::Redis(url) = &mut self else {
            if password.is_some() || sentinel_password.is_some() {
                return invalid("`password` applies only to Redis", "remove `password`");
            }
            return Ok(self);
        };
        if let Topology::Sentinel { password: own, .. } = &mut url.topology {
            set_password(own, sentinel_password)?;
        } else if sentinel_password.is_some() {
            return invalid(
                "`sentinel_password` applies only to Sentinel",
                "write redis-sentinel://h1:p,h2:p/MASTER, or remove it",
            );
        }
        set_password(&mut url.password, password)?;
        if url.username.is_some() && url.password.is_none() {
            return invalid(
                "the store URL contains a user but no password is set",
                SIGN_IN,
            );
        }
        Ok(self)
    }
}

/// Sets a password from its own key.
fn set_password(
    in_url: &mut Option<SecretText>,
    given: Option<SecretText>,
) -> Result<(), InvalidStoreUrl> {
    if in_url.is_some() && given.is_some() {
        return invalid(
            "the store has two passwords: in the URL and in its own key",
            "remove the password from the URL",
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

/// The query parameters.
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
                    "the store URL has an unknown parameter",
                    "supported are ca=FILE (with TLS), db=NUMBER (Unix socket), sentinel_username and sentinel_password (Sentinel)",
                );
            }
        }
    }
    Ok(found)
}

fn redis(rest: &str, tls: bool, kind: Kind) -> Result<StoreUrl, InvalidStoreUrl> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let parameters = parameters(query, kind, tls)?;
    // Split at the last `@`: a password may contain one unescaped, a host cannot.
    let (user_info, rest) = match rest.rsplit_once('@') {
        Some((user_info, rest)) => (Some(user_info), rest),
        None => (None, rest),
    };
    let (username, password) = user_info.map_or(Ok((None, None)), parse_credentials)?;
    let (hosts, path) = match kind {
        Kind::Socket => ("", rest),
        Kind::Single | Kind::Cluster | Kind::Sentinel => rest.split_once('/').unwrap_or((rest, "")),
    };
    let (topology, database) = match kind {
        Kind::Socket => {
            let path = decode(path)?;
            if !path.starts_with('/') || path.len() < 2 {
                return invalid(
                    "the path of the Unix socket must be absolute",
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
                    "redis:// supports only one host",
                    "for several hosts, write redis-cluster://h1:p,h2:p or redis-sentinel://h1:p,h2:p/MASTER",
                );
            };
            (Topology::Single(host), database(path)?)
        }
        Kind::Cluster => {
            if database(path)? != 0 {
                return invalid(
                    "a Redis Cluster has only database 0",
                    "remove the number; to share the cluster between gateways, set `prefix`",
                );
            }
            (Topology::Cluster(parse_hosts(hosts, 6379)?), 0)
        }
        Kind::Sentinel => {
            let (master, number) = path.split_once('/').unwrap_or((path, ""));
            if master.is_empty() {
                return invalid(
                    "the store URL does not contain the name of the master",
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

type UrlCredentials = (Option<String>, Option<SecretText>);

fn parse_credentials(user_info: &str) -> Result<UrlCredentials, InvalidStoreUrl> {
    let Some((username, password)) = user_info.split_once(':') else {
        return Ok((Some(decode(user_info)?), None));
    };
    if password.is_empty() {
        return invalid("the password in the store URL is empty", SIGN_IN);
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
            "the database in the store URL is not a number",
            "write the number of a Redis database, usually 0",
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
        return invalid(
            "the store URL contains too many hosts",
            "list a few of the servers; the others are discovered",
        );
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
        return invalid("a host in the store URL is missing or invalid", FORMS);
    }
    let port = match port.map(str::parse) {
        None => default,
        Some(Ok(port)) if port != 0 => port,
        Some(_) => return invalid("a port in the store URL is not between 1 and 65535", FORMS),
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
                "a % in the store URL is not followed by two hexadecimal digits",
                SIGN_IN,
            );
        };
        bytes.push(byte);
        rest = tail;
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => Ok(text),
        Ok(_) | Err(_) => invalid(
            "the store URL contains control characters or is not UTF-8",
            SIGN_IN,
        ),
    }
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
