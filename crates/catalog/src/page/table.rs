//! What there is to be listed, and under which keys. Every piece of SQL in it is a literal of this crate.

use sqlx::{Postgres, QueryBuilder};

/// What a column holds, and so how a filter's text is compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A UUID.
    Uuid,
    /// A whole number.
    Integer,
    /// A boolean.
    Boolean,
    /// A point in time.
    Time,
}

impl Kind {
    /// What a missing value counts as (API spec 6.1).
    fn lowest(self) -> &'static str {
        match self {
            Self::Text => "''",
            Self::Uuid => "'00000000-0000-0000-0000-000000000000'::uuid",
            Self::Integer => "0",
            Self::Boolean => "false",
            Self::Time => "'1900-01-01 00:00:00+00'::timestamptz",
        }
    }

    pub(super) fn cast(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Uuid => "uuid",
            Self::Integer => "bigint",
            Self::Boolean => "boolean",
            Self::Time => "timestamptz",
        }
    }
}

/// A key that a list can be sorted and filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The word used in the API.
    pub key: &'static str,
    /// The SQL expression, over the table's alias.
    pub sql: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a value may be missing.
    pub nullable: bool,
}

impl Column {
    /// A column that is never missing.
    pub const fn new(key: &'static str, sql: &'static str, kind: Kind) -> Self {
        Self { key, sql, kind, nullable: false }
    }

    /// A column whose value may be missing.
    pub const fn nullable(key: &'static str, sql: &'static str, kind: Kind) -> Self {
        Self { key, sql, kind, nullable: true }
    }

    pub(super) fn push_ordered(&self, query: &mut QueryBuilder<Postgres>) {
        if self.nullable {
            query.push("COALESCE(").push(self.sql).push(", ").push(self.kind.lowest()).push(")");
        } else {
            query.push(self.sql);
        }
    }
}

/// The records that a list is about.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The select list: what `T: FromRow` needs.
    pub select: &'static str,
    /// The `FROM` clause, with the alias that the expressions use.
    pub from: &'static str,
    /// What every listed row fulfils, usually `x.deleted_at IS NULL`.
    pub live: &'static str,
    /// The project's column; `None` for records that belong to nobody.
    pub project: Option<&'static str>,
    /// All sortable and filterable columns. `id` and `created_at` must be among them.
    pub columns: &'static [Column],
}

impl Table {
    /// The column that the API calls `key`.
    pub fn column(&self, key: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.key == key)
    }
}
