//! Export and import (cases 156 to 172).

use base64::Engine;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, BackupRow, OTHER, PROJECT, Server, with_server};

const SERVICE: &str = "cinder.backup.drivers.ceph.CephBackupDriver";

async fn import(server: &Server, service: &str, url: &str) -> Answer {
    let body = json!({ "backup-record": { "backup_service": service, "backup_url": url } });
    server.post("/backups/import_record", &body).send().await
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

async fn encode(server: &Server, record: &Value) -> String {
    let sql = format!("encode(convert_to('{}', 'UTF8'), 'base64')", record.to_string().replace('\'', "''"));
    server.value(&sql).await.unwrap()
}

async fn decode(server: &Server, url: &str) -> Value {
    let sql = format!("convert_from(decode('{url}', 'base64'), 'UTF8')");
    serde_json::from_str(&server.value(&sql).await.unwrap()).unwrap()
}

#[tokio::test]
async fn export_then_import() {
    with_server(async |server| {
        let parent = server.backup(&BackupRow::new("full", 1)).await;
        let row = BackupRow { parent: Some(parent), metadata: json!({"k": "v"}), ..BackupRow::new("b", 2) };
        let id = server.backup(&row).await;
        let exported = server.get(&format!("/backups/{id}/export_record")).send().await.expect(200);
        assert_eq!(exported["backup-record"]["backup_service"], SERVICE);
        let url = exported["backup-record"]["backup_url"].as_str().unwrap();
        let record = decode(server, url).await;
        assert_eq!(record.as_object().unwrap().len(), 29);
        for (key, value) in [
            ("id", json!(id)),
            ("parent_id", json!(parent)),
            ("volume_id", json!(row.volume)),
            ("status", json!("available")),
            ("size", json!(1)),
            ("display_name", json!("b")),
            ("metadata", json!({"k": "v"})),
            ("driver_info", json!({})),
            ("created_at", json!("2026-01-01T00:00:02Z")),
            ("data_timestamp", json!("2026-01-01T00:00:02Z")),
            ("deleted", json!(false)),
            ("num_dependent_backups", json!(0)),
            ("container", json!("backups")),
        ] {
            assert_eq!(record[key], value, "{key}");
        }
        let of_parent = server.get(&format!("/backups/{parent}/export_record")).send().await.expect(200);
        let of_parent = decode(server, of_parent["backup-record"]["backup_url"].as_str().unwrap()).await;
        assert_eq!(of_parent["num_dependent_backups"], 1);

        import(server, SERVICE, url).await.expect_bad("Invalid backup: Backup already exists in database.");
        // a deleted one is taken up again, by whoever imports it
        server
            .run(&format!(
                "UPDATE backups SET deleted_at = now(), status = 'deleted', project_id = '{OTHER}' WHERE id = '{id}'"
            ))
            .await;
        let body = import(server, SERVICE, url).await.expect(201);
        assert_eq!(body["backup"]["id"], id.to_string());
        let shown = server.get(&format!("/backups/{id}")).at("3.18").send().await.expect(200);
        assert_eq!(shown["backup"]["status"], "creating");
        assert_eq!(shown["backup"]["volume_id"], Uuid::nil().to_string());
        assert_eq!(shown["backup"]["os-backup-project-attr:project_id"], PROJECT);
        let job = server.jobs().await.pop().unwrap();
        assert_eq!(job["kind"], "backup_import");
        assert_eq!(job["service"], SERVICE);
        assert_eq!(job["record"], record);
        import(server, SERVICE, url).await.expect_bad("Invalid backup: Backup already exists in database.");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_exported() {
    with_server(async |server| {
        server.get("/backups/x/export_record").send().await.expect_missing("Backup x could not be found.");
        let id = server.backup(&BackupRow { status: "restoring", ..BackupRow::new("b", 1) }).await;
        let path = format!("/backups/{id}/export_record");
        server.get(&path).send().await.expect_bad("Invalid backup: Backup status must be available and not restoring.");
        server.run("UPDATE backups SET status = 'available', service = 'another.Driver'").await;
        server.get(&path).send().await.expect_bad(
            "Invalid backup: Export record aborted, the backup service currently configured \
             [cinder.backup.drivers.ceph.CephBackupDriver] is not the backup service that was used to create this \
             backup [another.Driver].",
        );
        server.run("UPDATE backups SET service = 'cinder.backup.drivers.ceph'").await;
        server.get(&path).send().await.expect(200);
        server.lose_the_worker().await;
        server.get(&path).send().await.expect_missing("Service cinder-backup could not be found.");
    })
    .await;
}

#[tokio::test]
async fn a_new_record() {
    with_server(async |server| {
        let id = Uuid::new_v4();
        let url = encode(server, &json!({ "id": id, "size": 3 })).await;
        let body = import(server, "fake", &url).await.expect(201);
        assert_eq!(body["backup"]["id"], id.to_string());
        assert_eq!(body["backup"]["name"], json!(null));
        let shown = server.get(&format!("/backups/{id}")).send().await.expect(200);
        assert_eq!(shown["backup"]["size"], 3);
        // openstacksdk posts it to where it exports from
        let url = encode(server, &json!({ "id": Uuid::new_v4(), "size": 3 })).await;
        let body = json!({ "backup-record": { "backup_service": "", "backup_url": url } });
        server.post("/backups/export_record", &body).send().await.expect(201);
    })
    .await;
}

/// Some JSON that no export writes.
fn hostile() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[^\\x00]{0,30}".prop_map(Value::from),
        Just(json!("../../volume-1")),
        Just(json!("a\0b")),
        Just(json!("x".repeat(20_000))),
        Just(Value::from(json!({ "base": "volumes/volume-1@snap" }).to_string())),
        Just(Value::from(json!({ "base": ["volume-1"] }).to_string())),
    ];
    leaf.prop_recursive(6, 48, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..5).prop_map(Value::from),
            prop::collection::vec(("\\PC{1,9}", inner), 1..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What imports write.
async fn written(server: &Server) -> String {
    let tables = ["backups", "jobs", "quotas", "messages", "volumes"];
    let rows: Vec<String> =
        tables.iter().map(|table| format!("(SELECT json_agg(row ORDER BY row::text) FROM {table} AS row)")).collect();
    server.value(&format!("json_build_array({})", rows.join(", "))).await.unwrap()
}

#[tokio::test]
async fn a_record_that_is_refused_changes_nothing_and_one_that_is_not_is_the_callers() {
    let uuids = ["id", "volume_id", "parent_id", "snapshot_id", "temp_volume_id", "restore_volume_id"];
    let keys =
        ["size", "object_count", "metadata", "service_metadata", "driver_info", "deleted", "project_id", "status"];
    let key = prop::sample::select([uuids.as_slice(), keys.as_slice()].concat());
    let strategy = (key, hostile(), any::<bool>());
    let mut runner = TestRunner::deterministic();
    with_server(async |server| {
        let there = server.backup(&BackupRow::new("there", 1)).await;
        let (mut refused, mut taken) = (0, 0);
        for _ in 0..150 {
            let (key, value, existing) = strategy.new_tree(&mut runner).unwrap().current();
            let id = if existing { there } else { Uuid::new_v4() };
            let mut record = json!({ "id": id, "size": 1, "volume_id": Uuid::new_v4(), "project_id": OTHER });
            record[key] = value;
            let before = written(server).await;
            let answer = import(server, SERVICE, &base64(record.to_string().as_bytes())).await;
            if answer.status == 201 {
                taken += 1;
                let made = answer.json()["backup"]["id"].as_str().unwrap().to_owned();
                assert_ne!(made, there.to_string());
                let owner = server.value(&format!("SELECT project_id FROM backups WHERE id = '{made}'")).await;
                assert_eq!(owner.as_deref(), Some(PROJECT), "{record}");
            } else {
                refused += 1;
                // 413: some are more than a body may be
                assert!([400, 413].contains(&answer.status), "{record}: {}", answer.text);
                assert_eq!(written(server).await, before, "{record}");
            }
        }
        // both were seen
        assert!(refused > 50 && taken > 0, "{refused} refused, {taken} taken");
    })
    .await;
}

#[tokio::test]
async fn records_that_are_refused() {
    with_server(async |server| {
        let post = async |record: Value| {
            server.post("/backups/import_record", &json!({ "backup-record": record })).send().await
        };
        post(json!({})).await.expect_bad(
            "Invalid input for field/attribute backup-record. Value: {}. 'backup_service' is a required property",
        );
        post(json!({ "backup_url": "fake" })).await.expect_bad(
            "Invalid input for field/attribute backup-record. Value: {'backup_url': 'fake'}. 'backup_service' is a \
             required property",
        );
        for record in [
            json!({ "backup_service": null, "backup_url": "fake" }),
            json!({ "backup_service": "x", "backup_url": "" }),
            json!({ "backup_service": "x", "backup_url": "fak" }),
            json!({ "backup_service": "x".repeat(256), "backup_url": "fake" }),
        ] {
            assert_eq!(post(record.clone()).await.status, 400, "{record}");
        }
        server.post("/backups/import_record", &json!(null)).send().await.expect_bad("None is not of type 'object'");
        import(server, "x", "fake").await.expect_bad("Invalid input received: Can't parse backup record.");
        let id = Uuid::new_v4();
        let without_id = encode(server, &json!({ "size": 1 })).await;
        import(server, "x", &without_id)
            .await
            .expect_bad("Invalid input received: Provided backup record is missing an id");
        let without_size = encode(server, &json!({ "id": id })).await;
        import(server, "x", &without_size)
            .await
            .expect_bad("Invalid input received: Provided backup record is missing size attribute");
        let trick = json!({ "id": id, "size": 1, "service_metadata": r#"{"base": "../other/volume"}"# });
        let trick = encode(server, &trick).await;
        import(server, "x", &trick)
            .await
            .expect_bad("Invalid input received: Provided backup record has an invalid service_metadata");

        let good = encode(server, &json!({ "id": id, "size": 1 })).await;
        server.run(&format!("INSERT INTO quotas VALUES ('{PROJECT}', 'backups', 0)")).await;
        import(server, "x", &good).await.expect_fault(
            413,
            "overLimit",
            "BackupLimitExceeded: Maximum number of backups allowed (0) exceeded",
        );
        server.lose_the_worker().await;
        import(server, "fake", "fake").await.expect_fault(
            503,
            "serviceUnavailable",
            "Service fake could not be found.",
        );
        assert_eq!(server.value("SELECT count(*) FROM backups").await.as_deref(), Some("0"));
        assert_eq!(server.jobs().await, Vec::<Value>::new());
    })
    .await;
}
