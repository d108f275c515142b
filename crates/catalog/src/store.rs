//! The connection to Postgres.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use crate::{Error, Result};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// How long a caller waits for a free connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the first connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a transaction may lie still. All of ours are a few statements in a row: what lies still is a process that
/// was stopped, or that cannot reach the server any more, while it holds the rows of a job that others wait to take over.
const IDLE_IN_TRANSACTION: (&str, &str) = ("idle_in_transaction_session_timeout", "5s");

/// The catalogue: a handle to the database, cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub(crate) pool: PgPool,
}

impl Catalog {
    /// Connects with at most `connections` connections, which the server lists under this name. Fails at once when it
    /// can not be reached.
    ///
    /// # Errors
    /// The URL can not be parsed, or Postgres refuses or does not answer.
    pub async fn connect(url: &str, name: &str, connections: u32) -> Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name(name).options([IDLE_IN_TRANSACTION]);
        // a pool tries until its time is up, and then says only that; one connection says what is wrong
        let unreachable =
            |source| Error::Unreachable { address: format!("{}:{}", options.get_host(), options.get_port()), source };
        match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
            Ok(first) => first.map_err(unreachable)?.close().await?,
            Err(_) => return Err(unreachable(sqlx::Error::PoolTimedOut)),
        }
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Brings the schema up to date. Safe to run from several processes at once.
    ///
    /// # Errors
    /// A migration failed, or the database was migrated by a later release.
    pub async fn migrate(&self) -> Result<()> {
        Ok(MIGRATIONS.run(&self.pool).await?)
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// It gave none.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// How long the database's server has been running.
    ///
    /// # Errors
    /// The database failed.
    pub async fn server_age(&self) -> Result<Duration> {
        let seconds: f64 = sqlx::query_scalar("SELECT extract(epoch FROM now() - pg_postmaster_start_time())::float8")
            .fetch_one(&self.pool)
            .await?;
        Ok(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    /// Closes all connections and waits for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
