//! `GET /snapshots`, `GET /snapshots/detail` (API spec 6, 11.2).

use catalog::page::Filter;
use catalog::snapshots::{Snapshot, TABLE};
use identity::Rule;
use serde_json::Value;

use super::views;
use crate::call::Call;
use crate::fault::ApiError;
use crate::listing::Listing;
use crate::metadata_filter;
use crate::microversion::Microversion;
use crate::openapi::{Form, Operation, Parameter};
use crate::reply::Reply;

/// The version in which metadata became a filter.
const METADATA_FILTER: u16 = 22;

static LISTING: Listing = Listing {
    table: &TABLE,
    resource: "snapshot",
    thing: "Snapshot",
    collection: "snapshots",
    links: "snapshots_links",
    rule: Rule::SnapshotGetAll,
    sort_by_name_since: 30,
    since: Microversion::MIN,
    only: None,
    filters: &[Parameter::query("metadata", Form::Text, "Only records with these pairs: `{'key': 'value'}`.")
        .since(Microversion::v3(METADATA_FILTER))],
    aliases: &[
        ("name", "display_name", 0),
        ("description", "display_description", 31),
        ("size", "volume_size", 0),
        ("consumes_quota", "use_quota", 65),
    ],
    special,
};

pub(super) static SUMMARY: Operation = Operation::page("Lists snapshots.", &LISTING, &views::SUMMARY);

pub(super) async fn summary(call: Call) -> Result<Reply, ApiError> {
    list(call, "/snapshots", views::summary).await
}

pub(super) static DETAIL: Operation =
    Operation::page("Lists snapshots with all that is known of them.", &LISTING, &views::FULL);

pub(super) async fn detail(call: Call) -> Result<Reply, ApiError> {
    list(call, "/snapshots/detail", views::full).await
}

async fn list(call: Call, path: &str, view: fn(&Call, &Snapshot) -> Value) -> Result<Reply, ApiError> {
    let query = LISTING.query(&call)?;
    let page = call.catalog().snapshots(&query).await?.map_err(|_| LISTING.unknown_marker(&call))?;
    LISTING.reply(&call, &query, &page, path, |snapshot| view(&call, snapshot), |snapshot| snapshot.id)
}

fn special(call: &Call, key: &str, value: &str) -> Option<Result<Filter, ApiError>> {
    match key {
        "metadata" if call.has(METADATA_FILTER) => Some(Ok(metadata_filter::filter("s.metadata", value))),
        // not a filter yet, and dropped rather than refused
        "metadata" => Some(Ok(Filter::All(Vec::new()))),
        _ => None,
    }
}
