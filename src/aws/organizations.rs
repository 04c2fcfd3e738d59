//! AWS Organizations through the SDK, for `rolecalld accounts import --live`.
//!
//! It lists the roots, walks through the organizational units, lists the accounts of each, and then the tags of each active
//! account. Requests are spread over time: Organizations permits about ten a second for each operation.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::Region as SdkRegion;
use aws_config::retry::RetryConfig;
use aws_sdk_organizations::Client;
use aws_sdk_organizations::config::Builder;
use aws_sdk_organizations::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_organizations::types::Account;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rolecall_core::aws::{AccountId, Partition};
use rolecall_core::base::{limits, text};
use rolecall_core::organization::{
    AccountState, Hierarchy, HierarchyError, Organization, OrganizationAccount, Parent,
};
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};
use url::Url;

use super::ShellAws;

/// Requests at the same time.
const CONCURRENCY: usize = 4;
/// Time between the starts of two requests.
const PACE: Duration = Duration::from_millis(110);
/// Attempts of a request that AWS throttles or does not answer.
const ATTEMPTS_MAX: u32 = 8;
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(20);
/// AWS permits 2,000 organizational units, and more on request.
const UNITS_MAX: usize = 50_000;

/// How far the listing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrganizationsProgress {
    /// Organizational units so far, roots included.
    pub units: usize,
    /// Accounts so far.
    pub accounts: usize,
    /// Accounts whose tags are known.
    pub tagged: usize,
}

/// Why the organization could not be listed.
#[derive(Debug)]
pub enum OrganizationsError {
    /// A request failed.
    Request {
        /// The operation, such as `ListRoots`.
        operation: &'static str,
        /// The error code of AWS; empty if AWS did not respond.
        code: String,
        /// The error, in one line.
        message: String,
    },
    /// A response is not as expected.
    Response(String),
    /// The tree changed while it was listed.
    Hierarchy(HierarchyError),
    /// More than the limit.
    TooMany(&'static str, usize),
}

impl fmt::Display for OrganizationsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request {
                operation, message, ..
            } => write!(f, "organizations:{operation}: {message}"),
            Self::Response(message) => f.write_str(message),
            Self::Hierarchy(error) => error.fmt(f),
            Self::TooMany(what, max) => write!(f, "the organization has more than {max} {what}"),
        }
    }
}

impl std::error::Error for OrganizationsError {}

impl OrganizationsError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Request { code, .. } => match code.as_str() {
                "AccessDeniedException" => {
                    "use credentials of the management account or of a delegated administrator with the policy in docs/accounts.md"
                }
                "AWSOrganizationsNotInUseException" => {
                    "use credentials of an account of the organization"
                }
                "TooManyRequestsException" => {
                    "other clients use up the request quota: try again later"
                }
                "" => {
                    "sign in and set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws sts get-caller-identity` shows whether they are accepted"
                }
                _ => {
                    "`aws sts get-caller-identity` shows whether the credentials of this shell are accepted"
                }
            },
            Self::Response(_) => "save the responses with the AWS CLI and import the files",
            Self::Hierarchy(_) => "run the command again",
            Self::TooMany(..) => {
                "save the responses of a part of the organization and import the files"
            }
        }
    }
}

/// AWS Organizations. Cheap to clone.
#[derive(Clone)]
pub struct OrganizationsClient {
    client: Client,
    pace: Arc<Mutex<Interval>>,
}

impl OrganizationsClient {
    /// Organizations in this partition, with the credentials of the shell. `endpoint` replaces the endpoint of AWS, as do
    /// `AWS_ENDPOINT_URL_ORGANIZATIONS` and the profile. Requests that AWS throttles or does not answer are repeated.
    pub fn new(shell: &ShellAws, partition: Partition, endpoint: Option<&Url>) -> Self {
        let retry = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS_MAX)
            .with_initial_backoff(BACKOFF_FIRST)
            .with_max_backoff(BACKOFF_MAX);
        let mut config = Builder::from(shell.config())
            .region(SdkRegion::new(region(partition)))
            .retry_config(retry);
        if let Some(endpoint) = endpoint {
            config = config.endpoint_url(endpoint.as_str());
        }
        Self::paced(Client::from_conf(config.build()), PACE)
    }

    /// Organizations through this client, with this time between the starts of two requests.
    fn paced(client: Client, pace: Duration) -> Self {
        let mut pace = interval(pace.max(Duration::from_micros(1)));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            client,
            pace: Arc::new(Mutex::new(pace)),
        }
    }

    /// Lists the whole organization.
    ///
    /// # Errors
    /// If a request fails after several attempts, or a response is not as expected.
    pub async fn list(
        &self,
        progress: &(dyn Fn(OrganizationsProgress) + Sync),
    ) -> Result<Organization, OrganizationsError> {
        let mut so_far = OrganizationsProgress::default();
        let mut hierarchy = Hierarchy::default();
        let mut organization = Organization::default();
        let roots = self.roots().await?;
        let mut open: VecDeque<(String, Parent)> =
            roots.into_iter().map(|id| (id, Parent::Root)).collect();
        while !open.is_empty() {
            let level: Vec<(String, Parent)> = open.drain(..).collect();
            let mut listed = stream::iter(level)
                .map(|(id, parent)| async move {
                    let (units, accounts) = (self.units(&id).await?, self.accounts(&id).await?);
                    Ok::<_, OrganizationsError>((parent, units, accounts))
                })
                .buffered(CONCURRENCY);
            while let Some((parent, units, accounts)) = listed.try_next().await? {
                so_far.units += 1;
                for (id, name) in units {
                    hierarchy
                        .name(&id, &name)
                        .map_err(OrganizationsError::Hierarchy)?;
                    hierarchy
                        .place(&id, parent.clone())
                        .map_err(OrganizationsError::Hierarchy)?;
                    let inside = Parent::Unit(id.clone());
                    open.push_back((id, inside));
                }
                if so_far.units + open.len() > UNITS_MAX {
                    return Err(OrganizationsError::TooMany(
                        "organizational units",
                        UNITS_MAX,
                    ));
                }
                for (id, account) in accounts {
                    hierarchy
                        .place(id.as_str(), parent.clone())
                        .map_err(OrganizationsError::Hierarchy)?;
                    organization.accounts.insert(id, account);
                }
                so_far.accounts = organization.accounts.len();
                if so_far.accounts > limits::POLICY_ENTRIES_MAX {
                    return Err(OrganizationsError::TooMany(
                        "accounts",
                        limits::POLICY_ENTRIES_MAX,
                    ));
                }
                progress(so_far);
            }
        }
        for (id, account) in &mut organization.accounts {
            account.placement = hierarchy
                .placement(id.as_str())
                .map_err(OrganizationsError::Hierarchy)?;
        }
        self.tag(&mut organization, so_far, progress).await?;
        Ok(organization)
    }

    /// Adds the tags of the active accounts.
    async fn tag(
        &self,
        organization: &mut Organization,
        mut so_far: OrganizationsProgress,
        progress: &(dyn Fn(OrganizationsProgress) + Sync),
    ) -> Result<(), OrganizationsError> {
        let accounts = organization.accounts.iter();
        let active = accounts.filter(|(_, account)| account.state.is_active());
        let active: Vec<AccountId> = active.map(|(id, _)| id.clone()).collect();
        let mut tagged = stream::iter(active)
            .map(|id| async move {
                let tags = self.tags(id.as_str()).await?;
                Ok::<_, OrganizationsError>((id, tags))
            })
            .buffered(CONCURRENCY);
        while let Some((id, tags)) = tagged.try_next().await? {
            if let Some(account) = organization.accounts.get_mut(&id) {
                account.tags = Some(tags.into_iter().collect());
            }
            so_far.tagged += 1;
            progress(so_far);
        }
        Ok(())
    }

    async fn roots(&self) -> Result<Vec<String>, OrganizationsError> {
        let mut pages = self.client.list_roots().into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = self.turn(pages.next()).await {
            let page = page.map_err(|error| failed("ListRoots", &error))?;
            found.extend(
                page.roots()
                    .iter()
                    .filter_map(|root| root.id().map(str::to_owned)),
            );
        }
        Ok(found)
    }

    async fn units(&self, parent: &str) -> Result<Vec<(String, String)>, OrganizationsError> {
        const OPERATION: &str = "ListOrganizationalUnitsForParent";
        let request = self.client.list_organizational_units_for_parent();
        let mut pages = request.parent_id(parent).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = self.turn(pages.next()).await {
            let page = page.map_err(|error| failed(OPERATION, &error))?;
            for unit in page.organizational_units() {
                let (id, name) = (unit.id(), unit.name());
                let (id, name) = id.zip(name).ok_or_else(|| unexpected(OPERATION))?;
                found.push((id.to_owned(), name.to_owned()));
            }
        }
        Ok(found)
    }

    async fn accounts(
        &self,
        parent: &str,
    ) -> Result<Vec<(AccountId, OrganizationAccount)>, OrganizationsError> {
        const OPERATION: &str = "ListAccountsForParent";
        let request = self.client.list_accounts_for_parent();
        let mut pages = request.parent_id(parent).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = self.turn(pages.next()).await {
            let page = page.map_err(|error| failed(OPERATION, &error))?;
            for account in page.accounts() {
                found.push(parsed(account).ok_or_else(|| unexpected(OPERATION))?);
            }
        }
        Ok(found)
    }

    async fn tags(&self, account: &str) -> Result<Vec<(String, String)>, OrganizationsError> {
        let request = self.client.list_tags_for_resource();
        let mut pages = request.resource_id(account).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = self.turn(pages.next()).await {
            let page = page.map_err(|error| failed("ListTagsForResource", &error))?;
            let tags = page.tags().iter();
            found.extend(tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned())));
        }
        Ok(found)
    }

    /// Waits until the next request may start.
    async fn turn<T>(&self, request: impl Future<Output = T>) -> T {
        self.pace.lock().await.tick().await;
        request.await
    }
}

/// The account; `None` if its ID, name or state is missing.
fn parsed(account: &Account) -> Option<(AccountId, OrganizationAccount)> {
    let id = AccountId::parse(account.id()?).ok()?;
    let state = account.state().map(|state| state.as_str());
    let status = || account.status().map(|status| status.as_str());
    let account = OrganizationAccount {
        name: account.name().unwrap_or_default().to_owned(),
        state: AccountState::parse(state.or_else(status)?),
        placement: None,
        tags: None,
    };
    Some((id, account))
}

fn failed<E>(operation: &'static str, error: &SdkError<E>) -> OrganizationsError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    const MESSAGE_CHARS_MAX: usize = 400;
    let message = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => text::chain(error),
    };
    OrganizationsError::Request {
        operation,
        code: error.code().unwrap_or_default().to_owned(),
        message: text::one_line(&message, MESSAGE_CHARS_MAX),
    }
}

fn unexpected(operation: &'static str) -> OrganizationsError {
    OrganizationsError::Response(format!(
        "the response of organizations:{operation} is incomplete"
    ))
}

/// The Region of the only endpoint of Organizations in the partition.
fn region(partition: Partition) -> &'static str {
    match partition {
        Partition::Aws => "us-east-1",
        Partition::China => "cn-northwest-1",
        Partition::GovCloud => "us-gov-west-1",
        Partition::EuropeanSovereign => "eusc-de-east-1",
    }
}
