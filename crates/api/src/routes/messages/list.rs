//! `GET /messages`. Only the caller's project's: the reference shows everybody's to everybody.

use catalog::messages::TABLE;
use catalog::page::{Query, Scope};
use identity::Rule;
use serde_json::json;

use super::view::{MESSAGE, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::listing::{Listing, nothing_special};
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::reply::Reply;

static LISTING: Listing = Listing {
    table: &TABLE,
    resource: "message",
    thing: "Message",
    collection: "messages",
    links: "messages_links",
    rule: Rule::MessageGetAll,
    sort_by_name_since: u16::MAX,
    since: Microversion::v3(5),
    only: None,
    filters: &[],
    aliases: &[],
    special: nothing_special,
};

pub(super) static LIST: Operation = Operation::page("Lists messages.", &LISTING, &MESSAGE);

pub(super) async fn list(call: Call) -> Result<Reply, ApiError> {
    if call.version < LISTING.since {
        return all(&call).await;
    }
    let query = LISTING.query(&call)?;
    let page = call.catalog().messages(&query).await?.map_err(|_| LISTING.unknown_marker(&call))?;
    LISTING.reply(&call, &query, &page, "/messages", |row| view(&call, row), |row| row.id)
}

/// Before 3.5 there were no pages, no order and no filters: the query means nothing.
async fn all(call: &Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::MessageGetAll)?;
    let query = Query::newest(Scope::Project(call.project(Rule::MessageGetAll)?), call.settings().max_limit);
    let page = call.catalog().messages(&query).await?.map_err(|_| LISTING.unknown_marker(call))?;
    Reply::ok(&json!({ "messages": page.rows.iter().map(|row| view(call, row)).collect::<Vec<_>>() }))
}
