//! Lists: from a query string to a catalogue query, and from a page to an answer (API spec 6).

use catalog::page::{Column, Direction, Filter, Page, Query, Scope, Table};
use identity::Rule;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::call::{Call, exact_uuid};
use crate::fault::ApiError;
use crate::links::Link;
use crate::microversion::Microversion;
use crate::openapi::Parameter;
use crate::query::{Pairs, boolean, integer};
use crate::reply::Reply;

/// The version in which unknown filters became errors.
const STRICT_FILTERS: Microversion = Microversion::v3(31);
/// The version in which `key~` became a filter.
pub(crate) const LIKE_FILTERS: Microversion = Microversion::v3(34);
/// About as many bytes as a record has in a list.
const RECORD: usize = 512;
/// The version in which `with_count` appeared.
pub(crate) const COUNT: Microversion = Microversion::v3(45);

/// What a query says that is no filter, besides `with_count`.
pub(crate) const NOT_FILTERS: [&str; 7] = ["limit", "marker", "offset", "sort", "sort_key", "sort_dir", "all_tenants"];

/// How one kind of record is listed.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The columns.
    pub(crate) table: &'static Table,
    /// The kind's name in the filter settings: `backup`.
    pub(crate) resource: &'static str,
    /// The kind's name in messages: `Backup`.
    pub(crate) thing: &'static str,
    /// The key of the list in the answer: `backups`.
    pub(crate) collection: &'static str,
    /// The key of its links: `backups_links`.
    pub(crate) links: &'static str,
    /// The rule that guards it.
    pub(crate) rule: Rule,
    /// From which version on it can be sorted by `name`.
    pub(crate) sort_by_name_since: u16,
    /// Keys whose column has another name, with the version since which they are known.
    pub(crate) aliases: &'static [(&'static str, &'static str, u16)],
    /// The version in which its query got a meaning.
    pub(crate) since: Microversion,
    /// The keys that are filters, where not every column is one: others are dropped.
    pub(crate) only: Option<&'static [&'static str]>,
    /// What is said of filters that are more than a column's value.
    pub(crate) filters: &'static [Parameter],
    /// Filters that are more than a column's value, asked first: `None` leaves the key to the columns.
    pub(crate) special: fn(&Call, &str, &str) -> Option<Result<Filter, ApiError>>,
}

/// No filters beyond the columns.
pub(crate) fn nothing_special(_: &Call, _: &str, _: &str) -> Option<Result<Filter, ApiError>> {
    None
}

impl Listing {
    /// What the request asks for. The checks are in the reference's order: paging, sort syntax, count,
    /// filters, policy, tenancy, sort keys; the marker is looked up with the page.
    pub(crate) fn query(&self, call: &Call) -> Result<Query, ApiError> {
        let limit = limit(call)?;
        let offset = offset(call)?;
        let sort = sort_words(&call.query)?;
        let count = count(call)?;
        let configured = call.settings().resource_filters.of(self.resource);
        let filters = permitted(&call.query, call.version, call.context.is_admin, configured)?;
        call.allow_own(self.rule)?;
        let scope = scope(call)?;
        let sort = self.sort(call, sort)?;
        let marker = match call.query.get("marker") {
            None => None,
            Some(marker) => Some(exact_uuid(marker).ok_or_else(|| self.unknown_marker(call))?),
        };
        let filters = filters
            .into_iter()
            .filter(|(key, _)| matches!(scope, Scope::Every) || *key != "project_id")
            .map(|(key, value)| self.filter(call, key, value))
            .collect::<Result<_, _>>()?;
        Ok(Query { scope, filters, sort, marker, marker_scope: call.scope(), offset, limit, count })
    }

    /// 404 for a marker that is no visible record's id.
    pub(crate) fn unknown_marker(&self, call: &Call) -> ApiError {
        ApiError::not_found(self.thing, call.query.get("marker").unwrap_or_default())
    }

    /// The answer for a page: `path` is this list's path, `view` renders a record, `id` names it for the marker.
    pub(crate) fn reply<'p, T, V: Serialize, I: std::fmt::Display>(
        &self,
        call: &Call,
        query: &Query,
        page: &'p Page<T>,
        path: &str,
        view: impl Fn(&'p T) -> V,
        id: impl Fn(&T) -> I,
    ) -> Result<Reply, ApiError> {
        // a page that is exactly full has a next link even when nothing follows; clients expect it
        let full = u32::try_from(page.rows.len()).is_ok_and(|length| length >= query.limit);
        let last = page.rows.last().filter(|_| full || page.more);
        let body = Body {
            listing: self,
            rows: page.rows.iter().map(view).collect(),
            next: last.map(|last| call.links.next(path, &call.query, id(last))),
            count: page.count,
        };
        Reply::long(&body, page.rows.len() * RECORD)
    }

    fn sort(&self, call: &Call, words: Vec<(&str, &str)>) -> Result<Vec<(&'static Column, Direction)>, ApiError> {
        let directions = words
            .iter()
            .map(|(_, direction)| match *direction {
                "asc" => Ok(Direction::Ascending),
                "desc" => Ok(Direction::Descending),
                _ => Err(ApiError::invalid_input("Unknown sort direction, must be 'desc' or 'asc'.")),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut sort: Vec<(&'static Column, Direction)> = Vec::new();
        for ((key, _), direction) in words.into_iter().zip(directions) {
            let name = match key {
                "name" if call.has(self.sort_by_name_since) => self.alias(call, key),
                "name" => None,
                key => Some(key),
            };
            let column = name.and_then(|name| self.table.column(name));
            let column = column.ok_or_else(|| ApiError::invalid_input("Invalid sort key"))?;
            // a key given twice orders nothing the second time
            if sort.iter().all(|(given, _)| given.key != column.key) {
                sort.push((column, direction));
            }
        }
        Ok(sort)
    }

    fn alias<'a>(&self, call: &Call, key: &'a str) -> Option<&'a str> {
        match self.aliases.iter().find(|(alias, _, _)| *alias == key) {
            Some((_, name, since)) => call.has(*since).then_some(*name),
            None => Some(key),
        }
    }

    fn filter(&self, call: &Call, key: &str, value: &str) -> Result<Filter, ApiError> {
        if self.only.is_some_and(|only| !only.contains(&key)) {
            return Ok(Filter::All(Vec::new()));
        }
        if let Some(filter) = (self.special)(call, key, value) {
            return filter;
        }
        let (name, like) = key.strip_suffix('~').map_or((key, false), |name| (name, true));
        if like && name == "name" && call.version < STRICT_FILTERS && self.alias(call, name) != Some(name) {
            // until then `name` only became the column's name without the `~`, and what is no column's was passed over
            return Ok(Filter::All(Vec::new()));
        }
        let column = self.alias(call, name).and_then(|name| self.table.column(name));
        Ok(match column {
            Some(column) if like => Filter::Contains(column, value.to_owned()),
            Some(column) => Filter::Is(column, value.to_owned()),
            None => Filter::Never,
        })
    }
}

/// A list's answer.
struct Body<'a, V> {
    listing: &'a Listing,
    rows: Vec<V>,
    next: Option<[Link; 1]>,
    count: Option<i64>,
}

impl<V: Serialize> Serialize for Body<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.listing.collection, &self.rows)?;
        if let Some(next) = &self.next {
            map.serialize_entry(self.listing.links, next)?;
        }
        if let Some(count) = self.count {
            map.serialize_entry("count", &count)?;
        }
        map.end()
    }
}

/// The sort keys and directions as written.
fn sort_words(query: &Pairs) -> Result<Vec<(&str, &str)>, ApiError> {
    let (key, direction) = (query.get("sort_key"), query.get("sort_dir"));
    let Some(sort) = query.get("sort") else {
        return Ok(vec![(key.unwrap_or("created_at").trim(), direction.unwrap_or("desc").trim())]);
    };
    if key.is_some() || direction.is_some() {
        return Err(ApiError::bad_request(
            "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter.",
        ));
    }
    Ok(sort
        .split(',')
        .map(|element| match element.split_once(':') {
            Some((key, direction)) if !direction.trim().is_empty() => (key.trim(), direction.trim()),
            Some((key, _)) => (key.trim(), "desc"),
            None => (element.trim(), "desc"),
        })
        .collect())
}

/// The filters that the caller may use, or 400 for others where the version says so (API spec 6.4).
fn permitted<'a>(
    query: &'a Pairs,
    version: Microversion,
    is_admin: bool,
    configured: &[String],
) -> Result<Vec<(&'a str, &'a str)>, ApiError> {
    let mut filters: Vec<(&str, &str)> = Vec::new();
    for (key, value) in query.iter() {
        let paging = NOT_FILTERS.contains(&key) || (key == "with_count" && version >= COUNT);
        if !paging && filters.iter().all(|(own, _)| *own != key) {
            filters.push((key, value));
        }
    }
    if version >= STRICT_FILTERS && filters.iter().any(|(key, _)| !key.is_ascii()) {
        return Err(ApiError::bad_request("Filter keys can only contain ASCII characters."));
    }
    if is_admin {
        return Ok(filters);
    }
    let like = version >= LIKE_FILTERS;
    let allowed = |key: &str| {
        (like || !key.ends_with('~'))
            && configured.iter().any(|own| own == key || (like && own.strip_suffix('~') == Some(key)))
    };
    if version >= STRICT_FILTERS {
        let refused: Vec<&str> = filters.iter().map(|(key, _)| *key).filter(|key| !allowed(key)).collect();
        if !refused.is_empty() {
            let refused = refused.join(",");
            return Err(ApiError::bad_request(format!("Invalid filters {refused} are found in query options.")));
        }
    }
    filters.retain(|(key, _)| allowed(key));
    Ok(filters)
}

/// Whose records: the caller's project's, or everybody's for an administrator who says so (API spec 6.5).
fn scope(call: &Call) -> Result<Scope, ApiError> {
    if call.context.is_admin
        && let Some(word) = call.query.get("all_tenants")
    {
        match boolean(word) {
            Some(true) => return Ok(Scope::Every),
            Some(false) => {}
            None => {
                return Err(ApiError::bad_request(format!("all_tenants must be a boolean, got '{word}'.")));
            }
        }
    }
    Ok(Scope::Project(call.project_or_none()))
}

/// The page's length: the server's maximum when absent or larger.
fn limit(call: &Call) -> Result<u32, ApiError> {
    let max = call.settings().max_limit;
    let Some(word) = call.query.get("limit") else { return Ok(max) };
    let limit = integer(word).ok_or_else(|| ApiError::bad_request("limit param must be an integer"))?;
    if limit < 0 {
        return Err(ApiError::bad_request("limit param must be positive"));
    }
    Ok(u32::try_from(limit).unwrap_or(max).min(max))
}

fn offset(call: &Call) -> Result<u32, ApiError> {
    const MAX: i64 = 2_147_483_647;
    let Some(word) = call.query.get("offset") else { return Ok(0) };
    let offset = integer(word).ok_or_else(|| ApiError::bad_request("offset must be an integer"))?;
    if offset > MAX {
        return Err(ApiError::bad_request(format!("offset must be <= {MAX}")));
    }
    u32::try_from(offset).map_err(|_| ApiError::bad_request("offset must be >= 0"))
}

fn count(call: &Call) -> Result<bool, ApiError> {
    match call.query.get("with_count").filter(|_| call.version >= COUNT) {
        None => Ok(false),
        Some(word) => boolean(word)
            .ok_or_else(|| ApiError::bad_request(format!("Value '{word}' for 'with_count' is not a boolean."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a query, or what is told.
    fn filters(query: &str, minor: u16, is_admin: bool, configured: &[&str]) -> String {
        let pairs = Pairs::parse(query).unwrap();
        let configured: Vec<String> = configured.iter().map(|&key| key.to_owned()).collect();
        match permitted(&pairs, Microversion::v3(minor), is_admin, &configured) {
            Ok(filters) => filters.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" "),
            Err(ApiError::Fault { message, .. }) => message.into_owned(),
            Err(other) => panic!("{other:?}"),
        }
    }

    use proptest::prelude::*;

    fn pairs(sent: &[(String, String)]) -> Pairs {
        let quote =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let query: Vec<String> = sent.iter().map(|(key, value)| format!("{}={}", quote(key), quote(value))).collect();
        Pairs::parse(&query.join("&")).unwrap()
    }

    fn refused(error: ApiError) -> String {
        match error {
            ApiError::Fault { status, message } if status.as_u16() == 400 => message.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn sort_keys_that_are_written_are_read(
            sent in prop::collection::vec(("[a-z_]{1,9}", prop::option::of(prop_oneof![Just("asc"), Just("desc")])), 1..5),
        ) {
            let text: Vec<String> = sent
                .iter()
                .map(|(key, direction)| direction.map_or_else(|| key.clone(), |direction| format!(" {key} : {direction}")))
                .collect();
            let query = pairs(&[("sort".to_owned(), text.join(","))]);
            let expected: Vec<(&str, &str)> =
                sent.iter().map(|(key, direction)| (key.as_str(), direction.unwrap_or("desc"))).collect();
            prop_assert_eq!(sort_words(&query).unwrap(), expected);
        }

        #[test]
        fn any_sort_has_keys_or_is_refused(sort: Option<String>, key: Option<String>, direction: Option<String>) {
            let sent: Vec<(String, String)> = [("sort", &sort), ("sort_key", &key), ("sort_dir", &direction)]
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
                .collect();
            let query = pairs(&sent);
            match sort_words(&query) {
                Ok(words) => {
                    prop_assert!(!words.is_empty());
                    prop_assert_eq!(words.len(), sort.as_deref().map_or(1, |sort| sort.split(',').count()));
                }
                Err(error) => {
                    prop_assert!(sort.is_some() && (key.is_some() || direction.is_some()));
                    prop_assert!(refused(error).contains("cannot be used with the 'sort' parameter"));
                }
            }
        }

        #[test]
        fn a_member_filters_by_what_is_configured_and_nothing_else(
            sent in prop::collection::vec(
                (prop_oneof![any::<String>(), Just("name".to_owned()), Just("name~".to_owned()), Just("limit".to_owned()),
                             Just("with_count".to_owned()), Just("status".to_owned())], any::<String>()), 0..6),
            minor in 0_u16..=71,
        ) {
            let query = pairs(&sent);
            let configured = ["name~".to_owned(), "status".to_owned()];
            match permitted(&query, Microversion::v3(minor), false, &configured) {
                Ok(filters) => {
                    for (key, value) in &filters {
                        prop_assert!(["name", "status"].contains(key) || (*key == "name~" && minor >= 34) || (*key == "name" && minor < 34), "{}", key);
                        prop_assert_eq!(query.get(key), Some(*value));
                    }
                    let again: std::collections::HashSet<_> = filters.iter().map(|(key, _)| key).collect();
                    prop_assert_eq!(again.len(), filters.len());
                }
                Err(error) => {
                    prop_assert!(minor >= 31);
                    let message = refused(error);
                    prop_assert!(message.starts_with("Invalid filters ") || message.starts_with("Filter keys "));
                }
            }
        }
    }

    #[test]
    fn filters_of_a_member() {
        let member = |query: &str, minor: u16| filters(query, minor, false, &["name", "status", "volume_id"]);
        assert_eq!(member("name=a&limit=1&marker=x&status=b", 0), "name=a status=b");
        assert_eq!(member("foo=1&name=a&name=b", 30), "name=a");
        assert_eq!(member("foo=1&bar=2&name=a", 31), "Invalid filters foo,bar are found in query options.");
        for minor in [30, 31, 71] {
            assert_eq!(member("all_tenants=1", minor), "");
        }
        assert_eq!(member("name~=t", 30), "");
        assert_eq!(member("name~=t", 33), "Invalid filters name~ are found in query options.");
        assert_eq!(member("name~=t", 34), "Invalid filters name~ are found in query options.");
        assert_eq!(member("with_count=1", 44), "Invalid filters with_count are found in query options.");
        assert_eq!(member("with_count=1", 45), "");
        assert_eq!(member("n%C3%A9=1", 30), "");
        assert_eq!(member("n%C3%A9=1", 31), "Filter keys can only contain ASCII characters.");
    }

    #[test]
    fn filters_by_parts_of_a_text_must_be_configured() {
        let member = |query: &str, minor: u16| filters(query, minor, false, &["name~"]);
        assert_eq!(member("name~=t", 34), "name~=t");
        assert_eq!(member("name=t", 34), "name=t");
        assert_eq!(member("name~=t", 33), "Invalid filters name~ are found in query options.");
    }

    #[test]
    fn filters_of_an_administrator() {
        assert_eq!(filters("foo=1&name~=t&with_count=1", 44, true, &[]), "foo=1 name~=t with_count=1");
        assert_eq!(filters("n%C3%A9=1", 31, true, &[]), "Filter keys can only contain ASCII characters.");
    }
}
