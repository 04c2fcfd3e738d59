//! The portal interface, as AWS's clients call it: lists of a thousand accounts, and credentials beside a plain loop of the
//! same SDK against the same STS.

use anyhow::ensure;
use serde_json::Value;

use crate::Effort;
use crate::aws_client::AwsClient;
use crate::credentials::{self, IN_FLIGHT};
use crate::gateway::Gateway;
use crate::http::{Connection, get, with_header};
use crate::load::{self, HttpCaller};
use crate::report::{Bound, Row};
use crate::world::{ACCOUNT, PERMISSION_SET, World};

/// Accounts of each person who lists them.
const ACCOUNTS: usize = 1_000;
/// `max_result`: as many as a page may have.
const PAGE: usize = 100;
const LISTS_MIN: f64 = 1_500.0;

/// Pages a second, and credentials as a share of the floor's.
pub async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let world = World::build(1, ACCOUNTS).await?;
    let (gateway, _) = world.gateway().await?;
    let cookies = world.sign_in(&gateway, IN_FLIGHT).await?;
    let client = AwsClient::register(world.host(), gateway.address).await?;
    let mut browser = world.browser(&gateway).await?;
    let mut tokens = Vec::with_capacity(cookies.len());
    for cookie in &cookies {
        tokens.push(client.sign_in(&mut browser, cookie).await?);
    }

    let lists = lists(&world, &gateway, &tokens, effort).await?;
    let path = format!("/federation/credentials?role_name={PERMISSION_SET}&account_id={ACCOUNT}");
    let requests = tokens
        .iter()
        .map(|token| with_token(&world, &path, token))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let subject = HttpCaller::all(gateway.address, requests).await?;
    let (floors, subjects) =
        credentials::beside_the_floor(&world, &cookies[0], subject, effort).await?;
    Ok(vec![
        credentials::share("GetRoleCredentials", &floors, &subjects),
        lists,
    ])
}

/// ListAccounts: each caller goes from page to page, and again from the first.
async fn lists(
    world: &World,
    gateway: &Gateway,
    tokens: &[String],
    effort: Effort,
) -> anyhow::Result<Row> {
    let mut pages = Vec::with_capacity(tokens.len());
    for token in tokens {
        pages.push(walk(world, gateway, token).await?);
    }
    let callers = HttpCaller::in_turn(gateway.address, pages).await?;
    let (_, mut callers) = load::round(callers, effort.warm_up).await?;
    let mut rounds = Vec::new();
    for _ in 0..effort.rounds {
        let (round, again) = load::round(callers, effort.round).await?;
        (callers, _) = (again, rounds.push(round));
    }
    Ok(Row::plain(
        format!("ListAccounts, {PAGE} of {ACCOUNTS} accounts"),
        load::per_second(&rounds),
        Bound::AtLeast(LISTS_MIN),
    ))
}

/// The requests for all pages of a person's accounts, by the way that each page says.
async fn walk(world: &World, gateway: &Gateway, token: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut connection = Connection::open(gateway.address).await?;
    let (mut pages, mut seen) = (Vec::new(), 0);
    let mut path = format!("/assignment/accounts?max_result={PAGE}");
    loop {
        let request = with_token(world, &path, token)?;
        let page: Value = serde_json::from_slice(connection.exchange(&request).await?.body)?;
        pages.push(request);
        let entries = page["accountList"].as_array().map_or(0, Vec::len);
        ensure!(entries == PAGE, "not a page: {page}");
        seen += entries;
        match page["nextToken"].as_str() {
            Some(next) if seen < ACCOUNTS => {
                path = format!("/assignment/accounts?max_result={PAGE}&next_token={next}");
            }
            next => {
                ensure!(
                    seen == ACCOUNTS && next.is_none(),
                    "{seen} accounts and {next:?}"
                );
                return Ok(pages);
            }
        }
    }
}

fn with_token(world: &World, path: &str, token: &str) -> anyhow::Result<Vec<u8>> {
    with_header(
        &get(world.host(), path, ""),
        "x-amz-sso_bearer_token",
        token,
    )
}
