//! `GET /volumes`, `GET /volumes/detail` (API spec 6, 11.1).

use catalog::page::Filter;
use catalog::volumes::{TABLE, VolumeView};
use identity::Rule;
use serde_json::Value;

use super::views;
use crate::call::Call;
use crate::fault::ApiError;
use crate::listing::Listing;
use crate::query::boolean;
use crate::reply::Reply;
use crate::{metadata_filter, time_filter};

static LISTING: Listing = Listing {
    table: &TABLE,
    resource: "volume",
    thing: "Volume",
    collection: "volumes",
    links: "volumes_links",
    rule: Rule::VolumeGetAll,
    sort_by_name_since: 0,
    aliases: &[
        ("name", "display_name", 0),
        ("description", "display_description", 31),
        ("consumes_quota", "use_quota", 65),
    ],
    special,
};

pub(super) async fn summary(call: Call) -> Result<Reply, ApiError> {
    list(call, "/volumes", views::summary).await
}

pub(super) async fn detail(call: Call) -> Result<Reply, ApiError> {
    list(call, "/volumes/detail", views::full).await
}

async fn list(call: Call, path: &str, view: fn(&Call, &VolumeView) -> Value) -> Result<Reply, ApiError> {
    let query = LISTING.query(&call)?;
    let page = call.catalog().volumes(&query).await?.map_err(|_| LISTING.unknown_marker(&call))?;
    LISTING.reply(&call, &query, &page, path, |volume| view(&call, volume), |volume| volume.id)
}

fn special(call: &Call, key: &str, value: &str) -> Option<Result<Filter, ApiError>> {
    match key {
        "metadata" => Some(Ok(metadata_filter::filter("v.metadata", value))),
        "bootable" if call.has(2) && boolean(value).is_none() => {
            Some(Err(ApiError::invalid_input(format!("Value '{value}' for 'bootable' is not a boolean."))))
        }
        "created_at" | "updated_at" if call.has(60) => {
            TABLE.column(key).map(|column| time_filter::filter(column, value))
        }
        _ => None,
    }
}
