//! Conditions on listed rows, and how they are asked of Postgres. Every value is bound, none becomes SQL.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::table::{Column, Kind};

/// How a filter compares a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Later than.
    Greater,
    /// At or after.
    GreaterOrEqual,
    /// The same.
    Equal,
    /// Other than.
    NotEqual,
    /// Before.
    Less,
    /// At or before.
    LessOrEqual,
}

/// One condition on the listed rows. All of a query's filters must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// The column's value, written as text, is this one. A text that the column's kind can not hold
    /// matches nothing.
    Is(&'static Column, String),
    /// The column's text contains this one (`name~=…`).
    Contains(&'static Column, String),
    /// The column's value is missing.
    IsMissing(&'static Column),
    /// The JSON object in this SQL expression contains all of these pairs.
    HasMetadata(&'static str, serde_json::Map<String, serde_json::Value>),
    /// The column's time compares so with this one.
    Time(&'static Column, Comparison, crate::Time),
    /// The texts that this SQL query finds for the row have this one among them.
    Among(&'static str, String),
    /// All of these hold; with none it holds for every row.
    All(Vec<Filter>),
    /// One of these holds, or more.
    Any(Vec<Filter>),
    /// Nothing matches: the filter names something that does not exist.
    Never,
}

impl Filter {
    /// Whether it leaves one project's records.
    pub(super) fn is_project(&self) -> bool {
        matches!(self, Self::Is(column, _) if column.key == "project_id")
    }
}

pub(super) fn push_filter(statement: &mut QueryBuilder<Postgres>, filter: &Filter) {
    match filter {
        // Postgres text can not hold a NUL, so nothing stored contains one
        Filter::Is(_, text) | Filter::Contains(_, text) if text.contains('\0') => {
            statement.push("false");
        }
        Filter::Is(column, text) => push_is(statement, column, text),
        Filter::Contains(column, text) => {
            statement.push("strpos((").push(column.sql).push(")::text, ").push_bind(text.clone()).push(") > 0");
        }
        Filter::IsMissing(column) => {
            statement.push(column.sql).push(" IS NULL");
        }
        Filter::HasMetadata(sql, pairs) => {
            statement.push(*sql).push(" @> ").push_bind(sqlx::types::Json(pairs.clone()));
        }
        Filter::Time(column, comparison, at) => {
            statement.push(column.sql).push(match comparison {
                Comparison::Greater => " > ",
                Comparison::GreaterOrEqual => " >= ",
                Comparison::Equal => " = ",
                Comparison::NotEqual => " <> ",
                Comparison::Less => " < ",
                Comparison::LessOrEqual => " <= ",
            });
            statement.push_bind(*at);
        }
        Filter::All(filters) => {
            statement.push("(true");
            for filter in filters {
                statement.push(" AND ");
                push_filter(statement, filter);
            }
            statement.push(")");
        }
        Filter::Among(sql, text) => {
            statement.push_bind(text.clone()).push(" IN (").push(*sql).push(")");
        }
        Filter::Any(filters) => {
            statement.push("(false");
            for filter in filters {
                statement.push(" OR ");
                push_filter(statement, filter);
            }
            statement.push(")");
        }
        Filter::Never => {
            statement.push("false");
        }
    }
}

fn push_is(statement: &mut QueryBuilder<Postgres>, column: &Column, text: &str) {
    match column.kind {
        Kind::Text => {
            // written as in the order, so that one index serves both
            column.push_ordered(statement);
            statement.push(" = ").push_bind(text.to_owned());
            if column.nullable && text.is_empty() {
                statement.push(" AND ").push(column.sql).push(" IS NOT NULL");
            }
        }
        Kind::Uuid => match Uuid::try_parse(text) {
            Ok(id) if id.to_string() == text => {
                statement.push(column.sql).push(" = ").push_bind(id);
            }
            _ => {
                statement.push("false");
            }
        },
        Kind::Integer => match text.trim().parse::<i64>() {
            Ok(number) => {
                statement.push(column.sql).push(" = ").push_bind(number);
            }
            Err(_) => {
                statement.push("false");
            }
        },
        Kind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => {
                statement.push("(").push(column.sql).push(")");
            }
            "false" | "0" | "no" | "off" | "f" | "n" => {
                statement.push("NOT (").push(column.sql).push(")");
            }
            _ => {
                statement.push("false");
            }
        },
        Kind::Time => match crate::Time::parse(text) {
            Some(at) => {
                statement.push(column.sql).push(" = ").push_bind(at);
            }
            None => {
                statement.push("false");
            }
        },
    }
}
