//! The portal interface, as AWS's clients call it: a list out of a thousand accounts, and credentials beside a plain loop
//! of the same SDK against the same STS.

use anyhow::{Context as _, ensure};
use rolecall_core::secret::AccessToken;
use serde_json::Value;

use crate::Effort;
use crate::credentials::{self, IN_FLIGHT};
use crate::figures::Unit;
use crate::http::{Connection, get, post};
use crate::load::{self, HttpCaller};
use crate::report::{Bound, Row};
use crate::world::{ACCOUNT, PERMISSION_SET, World};

/// Accounts of the person who lists them.
const ACCOUNTS: usize = 1_000;
const LISTS_MIN: f64 = 1_500.0;
const PERCENT_MIN: f64 = 50.0;
/// `grant_type` of the device flow (RFC 8628 3.4).
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Lists a second, and credentials as a share of the floor's.
pub async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let world = World::build(1, ACCOUNTS).await?;
    let (gateway, _) = world.gateway().await?;
    let cookies = world.sign_in(&gateway, 1).await?;
    let cookie = cookies.first().context("nobody signed in")?;
    let mut connection = Connection::open(gateway.address).await?;
    let token = let_in(&world, &mut connection, cookie).await?;
    let request = |path: &str| with_token(&world, path, &token);

    let list = request("/assignment/accounts");
    let shown = connection.exchange(&list).await?;
    let listed: Value = serde_json::from_slice(shown.body)?;
    let page = listed["accountList"].as_array().map_or(0, Vec::len);
    ensure!(page == 100 && listed["nextToken"].is_string(), "{listed}");
    let lists = HttpCaller::all(gateway.address, vec![list; IN_FLIGHT]).await?;
    let (_, mut lists) = load::round(lists, effort.warm_up).await?;
    let mut listing = Vec::new();
    for _ in 0..effort.rounds {
        let (round, again) = load::round(lists, effort.round).await?;
        (lists, _) = (again, listing.push(round));
    }

    let path = format!("/federation/credentials?role_name={PERMISSION_SET}&account_id={ACCOUNT}");
    let issues = vec![request(&path); IN_FLIGHT];
    let issues = HttpCaller::all(gateway.address, issues).await?;
    let (floors, subjects) = credentials::beside_the_floor(&world, cookie, issues, effort).await?;
    let (measured, floor) = (load::per_second(&subjects), load::per_second(&floors));
    Ok(vec![
        Row::plain(
            format!("ListAccounts, 100 of {ACCOUNTS} accounts"),
            load::per_second(&listing),
            Bound::AtLeast(LISTS_MIN),
        ),
        Row {
            what: format!("GetRoleCredentials, {IN_FLIGHT} in flight"),
            value: measured.median() / floor.median() * 100.0,
            measured,
            floor: Some(floor),
            unit: Unit::Percent,
            bound: Bound::AtLeast(PERCENT_MIN),
        },
    ])
}

fn with_token(world: &World, path: &str, token: &AccessToken) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: rolecall-bench\r\nx-amz-sso_bearer_token: {}\r\n\r\n",
        world.host(),
        token.expose()
    )
    .into_bytes()
}

/// Lets a client in with a code, as whoever holds the cookie.
async fn let_in(
    world: &World,
    connection: &mut Connection,
    cookie: &str,
) -> anyhow::Result<AccessToken> {
    let host = world.host();
    let registration = br#"{"clientName":"rolecall-bench","clientType":"public"}"#;
    let head = format!(
        "POST /client/register HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        registration.len()
    );
    let client = ask(connection, &[head.as_bytes(), registration].concat()).await?;
    let (id, secret) = (text(&client, "clientId")?, text(&client, "clientSecret")?);
    let own = [("client_id", id.as_str()), ("client_secret", &secret)];
    let device = ask(connection, &post(host, "/device_authorization", "", &own)).await?;
    let code = text(&device, "user_code")?;
    let page = get(host, &format!("/device?user_code={code}"), cookie);
    let csrf = connection.exchange(&page).await?.field("csrf")?;
    let answer = [
        ("csrf", csrf.as_str()),
        ("user_code", &code),
        ("retyped", &code[code.len() - 4..]),
        ("decision", "allow"),
    ];
    let allowed = connection
        .exchange(&post(host, "/device", cookie, &answer))
        .await?;
    ensure!(allowed.status == 200, "answered {}", allowed.status);
    let device_code = text(&device, "device_code")?;
    let redeem = [
        own[0],
        own[1],
        ("grant_type", DEVICE_CODE),
        ("device_code", &device_code),
    ];
    let tokens = ask(connection, &post(host, "/token", "", &redeem)).await?;
    Ok(AccessToken::new(text(&tokens, "access_token")?))
}

/// Asks, for JSON of a 200.
pub async fn ask(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Value> {
    let answer = connection.exchange(request).await?;
    let body = String::from_utf8_lossy(answer.body).into_owned();
    ensure!(answer.status == 200, "answered {}: {body}", answer.status);
    Ok(serde_json::from_str(&body)?)
}

/// A text of an answer.
pub fn text(answer: &Value, member: &str) -> anyhow::Result<String> {
    let text = answer[member].as_str();
    Ok(text
        .with_context(|| format!("no {member}: {answer}"))?
        .to_owned())
}
