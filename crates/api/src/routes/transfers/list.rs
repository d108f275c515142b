//! `GET /volume-transfers`, `GET /volume-transfers/detail` (API spec 11.3).

use catalog::page::{Page, Query, Scope};
use catalog::transfers::{TABLE, Transfer};
use identity::Rule;
use serde_json::{Value, json};

use super::view;
use crate::call::Call;
use crate::fault::ApiError;
use crate::listing::{Listing, nothing_special};
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::query::boolean;
use crate::reply::Reply;

static LISTING: Listing = Listing {
    table: &TABLE,
    resource: "transfer",
    thing: "Transfer",
    collection: "transfers",
    links: "transfers_links",
    rule: Rule::TransferGetAll,
    sort_by_name_since: 0,
    aliases: &[("name", "display_name", 0)],
    since: Microversion::v3(PAGES),
    only: None,
    filters: &[],
    special: nothing_special,
};

/// The version since which there are pages, an order and filters.
const PAGES: u16 = 59;

pub(super) static SUMMARY: Operation = Operation::page("Lists transfers.", &LISTING, &view::SUMMARY);

pub(super) async fn summary(call: Call) -> Result<Reply, ApiError> {
    list(&call, "/volume-transfers", view::summary).await
}

pub(super) static DETAIL: Operation =
    Operation::page("Lists transfers with all that is known of them.", &LISTING, &view::DETAIL);

pub(super) async fn detail(call: Call) -> Result<Reply, ApiError> {
    list(&call, "/volume-transfers/detail", view::detail).await
}

async fn list(call: &Call, path: &str, view: fn(&Call, &Transfer) -> Value) -> Result<Reply, ApiError> {
    let paged = call.has(PAGES);
    let query = if paged { LISTING.query(call)? } else { everything(call)? };
    let page: Page<Transfer> = call.catalog().transfers(&query).await?.map_err(|_| LISTING.unknown_marker(call))?;
    if paged {
        return LISTING.reply(call, &query, &page, path, |row| view(call, row), |row| row.id);
    }
    Reply::ok(&json!({ "transfers": page.rows.iter().map(|row| view(call, row)).collect::<Vec<_>>() }))
}

/// Of the query only `all_tenants` means something, and only to administrators.
fn everything(call: &Call) -> Result<Query, ApiError> {
    call.allow_own(Rule::TransferGetAll)?;
    let all = call.context.is_admin && call.query.get("all_tenants").and_then(boolean).unwrap_or(false);
    let scope = if all { Scope::Every } else { Scope::Project(call.project_or_none()) };
    Ok(Query::newest(scope, call.settings().max_limit))
}
