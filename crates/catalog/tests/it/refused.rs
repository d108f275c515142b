//! A Postgres that does not let us in, or not write: what was asked is not at fault, and may be asked again.

use std::time::Duration;

use catalog::volumes::Source;
use catalog::{Catalog, Error};
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::support::{new_volume, placement, scope, with_database};

#[tokio::test]
async fn a_refused_login_and_a_missing_database_are_transient() {
    with_database(async |database| {
        let usual: PgConnectOptions = database.url.parse().unwrap();
        for options in [usual.clone().username("nobody-of-that-name"), usual.database("nothing-of-that-name")] {
            let pool = PgPoolOptions::new().acquire_timeout(Duration::from_secs(30)).connect_lazy_with(options);
            let error = Error::from(sqlx::query("SELECT 1").execute(&pool).await.unwrap_err());
            assert!(error.is_transient(), "{error:?}");
        }
    })
    .await;
}

/// What Postgres says of itself passes; what it says of the statement does not.
#[tokio::test]
async fn which_refusals_pass() {
    let table = [
        (true, "08000 08006 25006 25P03 25P04 28000 28P01 3D000 40001 40003 40P01 53000 53100 53200 53300 53400"),
        (true, "55006 55P03 57014 57P01 57P02 57P03 57P04 57P05 58000 58030 58P01 58P02"),
        (false, "22001 22021 22P02 22P05 23502 23503 23505 23514 25001 25P02 42501 42601 42703 42P01 XX000 XX001"),
    ];
    with_database(async |database| {
        let pool = sqlx::PgPool::connect(&database.url).await.unwrap();
        for (passes, codes) in table {
            for code in codes.split(' ') {
                let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '{code}'; END $$");
                let error = sqlx::query(AssertSqlSafe(raise)).execute(&pool).await.unwrap_err();
                assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some(code));
                assert_eq!(Error::from(error).is_transient(), passes, "{code}");
            }
        }
        pool.close().await;
    })
    .await;
}

/// As after a failover to a standby.
#[tokio::test]
async fn a_database_that_only_reads_is_transient() {
    with_database(async |database| {
        let set = format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name);
        sqlx::raw_sql(AssertSqlSafe(set)).execute(&database.sql).await.unwrap();
        let catalog = Catalog::connect(&database.url, "reads only", 2).await.unwrap();
        catalog.ping().await.unwrap();
        let refused = catalog.create_volume(&new_volume(1), Source::Empty, &scope(), &placement(), None).await;
        let error = refused.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        catalog.close().await;
    })
    .await;
}
