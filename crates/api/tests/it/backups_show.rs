//! One backup (cases 19 to 40).

use serde_json::json;
use uuid::Uuid;

use crate::support::{BackupRow, OTHER, PROJECT, with_server};

const KEYS: [&str; 17] = [
    "availability_zone",
    "container",
    "created_at",
    "data_timestamp",
    "description",
    "fail_reason",
    "has_dependent_backups",
    "id",
    "is_incremental",
    "links",
    "name",
    "object_count",
    "size",
    "snapshot_id",
    "status",
    "updated_at",
    "volume_id",
];

#[tokio::test]
async fn all_of_it() {
    with_server(async |server| {
        let row = BackupRow { snapshot: Some(Uuid::new_v4()), metadata: json!({"k": "v"}), ..BackupRow::new("b", 1) };
        let id = server.backup(&row).await;
        let show = async |version: &str| server.get(&format!("/backups/{id}")).at(version).send().await.expect(200);
        let body = show("3.0").await;
        let backup = body["backup"].as_object().unwrap();
        let mut keys: Vec<&str> = backup.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, KEYS);
        assert_eq!(body["backup"]["size"], 1);
        assert_eq!(body["backup"]["object_count"], 0);
        assert_eq!(body["backup"]["created_at"], "2026-01-01T00:00:01.000000");
        assert_eq!(body["backup"]["data_timestamp"], body["backup"]["created_at"]);
        assert_eq!(body["backup"]["updated_at"], json!(null));
        assert_eq!(body["backup"]["snapshot_id"], row.snapshot.unwrap().to_string());
        let base = format!("http://{}", server.address);
        assert_eq!(
            body["backup"]["links"],
            json!([
                { "rel": "self", "href": format!("{base}/v3/{PROJECT}/backups/{id}") },
                { "rel": "bookmark", "href": format!("{base}/{PROJECT}/backups/{id}") },
            ])
        );
        for (key, version, before) in [
            ("os-backup-project-attr:project_id", "3.18", "3.17"),
            ("metadata", "3.43", "3.42"),
            ("user_id", "3.56", "3.55"),
        ] {
            assert!(!show(version).await["backup"][key].is_null(), "{key}");
            assert!(show(before).await["backup"].get(key).is_none(), "{key}");
        }
        assert_eq!(show("3.71").await["backup"]["metadata"], json!({"k": "v"}));

        assert!(show("3.64").await["backup"].get("encryption_key_id").is_none());
        server.run(&format!("UPDATE backups SET encryption_key_id = '{}'", Uuid::nil())).await;
        assert!(show("3.64").await["backup"].get("encryption_key_id").is_none());
        server.run(&format!("UPDATE backups SET encryption_key_id = '{id}'")).await;
        assert_eq!(show("3.64").await["backup"]["encryption_key_id"], id.to_string());
        assert!(show("3.63").await["backup"].get("encryption_key_id").is_none());
    })
    .await;
}

#[tokio::test]
async fn chains() {
    with_server(async |server| {
        let full = server.backup(&BackupRow::new("full", 1)).await;
        let middle = server.backup(&BackupRow { parent: Some(full), ..BackupRow::new("middle", 2) }).await;
        let last = server.backup(&BackupRow { parent: Some(middle), ..BackupRow::new("last", 3) }).await;
        let flags = async |id: Uuid| {
            let body = server.get(&format!("/backups/{id}")).send().await.expect(200);
            (body["backup"]["is_incremental"].clone(), body["backup"]["has_dependent_backups"].clone())
        };
        assert_eq!(flags(full).await, (json!(false), json!(true)));
        assert_eq!(flags(middle).await, (json!(true), json!(true)));
        assert_eq!(flags(last).await, (json!(true), json!(false)));
        // an increment that never was finished is none
        server.run(&format!("UPDATE backups SET status = 'error' WHERE id = '{last}'")).await;
        assert_eq!(flags(middle).await, (json!(true), json!(false)));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there() {
    with_server(async |server| {
        for id in ["00000000-0000-4000-8000-000000000000", "not-a-uuid", "x%2Fy"] {
            let told = id.replace("%2F", "/");
            server
                .get(&format!("/backups/{id}"))
                .send()
                .await
                .expect_missing(&format!("Backup {told} could not be found."));
        }
        let id = server.backup(&BackupRow::new("b", 1)).await;
        server.get(&format!("/backups/{}", id.simple())).send().await.expect(404);
        server.run("UPDATE backups SET deleted_at = now(), status = 'deleted'").await;
        server.get(&format!("/backups/{id}")).send().await.expect(404);
        // an administrator, as everybody is without authentication, sees every project's by id
        let foreign = server.backup(&BackupRow { project: OTHER, ..BackupRow::new("f", 1) }).await;
        server.get(&format!("/backups/{foreign}")).send().await.expect(200);
    })
    .await;
}
