//! Parameters: of paths, of queries, of headers.

use serde_json::{Value, json};

use super::operation::{Form, Parameter, Place};
use super::{MIN_KEY, since};
use crate::listing::{COUNT, LIKE_FILTERS, Listing, NOT_FILTERS};
use crate::microversion::{HEADER, Microversion};
use crate::query::{FALSE, TRUE};

/// The header that every operation reads.
pub(super) const VERSION: &str = "Version";

/// The version header: every version there is, and the newest by its other name.
pub(super) fn version() -> Value {
    let versions: Vec<String> = Microversion::all().map(|version| version.to_string().replace('.', r"\.")).collect();
    json!({
        "name": HEADER,
        "in": "header",
        "description": "The microversion that the request speaks; without it, the oldest.",
        "schema": { "type": "string", "pattern": format!("^volume (latest|{})$", versions.join("|")) },
    })
}

/// The open parts of a path.
pub(super) fn of_path(path: &str) -> impl Iterator<Item = Value> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let schema = match name {
            "project_id" => json!({ "type": "string", "pattern": "^[0-9a-f-]+$" }),
            "id" => json!({ "type": "string", "format": "uuid" }),
            _ => json!({ "type": "string" }),
        };
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    })
}

/// A parameter that an operation names.
pub(super) fn named(parameter: &Parameter) -> Value {
    let place = match parameter.place {
        Place::Query => "query",
        Place::Header => "header",
    };
    let made = json!({
        "name": parameter.name,
        "in": place,
        "description": parameter.description,
        "schema": form(parameter.form),
    });
    since(made, parameter.since)
}

fn form(form: Form) -> Value {
    let words = [TRUE, FALSE].concat();
    match form {
        Form::Text => json!({ "type": "string" }),
        Form::Boolean => json!({ "type": "string", "enum": words }),
        Form::BooleanSince(version) => json!({
            "type": "string",
            "enum": words,
            "x-openstack-any-text-before": version.to_string(),
        }),
        Form::Count => json!({ "type": "integer", "minimum": 0 }),
    }
}

/// What can be asked of a list: paging, order, and every filter that is a column or more than one.
pub(super) fn of_list(listing: &Listing) -> Vec<Value> {
    let sortable = listing.table.columns.iter().map(|column| column.key);
    let keys: Vec<&str> = sortable.chain((listing.sort_by_name_since < u16::MAX).then_some("name")).collect();
    let marker = json!({ "type": "string", "format": "uuid" });
    let query = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "query", "description": description, "schema": schema });
    let mut all = vec![
        query("limit", form(Form::Count), "At most so many records, and never more than the server's own limit."),
        query("offset", json!({ "type": "integer", "minimum": 0, "maximum": i32::MAX }), "Records to pass over."),
        query("marker", marker, "The id of the last record of the page before."),
        query("sort", form(Form::Text), "`key:direction`, several with commas between; not together with `sort_key`."),
        query("sort_key", json!({ "type": "string", "enum": keys }), "What to sort by."),
        query("sort_dir", json!({ "type": "string", "enum": ["asc", "desc"] }), "In which direction."),
    ];
    all.push(query("all_tenants", form(Form::Boolean), "Every project's records, for administrators."));
    let count = query("with_count", form(Form::Boolean), "Count all records that match.");
    all.push(since(count, COUNT));
    all.extend(listing.filters.iter().map(named));
    let taken = |name: &str| {
        listing.filters.iter().any(|filter| filter.name == name)
            || NOT_FILTERS.contains(&name)
            || listing.only.is_some_and(|only| !only.contains(&name))
    };
    let aliases = listing.aliases.iter().map(|(alias, _, minor)| (*alias, Microversion::v3(*minor)));
    let columns = listing.table.columns.iter().map(|column| (column.key, Microversion::MIN));
    for (name, from) in aliases.chain(columns).filter(|(name, _)| !taken(name)) {
        all.push(since(query(name, form(Form::Text), "Only records with this value."), from));
        if listing.only.is_none() {
            let like = query(&format!("{name}~"), form(Form::Text), "Only records whose value contains this.");
            all.push(since(like, from.max(LIKE_FILTERS)));
        }
    }
    // before a list's query has a meaning, nothing in it has
    if listing.since > Microversion::MIN {
        for parameter in all.iter_mut().filter(|parameter| parameter.get(MIN_KEY).is_none()) {
            parameter[MIN_KEY] = json!(listing.since.to_string());
        }
    }
    all
}
