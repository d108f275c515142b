//! Updating, deleting and resetting backups (cases 115 to 138 and 173 to 180).

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BackupRow, OTHER, PROJECT, id_of, with_server};

const UNKNOWN: &str = "/backups/00000000-0000-4000-8000-000000000000";

#[tokio::test]
async fn updates() {
    with_server(async |server| {
        let row = BackupRow { metadata: json!({"b": "1"}), status: "deleting", ..BackupRow::new("b", 1) };
        let path = format!("/backups/{}", server.backup(&row).await);
        let update = async |backup: Value, version: &str| {
            server.put(&path, &json!({ "backup": backup })).at(version).send().await
        };
        let shown = async || server.get(&path).at("3.43").send().await.expect(200)["backup"].clone();
        let body = update(json!({ "name": " n ", "description": " d\n" }), "3.9").await.expect(200);
        assert_eq!(body["backup"].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "name", "links"]);
        assert_eq!(body["backup"]["name"], "n");
        assert_eq!(shown().await["description"], "d");
        let before = shown().await;
        update(json!({}), "3.9").await.expect(200);
        assert_eq!(shown().await, before);
        update(json!({ "name": null }), "3.9").await.expect(200);
        assert_eq!(shown().await["name"], json!(null));
        assert_eq!(shown().await["description"], "d");
        assert_eq!(update(json!({ "metadata": {"a": "1"} }), "3.42").await.status, 400);
        assert_eq!(update(json!({ "metadata": null }), "3.43").await.status, 400);
        assert_eq!(shown().await["metadata"], json!({"b": "1"}));
        update(json!({ "metadata": {"a": "1"} }), "3.43").await.expect(200);
        assert_eq!(shown().await["metadata"], json!({"a": "1"}));
        assert_eq!(shown().await["status"], "deleting");
        assert_eq!(update(json!({ "id": "x" }), "3.9").await.status, 400);
        assert_eq!(update(json!(null), "3.9").await.status, 400);
        server.put(&path, &json!(null)).at("3.9").send().await.expect_bad("None is not of type 'object'");
        server.put(&path, &json!({})).at("3.9").send().await.expect_bad("'backup' is a required property");
        server.put(UNKNOWN, &json!({ "backup": {} })).at("3.9").send().await.expect(404);
        // the openstack client asks for the deletion of the keys that are to stay
        assert_eq!(server.delete(&format!("{path}/metadata/a")).at("3.43").send().await.status, 404);
        assert_eq!(shown().await["metadata"], json!({"a": "1"}));
    })
    .await;
}

#[tokio::test]
async fn deletes() {
    with_server(async |server| {
        let volume = BackupRow::new("", 0).volume;
        for status in ["available", "error"] {
            let id = server.backup(&BackupRow { volume, status, ..BackupRow::new("b", 1) }).await;
            let answer = server.delete(&format!("/backups/{id}")).send().await;
            assert_eq!((answer.status, answer.text.as_str()), (202, ""));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(server.status("backups", id).await, "deleting");
            let job = server.jobs().await.pop().unwrap();
            assert_eq!(job, json!({ "kind": "backup_delete", "backup": id, "volume": volume }));
        }
        for status in ["creating", "restoring", "deleting", "error_deleting"] {
            let id = server.backup(&BackupRow { status, ..BackupRow::new("b", 1) }).await;
            server
                .delete(&format!("/backups/{id}"))
                .send()
                .await
                .expect_bad("Invalid backup: Backup status must be available or error");
        }
        server
            .delete(UNKNOWN)
            .send()
            .await
            .expect_missing("Backup 00000000-0000-4000-8000-000000000000 could not be found.");
        server.delete("/backups/detail").send().await.expect_missing("Backup detail could not be found.");

        // increments keep it, in whatever status and project they are
        let parent = server.backup(&BackupRow::new("parent", 1)).await;
        let child = BackupRow { parent: Some(parent), status: "error", project: OTHER, ..BackupRow::new("c", 2) };
        let child = server.backup(&child).await;
        let dependents = "Invalid backup: Incremental backups exist for this backup.";
        server.delete(&format!("/backups/{parent}")).send().await.expect_bad(dependents);
        server.delete(&format!("/backups/{child}")).send().await.expect(202);
        server.delete(&format!("/backups/{parent}")).send().await.expect_bad(dependents);
        server.run(&format!("UPDATE backups SET deleted_at = now(), status = 'deleted' WHERE id = '{child}'")).await;
        server.lose_the_worker().await;
        server
            .delete(&format!("/backups/{parent}"))
            .send()
            .await
            .expect_missing("Service cinder-backup could not be found.");
        assert_eq!(server.status("backups", parent).await, "available");
        server.catalog.heartbeat("cinder-backup", "lab", "nova").await.unwrap();
        server.delete(&format!("/backups/{parent}")).send().await.expect(202);
    })
    .await;
}

#[tokio::test]
async fn a_parent_is_not_deleted_under_its_child() {
    with_server(async |server| {
        for at in 0..12 {
            let volume = server.volume(1, "available").await;
            let parent = server.backup(&BackupRow { volume, ..BackupRow::new("parent", at) }).await;
            let create = server.post("/backups", &json!({ "backup": { "volume_id": volume, "incremental": true } }));
            let path = format!("/backups/{parent}");
            let (created, deleted) = tokio::join!(create.send(), server.delete(&path).send());
            assert_eq!([created.status, deleted.status].iter().filter(|&&status| status == 202).count(), 1);
            let child = server.value(&format!("SELECT count(*) FROM backups WHERE parent_id = '{parent}'")).await;
            assert_eq!(child.as_deref(), Some(if created.status == 202 { "1" } else { "0" }));
            server.run("DELETE FROM backups").await;
        }
    })
    .await;
}

#[tokio::test]
async fn forced_deletes_are_not_supported() {
    with_server(async |server| {
        let id = server.backup(&BackupRow { status: "creating", ..BackupRow::new("b", 1) }).await;
        for body in [json!({ "os-force_delete": null }), json!({ "os-force_delete": {} })] {
            server.post(&format!("/backups/{id}/action"), &body).send().await.expect_fault(
                405,
                "badMethod",
                "Operation not supported: force delete.",
            );
            server.post(&format!("{UNKNOWN}/action"), &body).send().await.expect(404);
        }
    })
    .await;
}

#[tokio::test]
async fn resets() {
    with_server(async |server| {
        let id = server.backup(&BackupRow { status: "restoring", ..BackupRow::new("b", 1) }).await;
        let reset = async |body: Value| {
            server.post(&format!("/backups/{id}/action"), &json!({ "os-reset_status": body })).send().await
        };
        let spec = json!({ "kind": "backup_restore", "backup": id, "volume": id, "new_volume": false });
        server
            .run(&format!(
                "INSERT INTO jobs (id, kind, target_id, project_id, spec, lock_keys)
                 VALUES (gen_random_uuid(), 'backup_restore', '{id}', 'p', '{spec}', '{{}}')"
            ))
            .await;
        for (word, status) in [("ERROR", "error"), ("available", "available")] {
            let answer = reset(json!({ "status": word })).await;
            assert_eq!((answer.status, answer.text.as_str()), (202, ""));
            assert_eq!(server.status("backups", id).await, status);
        }
        assert_eq!(server.value("SELECT cancel_requested FROM jobs").await.as_deref(), Some("true"));
        reset(json!({ "status": "bogus" }))
            .await
            .expect_bad("Backup status: bogus is invalid, valid statuses are: ['available', 'error'].");
        reset(json!({})).await.expect_bad(
            "Invalid input for field/attribute os-reset_status. Value: {}. 'status' is a required property",
        );
        for body in [
            json!({ "status": null }),
            json!({ "status": "" }),
            json!({ "status": "restoring" }),
            json!({ "status": "error", "attach_status": "detached" }),
            json!({ "status": "error", "migration_status": null }),
            json!(null),
        ] {
            assert_eq!(reset(body.clone()).await.status, 400, "{body}");
        }
        let body = json!({ "os-reset_status": { "status": "error" } });
        server.post(&format!("{UNKNOWN}/action"), &body).send().await.expect(404);
        server.lose_the_worker().await;
        reset(json!({ "status": "error" })).await.expect_missing("Service cinder-backup could not be found.");
        assert_eq!(server.status("backups", id).await, "available");
        server.ask(Method::GET, &format!("/backups/{id}/action")).send().await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn who_cancelled_is_told_by_name_to_the_project_only_where_that_is_one_of_its_people() {
    with_server(async |server| {
        for (project, said) in [(PROJECT, "cancelled by user root"), (OTHER, "cancelled by an administrator")] {
            let made =
                server.post("/backups", &json!({ "backup": { "volume_id": server.volume(1, "available").await } }));
            let id = id_of(&made.send().await.expect(202));
            let cancel = server.ask_at(Method::POST, &format!("/v3/{project}/cindervault/backups/{id}/cancel"));
            cancel.with("x-auth-token", &format!("root:{project}")).send().await.expect(202);
            let shown = server.get(&format!("/backups/{id}")).send().await.expect(200);
            assert_eq!(shown["backup"]["fail_reason"], said);
        }
    })
    .await;
}
