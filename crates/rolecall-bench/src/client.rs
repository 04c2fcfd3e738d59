//! The portal interface as used by AWS clients: lists of 1,000 accounts, and credentials compared with direct calls to STS
//! with the same SDK.

use anyhow::ensure;
use rolecall_wire::secret::Secret;
use rolecall_wire::sso::{
    BEARER_TOKEN, GetRoleCredentialsRequest, ListAccountsRequest, ListAccountsResponse, MAX_RESULT,
    path,
};

use crate::Effort;
use crate::aws_client::AwsClient;
use crate::bench_stack::{ACCOUNT, BenchStack, PERMISSION_SET};
use crate::credentials::{self, IN_FLIGHT};
use crate::gateway::Gateway;
use crate::http::{Connection, get_with, with_header};
use crate::load::{self, HttpCaller};
use crate::report::Row;

/// Number of accounts of each user.
const ACCOUNTS: usize = 1_000;

/// Pages per second, and credentials compared with the floor.
pub async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let bench = BenchStack::start(1, ACCOUNTS).await?;
    let (gateway, _) = bench.gateway().await?;
    let cookies = bench.sign_in(&gateway, IN_FLIGHT).await?;
    let client = AwsClient::register(bench.host(), gateway.address).await?;
    let mut browser = bench.browser(&gateway).await?;
    let mut tokens = Vec::with_capacity(cookies.len());
    for cookie in &cookies {
        tokens.push(client.sign_in(&mut browser, cookie).await?);
    }

    let lists = lists(&bench, &gateway, &tokens, effort).await?;
    let role = GetRoleCredentialsRequest {
        role_name: PERMISSION_SET.to_owned(),
        account_id: ACCOUNT.to_owned(),
    };
    let request = get_with(bench.host(), path::GET_ROLE_CREDENTIALS, &role)?;
    let requests = tokens
        .iter()
        .map(|token| with_header(&request, BEARER_TOKEN, token.expose()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let subject = HttpCaller::all(gateway.address, requests).await?;
    let (floors, subjects) =
        credentials::beside_the_floor(&bench, &cookies[0], subject, effort).await?;
    let mut rows = credentials::rows("GetRoleCredentials", &floors, &subjects);
    rows.push(lists);
    Ok(rows)
}

/// `ListAccounts`: each caller requests all pages in turn.
async fn lists(
    bench: &BenchStack,
    gateway: &Gateway,
    tokens: &[Secret],
    effort: Effort,
) -> anyhow::Result<Row> {
    let mut pages = Vec::with_capacity(tokens.len());
    for token in tokens {
        pages.push(walk(bench, gateway, token).await?);
    }
    let callers = HttpCaller::in_turn(gateway.address, pages).await?;
    let (_, mut callers) = load::round(callers, effort.warm_up).await?;
    let mut rounds = Vec::new();
    for _ in 0..effort.rounds {
        let (round, again) = load::round(callers, effort.round).await?;
        (callers, _) = (again, rounds.push(round));
    }
    Ok(Row::plain(
        format!("ListAccounts, {MAX_RESULT} of {ACCOUNTS} accounts"),
        load::per_second(&rounds),
    ))
}

/// The requests for all pages of a user's accounts, from the token of each page.
async fn walk(
    bench: &BenchStack,
    gateway: &Gateway,
    token: &Secret,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut connection = Connection::open(gateway.address).await?;
    let (mut pages, mut listed) = (Vec::new(), 0);
    let mut query = ListAccountsRequest {
        max_result: MAX_RESULT.to_string(),
        next_token: String::new(),
    };
    loop {
        let request = get_with(bench.host(), path::LIST_ACCOUNTS, &query)?;
        let request = with_header(&request, BEARER_TOKEN, token.expose())?;
        let body = connection.exchange(&request).await?.body;
        let page: ListAccountsResponse<'_> = serde_json::from_slice(body)?;
        pages.push(request);
        let entries = page.account_list.len();
        ensure!(
            entries == MAX_RESULT,
            "expected a full page, not {entries} accounts"
        );
        listed += entries;
        match page.next_token {
            Some(next) if listed < ACCOUNTS => query.next_token = next,
            next => {
                ensure!(
                    listed == ACCOUNTS && next.is_none(),
                    "{listed} accounts and {next:?}"
                );
                return Ok(pages);
            }
        }
    }
}
