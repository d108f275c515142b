//! Restoring backups (cases 139 to 155).

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{BackupRow, PROJECT, with_server};

#[tokio::test]
async fn onto_a_volume() {
    with_server(async |server| {
        let id = server.backup(&BackupRow::new("b", 1)).await;
        let volume = server.volume(5, "available").await;
        let body = json!({ "restore": { "volume_id": volume, "name": "ignored" } });
        let answer = server.post(&format!("/backups/{id}/restore"), &body).send().await.expect(202);
        assert_eq!(answer, json!({ "restore": { "backup_id": id, "volume_id": volume, "volume_name": "vol" } }));
        assert_eq!(server.status("volumes", volume).await, "restoring-backup");
        assert_eq!(server.status("backups", id).await, "restoring");
        let target = server.value(&format!("SELECT restore_volume_id FROM backups WHERE id = '{id}'")).await;
        assert_eq!(target, Some(volume.to_string()));
        assert_eq!(
            server.jobs().await,
            [json!({ "kind": "backup_restore", "backup": id, "volume": volume, "new_volume": false })]
        );
        server
            .post(&format!("/backups/{id}/restore"), &body)
            .send()
            .await
            .expect_bad("Invalid backup: Backup status must be available");
    })
    .await;
}

#[tokio::test]
async fn to_a_new_volume() {
    with_server(async |server| {
        for (restore, name) in [
            (json!({}), None),
            (json!({ "volume_id": null, "name": null }), None),
            (json!({ "name": "vol-01" }), Some("vol-01")),
            (json!({ "name": "" }), Some("")),
        ] {
            let id = server.backup(&BackupRow { size: 2, ..BackupRow::new("b", 1) }).await;
            let path = format!("/backups/{id}/restore");
            let answer = server.post(&path, &json!({ "restore": restore })).send().await.expect(202);
            let name = name.map_or_else(|| format!("restore_backup_{id}"), str::to_owned);
            assert_eq!(answer["restore"]["volume_name"], name);
            let volume: Uuid = answer["restore"]["volume_id"].as_str().unwrap().parse().unwrap();
            assert_eq!(server.status("volumes", volume).await, "restoring-backup");
            let row = server
                .value(&format!(
                    "SELECT (name, description, size_gib, project_id, availability_zone) FROM volumes WHERE id = '{volume}'"
                ))
                .await
                .unwrap();
            let quoted = if name.is_empty() { "\"\"".to_owned() } else { name };
            assert_eq!(row, format!("({quoted},auto-created_from_restore_from_backup,2,{PROJECT},nova)"));
            assert_eq!(server.jobs().await.pop().unwrap()["new_volume"], true);
        }
    })
    .await;
}

#[tokio::test]
async fn quotas_of_the_new_volume() {
    with_server(async |server| {
        let id = server.backup(&BackupRow { size: 2, ..BackupRow::new("b", 1) }).await;
        server.volume(2, "available").await;
        let restore = async || server.post(&format!("/backups/{id}/restore"), &json!({ "restore": {} })).send().await;
        server.run(&format!("INSERT INTO quotas VALUES ('{PROJECT}', 'gigabytes', 3)")).await;
        restore().await.expect_fault(
            413,
            "overLimit",
            "Requested volume or snapshot exceeds allowed gigabytes quota. Requested 2G, quota is 3G and 2G has been \
             consumed.",
        );
        server.run("DELETE FROM quotas").await;
        server.run(&format!("INSERT INTO quotas VALUES ('{PROJECT}', 'volumes', 1)")).await;
        restore().await.expect_fault(
            413,
            "overLimit",
            "Maximum number of volumes allowed (1) exceeded for quota 'volumes'.",
        );
        assert_eq!(server.status("backups", id).await, "available");
        assert_eq!(server.value("SELECT count(*) FROM volumes").await.as_deref(), Some("1"));
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_restored() {
    with_server(async |server| {
        let id = server.backup(&BackupRow { size: 10, ..BackupRow::new("b", 1) }).await;
        let path = format!("/backups/{id}/restore");
        let restore =
            async |volume: Uuid| server.post(&path, &json!({ "restore": { "volume_id": volume } })).send().await;
        restore(server.volume(5, "available").await)
            .await
            .expect_bad("Invalid volume: volume size 5 is too small to restore backup of size 10.");
        for status in ["attaching", "in-use", "backing-up"] {
            restore(server.volume(10, status).await)
                .await
                .expect_bad("Invalid volume: Volume to be restored to must be available");
        }
        let unknown = Uuid::new_v4();
        restore(unknown).await.expect_missing(&format!("Volume {unknown} could not be found."));
        server
            .post("/backups/x/restore", &json!({ "restore": {} }))
            .send()
            .await
            .expect_missing("Backup x could not be found.");
        server.post(&path, &json!(null)).send().await.expect_bad("None is not of type 'object'");
        server.post(&path, &json!({ "restore": { "": "" } })).send().await.expect_bad(
            "Invalid input for field/attribute restore. Value: {'': ''}. Additional properties are not allowed \
             ('' was unexpected)",
        );
        assert_eq!(server.post(&path, &json!({ "restore": null })).send().await.status, 400);
        server.lose_the_worker().await;
        let none = "Service cinder-backup could not be found.";
        restore(server.volume(15, "available").await).await.expect_missing(none);
        server.post(&path, &json!({ "restore": {} })).send().await.expect_missing(none);
        assert_eq!(server.status("backups", id).await, "available");
        let left = "SELECT count(*) FROM volumes WHERE name LIKE 'restore%' OR status LIKE 'restoring%'";
        assert_eq!(server.value(left).await.as_deref(), Some("0"));
        assert_eq!(server.jobs().await, Vec::<Value>::new());
    })
    .await;
}

#[tokio::test]
async fn a_worker_in_another_zone_is_none() {
    with_server(async |server| {
        let id = server.backup(&BackupRow::new("b", 1)).await;
        server.run("UPDATE backups SET availability_zone = 'elsewhere'").await;
        let path = format!("/backups/{id}/restore");
        server.post(&path, &json!({ "restore": {} })).send().await.expect(404);
        server.run("UPDATE backups SET availability_zone = 'nova'").await;
        server.catalog.set_service_enabled("cinder-backup", "lab", false, None).await.unwrap();
        server.post(&path, &json!({ "restore": {} })).send().await.expect(404);
        server.catalog.set_service_enabled("cinder-backup", "lab", true, None).await.unwrap();
        server.post(&path, &json!({ "restore": {} })).send().await.expect(202);
    })
    .await;
}
