//! The catalogue against a real Postgres: transactions, races, leases. `CINDERVAULT_TEST_DATABASE_URL`
//! names a server on which databases may be made; every test gets one of its own.

mod attachments;
mod jobs;
mod quotas;
mod services;
mod snapshots;
mod support;
mod types;
mod volumes;
