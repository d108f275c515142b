//! Lists: filters, sort order and keyset paging, the same for every kind of record (API spec 6).
//!
//! A list is described twice. A [`Table`] says, in code, which records there are and under which keys they
//! can be sorted and filtered; every piece of SQL in it is a literal of this crate. A [`Query`] says, at run
//! time, what one caller wants to see; every value in it is bound, none becomes SQL.
//!
//! A page begins after a *marker*: the row with that id is looked up and the page continues behind its sort
//! values, so the cost of a page does not depend on how deep in the list it is. One row more than asked for
//! is fetched, which tells whether there is a next page without counting.
//!
//! A missing value sorts as the lowest of its kind: the empty text, 0, false, 1900-01-01, the all-zero id.

mod filter;
mod table;

use sqlx::postgres::{PgPool, PgRow};
use sqlx::{FromRow, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use self::filter::push_filter;
pub use self::filter::{Comparison, Filter};
pub use self::table::{Column, Kind, Table};
use crate::{ProjectId, Result};

/// Whose records are seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's: only for administrators.
    Every,
    /// One project's.
    Project(ProjectId),
}

impl Scope {
    /// The project, when the scope is one project: for `($2::text IS NULL OR project_id = $2)`.
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::Every => None,
            Self::Project(project) => Some(project.as_str()),
        }
    }
}

/// The order of one sort key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Lowest first.
    Ascending,
    /// Highest first.
    Descending,
}

/// What one caller wants to see of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Whose records.
    pub scope: Scope,
    /// Which of them.
    pub filters: Vec<Filter>,
    /// In which order; `created_at` and `id` are appended when they are not in it.
    pub sort: Vec<(&'static Column, Direction)>,
    /// Begin after the row with this id.
    pub marker: Option<Uuid>,
    /// Whose that row may be: an administrator's page may begin after anybody's.
    pub marker_scope: Scope,
    /// Rows to pass over, counted from the marker.
    pub offset: u32,
    /// At most so many rows.
    pub limit: u32,
    /// Count all rows that match, whatever marker, offset and limit say.
    pub count: bool,
}

impl Query {
    /// Everything in the scope, newest first, up to `limit` rows.
    pub fn newest(scope: Scope, limit: u32) -> Self {
        let marker_scope = scope.clone();
        Self {
            scope,
            filters: Vec::new(),
            sort: Vec::new(),
            marker: None,
            marker_scope,
            offset: 0,
            limit,
            count: false,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, at most the query's limit.
    pub rows: Vec<T>,
    /// Whether there are rows after these.
    pub more: bool,
    /// The number of all matching rows, if it was asked for.
    pub count: Option<i64>,
}

/// The marker is not a row that the caller can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownMarker;

/// Runs a list query.
///
/// # Errors
/// The database failed. The inner error says that the marker is unknown.
pub(crate) async fn list<T>(
    pool: &PgPool,
    table: &Table,
    query: &Query,
) -> Result<std::result::Result<Page<T>, UnknownMarker>>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let sort = full_sort(table, &query.sort);
    let after = match query.marker {
        None => None,
        Some(marker) => match marker_values(pool, table, query, &sort, marker).await? {
            Some(values) => Some(values),
            None => return Ok(Err(UnknownMarker)),
        },
    };
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut rows: Vec<T> = if limit == 0 {
        Vec::new()
    } else {
        page_query(table, query, &sort, after.as_deref()).build_query_as().fetch_all(pool).await?
    };
    let more = rows.len() > limit;
    rows.truncate(limit);
    let count = if query.count {
        let mut statement = QueryBuilder::new("SELECT count(*) FROM ");
        statement.push(table.from);
        push_where(&mut statement, table, query);
        Some(statement.build_query_scalar().fetch_one(pool).await?)
    } else {
        None
    };
    Ok(Ok(Page { rows, more, count }))
}

/// The sort keys with the tie-breakers, which follow the first given direction. Behind the id there are no ties.
fn full_sort(table: &Table, given: &[(&'static Column, Direction)]) -> Vec<(&'static Column, Direction)> {
    let direction = given.first().map_or(Direction::Descending, |(_, direction)| *direction);
    let mut sort = given.to_vec();
    if let Some(unique) = sort.iter().position(|(column, _)| column.key == "id") {
        sort.truncate(unique + 1);
        return sort;
    }
    for key in ["created_at", "id"] {
        if sort.iter().all(|(column, _)| column.key != key)
            && let Some(column) = table.column(key)
        {
            sort.push((column, direction));
        }
    }
    sort
}

/// The marker row's sort values as text; `None` when the caller can not see such a row. The query's filters
/// do not matter here: a row that has meanwhile left the filtered set still marks a place.
async fn marker_values(
    pool: &PgPool,
    table: &Table,
    query: &Query,
    sort: &[(&'static Column, Direction)],
    marker: Uuid,
) -> Result<Option<Vec<String>>> {
    let Some(id) = table.column("id") else { return Ok(None) };
    let mut statement = QueryBuilder::new("SELECT ");
    for (index, (column, _)) in sort.iter().enumerate() {
        if index > 0 {
            statement.push(", ");
        }
        statement.push("(");
        column.push_ordered(&mut statement);
        statement.push(")::text");
    }
    statement.push(" FROM ").push(table.from).push(" WHERE ").push(table.live);
    push_scope(&mut statement, table, query, &query.marker_scope);
    statement.push(" AND ").push(id.sql).push(" = ").push_bind(marker);
    let Some(row) = statement.build().fetch_optional(pool).await? else { return Ok(None) };
    let values: sqlx::Result<Vec<String>> = (0..sort.len()).map(|index| row.try_get(index)).collect();
    Ok(Some(values?))
}

fn page_query(
    table: &Table,
    query: &Query,
    sort: &[(&'static Column, Direction)],
    after: Option<&[String]>,
) -> QueryBuilder<Postgres> {
    let mut statement = QueryBuilder::new("SELECT ");
    statement.push(table.select).push(" FROM ").push(table.from);
    push_where(&mut statement, table, query);
    if let Some(values) = after {
        statement.push(" AND ");
        push_after(&mut statement, sort, values);
    }
    statement.push(" ORDER BY ");
    for (index, (column, direction)) in sort.iter().enumerate() {
        if index > 0 {
            statement.push(", ");
        }
        column.push_ordered(&mut statement);
        statement.push(match direction {
            Direction::Ascending => " ASC",
            Direction::Descending => " DESC",
        });
    }
    statement.push(" LIMIT ").push_bind(i64::from(query.limit) + 1);
    if query.offset > 0 {
        statement.push(" OFFSET ").push_bind(i64::from(query.offset));
    }
    statement
}

/// The rows behind the marker. With one direction throughout it is a row comparison, which an index on the
/// sort columns serves; with mixed directions it is spelled out.
fn push_after(statement: &mut QueryBuilder<Postgres>, sort: &[(&'static Column, Direction)], values: &[String]) {
    let first = sort.first().map_or(Direction::Descending, |(_, direction)| *direction);
    if sort.iter().all(|(_, direction)| *direction == first) {
        statement.push("(");
        for (index, (column, _)) in sort.iter().enumerate() {
            if index > 0 {
                statement.push(", ");
            }
            column.push_ordered(statement);
        }
        statement.push(if first == Direction::Ascending { ") > (" } else { ") < (" });
        for (index, ((column, _), value)) in sort.iter().zip(values).enumerate() {
            if index > 0 {
                statement.push(", ");
            }
            push_value(statement, column, value);
        }
        statement.push(")");
        return;
    }
    statement.push("(");
    for (depth, (column, direction)) in sort.iter().enumerate() {
        if depth > 0 {
            statement.push(" OR ");
        }
        statement.push("(");
        for ((equal, _), value) in sort.iter().zip(values).take(depth) {
            equal.push_ordered(statement);
            statement.push(" = ");
            push_value(statement, equal, value);
            statement.push(" AND ");
        }
        column.push_ordered(statement);
        statement.push(if *direction == Direction::Ascending { " > " } else { " < " });
        if let Some(value) = values.get(depth) {
            push_value(statement, column, value);
        }
        statement.push(")");
    }
    statement.push(")");
}

fn push_value(statement: &mut QueryBuilder<Postgres>, column: &Column, value: &str) {
    statement.push("CAST(").push_bind(value.to_owned()).push(" AS ").push(column.kind.cast()).push(")");
}

/// The condition on the project. The indexes over all projects are for lists that are really of all of them.
fn push_scope(statement: &mut QueryBuilder<Postgres>, table: &Table, query: &Query, scope: &Scope) {
    let Some(column) = table.project else { return };
    match scope {
        Scope::Project(project) => {
            statement.push(" AND ").push(column).push(" = ").push_bind(project.0.clone());
        }
        // always true: it names the indexes over all projects
        Scope::Every if query.filters.iter().all(|filter| !filter.is_project()) => {
            statement.push(" AND (").push(column).push(" || '') IS NOT NULL");
        }
        Scope::Every => {}
    }
}

fn push_where(statement: &mut QueryBuilder<Postgres>, table: &Table, query: &Query) {
    statement.push(" WHERE ").push(table.live);
    push_scope(statement, table, query, &query.scope);
    for filter in &query.filters {
        statement.push(" AND ");
        push_filter(statement, filter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static COLUMNS: [Column; 4] = [
        Column::new("id", "t.id", Kind::Uuid),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::nullable("display_name", "t.name", Kind::Text),
        Column::new("size", "t.size_gib", Kind::Integer),
    ];
    static TABLE: Table = Table {
        select: "t.id",
        from: "things AS t",
        live: "t.deleted_at IS NULL",
        project: Some("t.project_id"),
        columns: &COLUMNS,
    };

    fn sql(query: &Query, after: Option<&[String]>) -> String {
        let sort = full_sort(&TABLE, &query.sort);
        page_query(&TABLE, query, &sort, after).into_string()
    }

    #[test]
    fn newest_first_by_default() {
        assert_eq!(
            sql(&Query::newest(Scope::Every, 3), None),
            "SELECT t.id FROM things AS t WHERE t.deleted_at IS NULL AND (t.project_id || '') IS NOT NULL \
             ORDER BY t.created_at DESC, t.id DESC LIMIT $1"
        );
    }

    #[test]
    fn one_project_of_all_is_not_looked_for_in_an_index_over_all() {
        static PROJECT: Column = Column::new("project_id", "t.project_id", Kind::Text);
        let filters = vec![Filter::Is(&PROJECT, "p".to_owned())];
        assert_eq!(
            sql(&Query { filters, ..Query::newest(Scope::Every, 3) }, None),
            "SELECT t.id FROM things AS t WHERE t.deleted_at IS NULL AND t.project_id = $1 \
             ORDER BY t.created_at DESC, t.id DESC LIMIT $2"
        );
    }

    #[test]
    fn a_text_is_compared_as_it_is_ordered_and_a_missing_one_is_not_the_empty_one() {
        let name = TABLE.column("display_name").unwrap();
        for (text, condition) in [
            ("a", "AND COALESCE(t.name, '') = $2 ORDER"),
            ("", "AND COALESCE(t.name, '') = $2 AND t.name IS NOT NULL ORDER"),
        ] {
            let filters = vec![Filter::Is(name, text.to_owned())];
            let text = sql(&Query { filters, ..Query::newest(Scope::Project(ProjectId::from("p")), 1) }, None);
            assert!(text.contains(condition), "{text}");
        }
    }

    #[test]
    fn nothing_is_ordered_behind_the_id() {
        let columns = ["size", "id", "created_at"].map(|key| (TABLE.column(key).unwrap(), Direction::Ascending));
        let sorted: Vec<_> = full_sort(&TABLE, &columns).iter().map(|(column, _)| column.key).collect();
        assert_eq!(sorted, ["size", "id"]);
    }

    #[test]
    fn one_direction_is_a_row_comparison() {
        let query = Query::newest(Scope::Project(ProjectId::from("p")), 3);
        let after = ["2026-01-01".to_owned(), "x".to_owned()];
        assert_eq!(
            sql(&query, Some(&after)),
            "SELECT t.id FROM things AS t WHERE t.deleted_at IS NULL AND t.project_id = $1 \
             AND (t.created_at, t.id) < (CAST($2 AS timestamptz), CAST($3 AS uuid)) \
             ORDER BY t.created_at DESC, t.id DESC LIMIT $4"
        );
    }

    #[test]
    fn mixed_directions_are_spelled_out_and_ties_follow_the_first() {
        let size = TABLE.column("size").unwrap();
        let name = TABLE.column("display_name").unwrap();
        let mut query = Query::newest(Scope::Every, 1);
        query.sort = vec![(size, Direction::Ascending), (name, Direction::Descending)];
        let sort = full_sort(&TABLE, &query.sort);
        assert_eq!(
            sort[2..].iter().map(|(c, d)| (c.key, *d)).collect::<Vec<_>>(),
            vec![("created_at", Direction::Ascending), ("id", Direction::Ascending)]
        );
        let after: Vec<String> = ["1", "a", "2026-01-01", "x"].map(str::to_owned).to_vec();
        let text = sql(&query, Some(&after));
        assert!(text.contains("(t.size_gib > CAST($1 AS bigint)) OR (t.size_gib = CAST($2 AS bigint) AND COALESCE(t.name, '') < CAST($3 AS text))"), "{text}");
    }

    #[test]
    fn a_filter_that_the_column_can_not_hold_matches_nothing() {
        let mut query = Query::newest(Scope::Every, 1);
        for (key, text) in [("id", "nope"), ("size", "x"), ("created_at", "yesterday"), ("display_name", "a\0b")] {
            query.filters = vec![Filter::Is(TABLE.column(key).unwrap(), text.to_owned())];
            assert!(sql(&query, None).contains("AND false ORDER"), "{key}");
        }
    }
}
