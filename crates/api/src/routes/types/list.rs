//! `GET /types` (API spec 11.3).

use catalog::VolumeTypeId;
use catalog::page::Filter;
use catalog::types::{PROJECTS, TABLE};
use identity::Rule;

use super::views;
use crate::call::Call;
use crate::fault::ApiError;
use crate::listing::Listing;
use crate::microversion::Microversion;
use crate::openapi::{Form, Operation, Parameter};
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
    since: Microversion::MIN,
    only: Some(&["is_public", "name", "description"]),
    filters: &[Parameter::query("is_public", Form::Text, "A word for a boolean, or `none` for all types.")],
    aliases: &[],
    special,
};

pub(super) static LIST: Operation = Operation::page("Lists volume types.", &LISTING, &views::FULL);

pub(super) async fn list(call: Call) -> Result<Reply, ApiError> {
    let mut query = LISTING.query(&call)?;
    // who is no administrator sees what he may use, whatever was asked; who is one sees that unless asked
    if !call.context.is_admin || call.query.get("is_public").is_none() {
        query.filters.push(usable(&call));
    }
    // types have no project that a marker could be looked for in
    if let Some(marker) = query.marker
        && call.catalog().volume_type(VolumeTypeId(marker), &call.scope()).await?.is_none()
    {
        return Err(LISTING.unknown_marker(&call));
    }
    let page = call.catalog().volume_types(&query).await?.map_err(|_| LISTING.unknown_marker(&call))?;
    LISTING.reply(&call, &query, &page, "/types", |found| views::full(&call, found), |found| found.id)
}

/// The types that are public, or that the caller's project may use.
fn usable(call: &Call) -> Filter {
    let public = TABLE.column("is_public").map(|column| Filter::Is(column, "true".to_owned()));
    let given = Filter::Among(PROJECTS, call.project_or_none().to_string());
    Filter::Any(public.into_iter().chain([given]).collect())
}

fn special(call: &Call, key: &str, value: &str) -> Option<Result<Filter, ApiError>> {
    let everything = || Some(Ok(Filter::All(Vec::new())));
    match key {
        "is_public" if value.trim().eq_ignore_ascii_case("none") => everything(),
        "is_public" => match boolean(value) {
            Some(true) => Some(Ok(usable(call))),
            Some(false) => None,
            None => Some(Err(ApiError::bad_request(format!("Invalid is_public filter [{value}]")))),
        },
        _ => None,
    }
}
