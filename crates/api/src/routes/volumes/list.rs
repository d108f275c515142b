//! `GET /volumes`, `GET /volumes/detail` (API spec 6, 11.1).

use catalog::page::Filter;
use catalog::volumes::{TABLE, VolumeView};
use identity::Rule;
use serde_json::Value;

use super::views;
use crate::call::Call;
use crate::fault::ApiError;
use crate::listing::Listing;
use crate::microversion::Microversion;
use crate::openapi::{Form, Operation, Parameter};
use crate::query::boolean;
use crate::reply::Reply;
use crate::{metadata_filter, time_filter};

const TIMES: &str =
    "Only records of such times: `gt:2026-01-01T00:00:00,lt:2026-02-01T00:00:00`; before 3.60 of just this one.";

static LISTING: Listing = Listing {
    table: &TABLE,
    resource: "volume",
    thing: "Volume",
    collection: "volumes",
    links: "volumes_links",
    rule: Rule::VolumeGetAll,
    sort_by_name_since: 0,
    since: Microversion::MIN,
    only: None,
    filters: &[
        Parameter::query("metadata", Form::Text, "Only records with these pairs: `{'key': 'value'}`."),
        Parameter::query("bootable", Form::BooleanSince(Microversion::v3(2)), "Only those that can be booted from."),
        Parameter::query("created_at", Form::Text, TIMES),
        Parameter::query("updated_at", Form::Text, TIMES),
    ],
    aliases: &[
        ("name", "display_name", 0),
        ("description", "display_description", 31),
        ("consumes_quota", "use_quota", 65),
    ],
    special,
};

pub(super) static SUMMARY: Operation = Operation::page("Lists volumes.", &LISTING, &views::SUMMARY);

pub(super) async fn summary(call: Call) -> Result<Reply, ApiError> {
    list(call, "/volumes", views::summary).await
}

pub(super) static DETAIL: Operation =
    Operation::page("Lists volumes with all that is known of them.", &LISTING, &views::FULL);

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
