//! The catalogue against a real Postgres: transactions, races, leases. `CINDERVAULT_TEST_DATABASE_URL`
//! names a server on which databases may be made; every test gets one of its own.

#![expect(clippy::disallowed_methods, reason = "tests change what they like")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail the test that calls them")]

mod attachments;
mod backups;
mod cancels;
mod damage;
mod imports;
mod jobs;
mod plans;
mod quotas;
mod refused;
mod services;
mod snapshots;
mod support;
mod transitions;
mod types;
mod volumes;
mod workers;
