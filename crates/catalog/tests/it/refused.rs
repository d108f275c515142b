//! A Postgres that does not let us in: what was asked is not at fault, and may be asked again.

use std::time::Duration;

use catalog::Error;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::support::with_database;

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
