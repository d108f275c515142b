//! `GET /backups` and `GET /backups/detail` (API spec 6).

use catalog::backups::TABLE;
use identity::Rule;

use super::view;
use crate::call::Call;
use crate::fault::ApiError;
use crate::listing::{Listing, nothing_special};
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::reply::Reply;

static LISTING: Listing = Listing {
    table: &TABLE,
    resource: "backup",
    thing: "Backup",
    collection: "backups",
    links: "backups_links",
    rule: Rule::BackupGetAll,
    sort_by_name_since: 37,
    since: Microversion::MIN,
    only: None,
    filters: &[],
    aliases: &[("name", "display_name", 0), ("description", "display_description", 31)],
    special: nothing_special,
};

pub(super) static SUMMARY: Operation = Operation::page("Lists backups.", &LISTING, &view::SUMMARY);

pub(super) async fn summary(call: Call) -> Result<Reply, ApiError> {
    let query = LISTING.query(&call)?;
    let page = call.catalog().backup_names(&query).await?.map_err(|_| LISTING.unknown_marker(&call))?;
    LISTING.reply(
        &call,
        &query,
        &page,
        "/backups",
        |row| view::summary(&call, row.id, row.name.as_deref()),
        |row| row.id,
    )
}

pub(super) static DETAIL: Operation =
    Operation::page("Lists backups with all that is known of them.", &LISTING, &view::DETAIL);

pub(super) async fn detail(call: Call) -> Result<Reply, ApiError> {
    let query = LISTING.query(&call)?;
    let page = call.catalog().backups(&query).await?.map_err(|_| LISTING.unknown_marker(&call))?;
    LISTING.reply(&call, &query, &page, "/backups/detail", |row| view::detail(&call, row), |row| row.id)
}
