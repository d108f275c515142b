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
                ) || error
                    .as_database_error()
                    .and_then(sqlx::error::DatabaseError::code)
                    .is_some_and(|code| passes(&code))
            }
            Self::Unreachable { .. } => true,
            Self::Migrate(_) | Self::Inconsistent { .. } | Self::Stale { .. } => false,
        }
    }
}

/// Whether what Postgres answered with passes without anybody changing what was asked.
fn passes(code: &str) -> bool {
    match code {
        // a server that became a standby, or that is to be written by nobody for a while
        "25006" |
        // a transaction that lay still, or took too long: it lost its connection
        "25P03" | "25P04" |
        // a database that is not there, as on the wrong server on that port
        "3D000" |
        // what two transactions do to each other: serialisation, a commit that nobody knows of, deadlock
        "40001" | "40003" | "40P01" |
        // a lock that was waited for too long; a database that is being copied or moved
        "55P03" | "55006" |
        // a statement that took too long, or that an operator has cancelled
        "57014" => true,
        // connections that fail; logins that are refused; memory, disk or connections used up; a server that shuts
        // down, starts or crashed; what its own machine fails at: nothing of what was asked is at fault
        _ => ["08", "28", "53", "57P", "58"].iter().any(|class| code.starts_with(class)),
    }
}
