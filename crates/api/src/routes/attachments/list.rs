//! `GET /attachments`, `GET /attachments/detail` (API spec 6, 11.1).

use catalog::attachments::{Attachment, TABLE};
use identity::Rule;
use serde_json::Value;

use super::{SINCE, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::listing::{Listing, nothing_special};
use crate::openapi::Operation;
use crate::reply::Reply;

static LISTING: Listing = Listing {
    table: &TABLE,
    resource: "attachment",
    thing: "Volume attachment",
    collection: "attachments",
    links: "attachments_links",
    rule: Rule::VolumeGetAll,
    sort_by_name_since: u16::MAX,
    aliases: &[("status", "attach_status", 0), ("instance_id", "instance_uuid", 0)],
    since: SINCE,
    only: None,
    filters: &[],
    special: nothing_special,
};

pub(super) static SUMMARY: Operation = Operation::page("Lists attachments.", &LISTING, &view::SUMMARY);

pub(super) async fn summary(call: Call) -> Result<Reply, ApiError> {
    list(&call, "/attachments", view::summary).await
}

pub(super) static DETAIL: Operation =
    Operation::page("Lists attachments with all that is known of them.", &LISTING, &view::DETAIL);

pub(super) async fn detail(call: Call) -> Result<Reply, ApiError> {
    list(&call, "/attachments/detail", view::detail).await
}

async fn list(call: &Call, path: &str, view: fn(&Attachment) -> Value) -> Result<Reply, ApiError> {
    let query = LISTING.query(call)?;
    let page = call.catalog().attachments(&query).await?.map_err(|_| LISTING.unknown_marker(call))?;
    LISTING.reply(call, &query, &page, path, view, |attachment| attachment.id)
}
