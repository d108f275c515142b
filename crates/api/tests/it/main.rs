//! The API over real HTTP on a real Postgres, without a worker: what a worker would leave is put into the rows.
//!
//! `CINDERVAULT_TEST_DATABASE_URL` names a server on which databases may be made; every test has its own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that can not go on has failed")]

mod attachments;
mod backups_change;
mod backups_create;
mod backups_list;
mod backups_records;
mod backups_restore;
mod backups_show;
mod image_metadata;
mod messages;
mod neighbours;
mod openapi;
mod quota_sets;
mod services;
mod snapshots;
mod support;
mod transfers;
mod transport;
mod types;
mod volumes;
mod volumes_change;
