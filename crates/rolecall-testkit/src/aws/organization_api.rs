//! The JSON protocol of AWS Organizations: lists of roots, organizational units, accounts, parents and tags.
//!
//! Requests need a signature and the permission for their action. Lists have pages of at most 20 members, as in AWS.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::authorize::{Call, Caller};
use super::fault::Effect;
use super::organization::ID;
use super::sigv4;
use super::state::AwsState;
use crate::iam::RequestContext;

/// ID of the root.
pub(super) const ROOT: &str = "r-emul";
const PAGE_MAX: usize = 20;

/// A member account of the organization.
#[derive(Clone, Debug, Default)]
pub struct MemberAccount {
    /// Account ID.
    pub id: String,
    /// Name: any characters.
    pub name: String,
    /// `State`; empty: `ACTIVE`.
    pub state: String,
    /// Tags.
    pub tags: Vec<(String, String)>,
}

/// Units and accounts, with the ID of their parent.
#[derive(Default)]
pub(super) struct Members {
    units: BTreeMap<String, (String, String)>,
    accounts: BTreeMap<String, (MemberAccount, String)>,
}

impl Members {
    /// Adds an organizational unit and returns its ID.
    pub fn add_unit(&mut self, parent: &str, name: &str) -> String {
        let id = format!("ou-emul-{:08}", self.units.len());
        self.units
            .insert(id.clone(), (name.to_owned(), parent.to_owned()));
        id
    }

    /// Adds an account, or moves it.
    pub fn add_account(&mut self, parent: &str, account: MemberAccount) {
        self.accounts
            .insert(account.id.clone(), (account, parent.to_owned()));
    }

    fn answer(&self, operation: &str, request: &Value) -> Result<Value, Refused> {
        let field = |name: &str| request[name].as_str().unwrap_or_default();
        let parent = field("ParentId");
        let is_parent = parent == ROOT || self.units.contains_key(parent);
        match operation {
            "ListRoots" => page(
                request,
                "Roots",
                vec![json!({
                    "Id": ROOT, "Name": "Root", "PolicyTypes": [],
                    "Arn": format!("arn:aws:organizations::000000000000:root/{ID}/{ROOT}")
                })],
            ),
            "ListOrganizationalUnitsForParent" | "ListAccountsForParent" if !is_parent => {
                Err(Refused::new(
                    "ParentNotFoundException",
                    "You specified a parent that doesn't exist.",
                ))
            }
            "ListOrganizationalUnitsForParent" => {
                let below = self.units.iter().filter(|(_, (_, above))| above == parent);
                page(
                    request,
                    "OrganizationalUnits",
                    below
                        .map(|(id, (name, _))| json!({"Id": id, "Name": name}))
                        .collect(),
                )
            }
            "ListAccountsForParent" => {
                let inside = self.accounts.values().filter(|(_, above)| above == parent);
                page(
                    request,
                    "Accounts",
                    inside.map(|(account, _)| described(account)).collect(),
                )
            }
            "ListAccounts" => page(
                request,
                "Accounts",
                self.accounts
                    .values()
                    .map(|(account, _)| described(account))
                    .collect(),
            ),
            "ListParents" => {
                let child = field("ChildId");
                let account = self.accounts.get(child).map(|(_, above)| above);
                let above = account.or_else(|| self.units.get(child).map(|(_, above)| above));
                let above = above.ok_or(Refused::new(
                    "ChildNotFoundException",
                    "You specified a child that doesn't exist.",
                ))?;
                let kind = if above == ROOT {
                    "ROOT"
                } else {
                    "ORGANIZATIONAL_UNIT"
                };
                page(request, "Parents", vec![json!({"Id": above, "Type": kind})])
            }
            "ListTagsForResource" => {
                let account = self.accounts.get(field("ResourceId"));
                let (account, _) = account.ok_or(Refused::new(
                    "TargetNotFoundException",
                    "You specified a target that doesn't exist.",
                ))?;
                page(
                    request,
                    "Tags",
                    account
                        .tags
                        .iter()
                        .map(|(key, value)| json!({"Key": key, "Value": value}))
                        .collect(),
                )
            }
            _ => Err(Refused::new("UnknownOperationException", "")),
        }
    }
}

/// An error response.
struct Refused {
    code: &'static str,
    message: String,
}

impl Refused {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }
}

fn described(account: &MemberAccount) -> Value {
    let state = if account.state.is_empty() {
        "ACTIVE"
    } else {
        &account.state
    };
    json!({
        "Id": account.id, "Name": account.name, "State": state, "JoinedMethod": "CREATED", "JoinedTimestamp": 1_767_225_600.5,
        "Arn": format!("arn:aws:organizations::000000000000:account/{ID}/{}", account.id),
        "Email": format!("{}@example.com", account.id)
    })
}

/// A page of the members: `MaxResults` of them, at most 20, from the position in `NextToken`.
fn page(request: &Value, name: &str, members: Vec<Value>) -> Result<Value, Refused> {
    let invalid = || {
        Refused::new(
            "InvalidInputException",
            "You provided a value that does not match the required pattern.",
        )
    };
    let start = match request["NextToken"].as_str() {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|at| at.parse().ok())
            .ok_or_else(invalid)?,
    };
    let size = request["MaxResults"]
        .as_u64()
        .and_then(|size| usize::try_from(size).ok());
    let end = members
        .len()
        .min(start + size.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX));
    let mut response = json!({ name: members.get(start..end).ok_or_else(invalid)? });
    if end < members.len() {
        response["NextToken"] = json!(format!("page-{end}"));
    }
    Ok(response)
}

/// The operation of Organizations that the request is for; `None` if it is for another service.
pub(super) fn operation(request: &HttpRequest) -> Option<&str> {
    let target = request.headers().get("x-amz-target")?.to_str().ok()?;
    target.strip_prefix("AWSOrganizationsV20161128.")
}

/// Answers a request to Organizations.
pub(super) fn answer(
    state: &AwsState,
    request: &HttpRequest,
    body: &[u8],
    fault: Option<Effect>,
) -> HttpResponse {
    let request_id = state.next_request_id();
    let (status, body) = match respond(state, request, body, fault) {
        Ok(response) => (StatusCode::OK, response),
        Err(Refused { code, message }) => (
            StatusCode::BAD_REQUEST,
            json!({"__type": code, "Message": message}),
        ),
    };
    HttpResponse::build(status)
        .content_type("application/x-amz-json-1.1")
        .insert_header(("x-amzn-RequestId", request_id))
        .body(body.to_string())
}

fn respond(
    state: &AwsState,
    request: &HttpRequest,
    body: &[u8],
    fault: Option<Effect>,
) -> Result<Value, Refused> {
    if fault.is_some() {
        return Err(Refused::new(
            "TooManyRequestsException",
            "AWS Organizations can't complete your request because another request is already in progress.",
        ));
    }
    let operation = operation(request).unwrap_or_default();
    let signer = sigv4::signer(state, request, body, "organizations").map_err(|error| {
        let code = match error.code.wire().0 {
            "MissingAuthenticationToken" => "MissingAuthenticationTokenException",
            "InvalidClientTokenId" => "UnrecognizedClientException",
            "ExpiredToken" | "ExpiredTokenException" => "ExpiredTokenException",
            _ => "InvalidSignatureException",
        };
        Refused::new(code, error.message)
    })?;
    let action = format!("organizations:{operation}");
    let call = Call {
        caller: Caller::Signer(&signer),
        action: &action,
        resource: "*",
        trust: None,
        context: RequestContext::default(),
    };
    let decision = call.decide(state);
    if !decision.is_ok_and(|decision| decision.is_allowed()) {
        return Err(Refused::new(
            "AccessDeniedException",
            format!(
                "User: {} is not authorized to perform: {action}",
                signer.arn()
            ),
        ));
    }
    let body: Value = serde_json::from_slice(body)
        .map_err(|_| Refused::new("SerializationException", "not JSON"))?;
    state.organization.members().answer(operation, &body)
}
