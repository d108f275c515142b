//! Reading messages, and having read them.

use sqlx::FromRow;
use uuid::Uuid;

use super::{Action, Detail};
use crate::page::{self, Column, Kind, Page, Query, Scope, Table, UnknownMarker};
use crate::{Catalog, MessageId, ProjectId, Result, Time};

/// A row of `messages`; the fields are the columns.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who may read it.
    pub project_id: ProjectId,
    /// The request that asked for what failed.
    pub request_id: Option<String>,
    /// What it is about: `VOLUME_BACKUP`, `VOLUME`.
    pub resource_type: String,
    /// Which one it is about.
    pub resource_uuid: Option<Uuid>,
    /// What was being done.
    pub action_id: Action,
    /// What went wrong.
    pub detail_id: Detail,
    /// How bad it is: `ERROR`.
    pub message_level: String,
    /// When it was written.
    pub created_at: Time,
    /// Until when it is kept.
    pub expires_at: Time,
}

impl Message {
    /// The event's name: `VOLUME_VOLUME_BACKUP_013_020`.
    pub fn event_id(&self) -> String {
        format!("VOLUME_{}_{}_{}", self.resource_type, self.action_id, self.detail_id)
    }

    /// What the user reads.
    pub fn text(&self) -> String {
        format!("{}:{}", self.action_id.text(), self.detail_id.text())
    }
}

/// The select list of [`Message`] over the alias `m`.
macro_rules! message_columns {
    () => {
        "m.id, m.project_id, m.request_id, m.resource_type, m.resource_uuid, m.action_id, m.detail_id,
         m.message_level, m.created_at, m.expires_at"
    };
}

/// How messages are listed.
pub static TABLE: Table = Table {
    select: message_columns!(),
    from: "messages AS m",
    live: "m.expires_at > now()",
    project: Some("m.project_id"),
    columns: &[
        Column::new("id", "m.id", Kind::Uuid),
        Column::new("created_at", "m.created_at", Kind::Time),
        Column::new(
            "event_id",
            "('VOLUME_' || m.resource_type || '_' || m.action_id || '_' || m.detail_id)",
            Kind::Text,
        ),
        Column::new("resource_type", "m.resource_type", Kind::Text),
        Column::nullable("resource_uuid", "m.resource_uuid", Kind::Uuid),
        Column::nullable("request_id", "m.request_id", Kind::Text),
        Column::new("message_level", "m.message_level", Kind::Text),
        Column::new("guaranteed_until", "m.expires_at", Kind::Time),
        Column::new("expires_at", "m.expires_at", Kind::Time),
        Column::new("action_id", "m.action_id", Kind::Text),
        Column::new("detail_id", "m.detail_id", Kind::Text),
        Column::new("project_id", "m.project_id", Kind::Text),
    ],
};

impl Catalog {
    /// The message with this id, if it is in the scope and not expired.
    ///
    /// # Errors
    /// The database failed.
    pub async fn message(&self, id: MessageId, scope: &Scope) -> Result<Option<Message>> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages AS m
               WHERE m.id = $1 AND m.expires_at > now() AND ($2::text IS NULL OR m.project_id = $2)"
        ))
        .bind(id)
        .bind(scope.project())
        .fetch_optional(&self.pool)
        .await?)
    }

    /// One page of messages.
    ///
    /// # Errors
    /// The database failed; the inner error says that the marker is unknown.
    pub async fn messages(&self, query: &Query) -> Result<std::result::Result<Page<Message>, UnknownMarker>> {
        page::list(&self.pool, &TABLE, query).await
    }

    /// Deletes a message. `false` when there is no such message in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_message(&self, id: MessageId, scope: &Scope) -> Result<bool> {
        let deleted = sqlx::query("DELETE FROM messages WHERE id = $1 AND ($2::text IS NULL OR project_id = $2)")
            .bind(id)
            .bind(scope.project())
            .execute(&self.pool)
            .await?
            .rows_affected();
        Ok(deleted == 1)
    }

    /// Removes messages that have expired, up to a bound, and returns how many they were. To be called now and
    /// then; expired messages are not shown in the meantime.
    ///
    /// # Errors
    /// The database failed.
    pub async fn reap_messages(&self) -> Result<u64> {
        /// At most so many in one call, so that a call is short.
        const BATCH: i64 = 1000;
        Ok(sqlx::query(
            "DELETE FROM messages
              WHERE id = ANY (ARRAY(SELECT id FROM messages
                                     WHERE expires_at <= now() AND (project_id || '') IS NOT NULL
                                     ORDER BY expires_at LIMIT $1))",
        )
        .bind(BATCH)
        .execute(&self.pool)
        .await?
        .rows_affected())
    }
}
