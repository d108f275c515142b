//! What can go wrong between us and the database.

/// A failure of the catalogue itself. Broken rules (a wrong status, a full quota) are not here: each
/// operation has its own error for those, and carries this one as its last variant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be reached, refused us, or failed; a retry may help.
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
    /// No connection could be made at all.
    #[error("no connection to Postgres at {address}")]
    Unreachable {
        /// Host and port, or the socket's directory and port.
        address: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row holds something that this release can not read.
    #[error("{table} {id}: {what}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The row's key.
        id: String,
        /// What is wrong with it.
        what: String,
    },
    /// A row that had to change was not in the state that the change starts from.
    #[error("{table} {id} is no longer in the state that this change starts from")]
    Stale {
        /// The table.
        table: &'static str,
        /// The row's key.
        id: String,
    },
}

/// The catalogue's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What a caller who has waited long enough takes for an answer.
    pub fn no_answer() -> Self {
        Self::Database(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
    }

    /// Whether a text was at fault that no database of ours can hold or compare with: one with a NUL.
    pub fn is_unstorable_text(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.is_some_and(|code| code == "22021" || code == "22P05")
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => {
                matches!(
                    error,
                    sqlx::Error::Io(_)
                        | sqlx::Error::Tls(_)
                        | sqlx::Error::PoolTimedOut
                        | sqlx::Error::PoolClosed
                        | sqlx::Error::WorkerCrashed
                ) || error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| {
                    // connection failures, server shutting down or starting, serialisation failures, deadlocks; and
                    // logins that are refused, as by the wrong server on that port: nothing of what was asked is at fault
                    code.starts_with("08")
                        || code.starts_with("28")
                        || code == "3D000"
                        || code.starts_with("57P")
                        || code == "40001"
                        || code == "40P01"
                        || code.starts_with("53")
                })
            }
            Self::Unreachable { .. } => true,
            Self::Migrate(_) | Self::Inconsistent { .. } | Self::Stale { .. } => false,
        }
    }
}
