//! `GET /types` (API spec 11.3).

use catalog::page::Filter;
use catalog::types::TABLE;
use identity::Rule;

use super::views;
use crate::call::Call;
use crate::fault::ApiError;
use crate::listing::Listing;
use crate::query::boolean;
use crate::reply::Reply;

static LISTING: Listing = Listing {
    table: &TABLE,
    resource: "volume_type",
    thing: "Volume type",
    collection: "volume_types",
    links: "volume_type_links",
    rule: Rule::TypeGetAll,
    sort_by_name_since: 0,
    aliases: &[],
    special,
};

pub(super) async fn list(call: Call) -> Result<Reply, ApiError> {
    let mut query = LISTING.query(&call)?;
    // who is no administrator sees the public ones, whatever was asked; who is one sees them unless asked
    if !call.context.is_admin || call.query.get("is_public").is_none() {
        query.filters.extend(TABLE.column("is_public").map(|column| Filter::Is(column, "true".to_owned())));
    }
    let page = call.catalog().volume_types(&query).await?.map_err(|_| LISTING.unknown_marker(&call))?;
    LISTING.reply(&call, &query, &page, "/types", |found| views::full(&call, found), |found| found.id)
}

fn special(_: &Call, key: &str, value: &str) -> Option<Result<Filter, ApiError>> {
    let everything = || Some(Ok(Filter::All(Vec::new())));
    match key {
        "is_public" if value.trim().eq_ignore_ascii_case("none") => everything(),
        "is_public" if boolean(value).is_none() => {
            Some(Err(ApiError::bad_request(format!("Invalid is_public filter [{value}]"))))
        }
        "is_public" | "name" | "description" => None,
        // other keys are no filters of types, and are dropped
        _ => everything(),
    }
}
