//! Parsing of store URLs, valid and invalid.

use super::*;

fn parse(text: &str) -> RedisUrl {
    match text.parse() {
        Ok(StoreUrl::Redis(url)) => url,
        other => panic!("{text}: {other:?}"),
    }
}

fn host(name: &str, port: u16) -> Host {
    Host {
        name: name.to_owned(),
        port,
    }
}

#[test]
fn single_server_urls_are_parsed() {
    let url = parse("rediss://app:p%40ss%2F@cache.example.com:6380/3?ca=/etc/ca.pem");
    assert!(matches!(url.topology, Topology::Single(h) if h == host("cache.example.com", 6380)));
    assert!(url.tls);
    assert_eq!(url.database, 3);
    assert_eq!(url.ca, Some(PathBuf::from("/etc/ca.pem")));
    assert_eq!(url.username.as_deref(), Some("app"));
    assert_eq!(url.password.unwrap().expose(), "p@ss/");
    let url = parse("redis://:secret@[::1]");
    assert!(matches!(url.topology, Topology::Single(h) if h == host("::1", 6379)));
    assert_eq!(url.username, None);
}

#[test]
fn socket_urls_are_parsed() {
    for text in [
        "redis+unix:///run/redis.sock?db=2",
        "unix:///run/redis.sock?db=2",
    ] {
        let url = parse(text);
        assert!(
            matches!(url.topology, Topology::Socket(p) if p.to_str() == Some("/run/redis.sock"))
        );
        assert_eq!(url.database, 2);
    }
}

#[test]
fn cluster_and_sentinel_urls_are_parsed() {
    let url = parse("redis-cluster://u:p@a:1,b:2,[fe80::1]:3");
    let Topology::Cluster(hosts) = url.topology else {
        panic!("a cluster")
    };
    assert_eq!(hosts, [host("a", 1), host("b", 2), host("fe80::1", 3)]);

    let url = parse("rediss-sentinel://a,b:2/mymaster/1?sentinel_password=s");
    let Topology::Sentinel {
        sentinels,
        master,
        username,
        password,
    } = url.topology
    else {
        panic!("sentinels")
    };
    assert_eq!(sentinels, [host("a", 26379), host("b", 2)]);
    assert_eq!(
        (master.as_str(), username, url.database),
        ("mymaster", None, 1)
    );
    assert_eq!(password.unwrap().expose(), "s");
}

#[test]
fn file_and_memory_urls_are_parsed() {
    for text in ["sqlite:rolecall.db", "sqlite://rolecall.db"] {
        assert!(
            matches!(text.parse(), Ok(StoreUrl::Sqlite(p)) if p.to_str() == Some("rolecall.db"))
        );
    }
    assert!(matches!("memory:".parse(), Ok(StoreUrl::Memory)));
}

#[test]
fn invalid_urls_have_a_hint_and_hide_the_password() {
    for text in [
        "",
        ":",
        "redis",
        "redis:",
        "redis:localhost",
        "redis://",
        "redis:///0",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://a,b",
        "redis://h/x",
        "redis://h/70000",
        "redis://u:@h",
        "redis://u:hunter2%@h",
        "redis://u:hunter2%0@h",
        "redis://u:hunter2%00@h",
        "redis://u:hunter2%ff@h",
        "redis://u:hunter2@",
        "redis://h h",
        "redis://h?ca=x",
        "redis://h?tls=no",
        "rediss://h?hunter2",
        "redis+unix://run/x",
        "redis+unix:///",
        "redis-cluster://a,b/1",
        "redis-cluster://",
        "redis-cluster://a,,b",
        "redis-sentinel://a",
        "redis-sentinel://a/",
        "redis-sentinel:///m",
        "redis-sentinel://a/m/x",
        "sqlite:",
        "sqlite://",
        "sqlite::memory:",
        "sqlite:a?mode=rwc",
        "memory:x",
        "memory://",
        "http://h",
        "postgres://h",
        "REDIS://h",
    ] {
        let error = text.parse::<StoreUrl>().expect_err(text);
        assert!(!error.hint().is_empty());
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
    }
    let many = format!("redis-cluster://{}h", "h,".repeat(HOSTS_MAX));
    assert!(many.parse::<StoreUrl>().is_err());
}

#[test]
fn password_keys_are_added_to_the_url() {
    let with = |url: &str, password: Option<&str>, sentinel: Option<&str>| {
        let url: StoreUrl = url.parse().unwrap();
        url.with_passwords(password.map(SecretText::new), sentinel.map(SecretText::new))
    };
    let Ok(StoreUrl::Redis(url)) = with("redis://u@h", Some("p"), None) else {
        panic!("the password belongs to the user");
    };
    assert_eq!(url.username.as_deref(), Some("u"));
    assert_eq!(url.password.unwrap().expose(), "p");
    assert!(with("redis://h", Some("p"), None).is_ok());
    let Ok(StoreUrl::Redis(url)) = with("redis-sentinel://a/m", Some("p"), Some("s")) else {
        panic!("both have one");
    };
    let Topology::Sentinel { password, .. } = url.topology else {
        panic!("sentinels");
    };
    assert_eq!(password.unwrap().expose(), "s");
    for (url, password, sentinel) in [
        ("redis://hunter2@h", None, None),
        ("redis://u:hunter2@h", Some("hunter2"), None),
        ("redis://h", None, Some("hunter2")),
        (
            "redis-sentinel://a/m?sentinel_password=hunter2",
            None,
            Some("x"),
        ),
        ("sqlite:a", Some("hunter2"), None),
        ("memory:", None, Some("hunter2")),
    ] {
        let error = with(url, password, sentinel).expect_err(url);
        assert!(!error.hint().is_empty());
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}");
    }
}

#[test]
fn password_in_the_url_is_detected() {
    let holds = |url: &str| url.parse::<StoreUrl>().unwrap().holds_password();
    assert!(holds("redis://u:p@h") && holds("redis-sentinel://a/m?sentinel_password=s"));
    assert!(!holds("redis://u@h") && !holds("redis-sentinel://a/m") && !holds("memory:"));
}

#[test]
fn debug_output_hides_passwords() {
    let shown = format!(
        "{:?}",
        "redis-sentinel://u:hunter2@a/m?sentinel_password=hunter2".parse::<StoreUrl>()
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}
