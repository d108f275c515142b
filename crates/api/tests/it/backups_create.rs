//! Creating backups (cases 80 to 114).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{BackupRow, OTHER, PROJECT, Server, id_of, with_server};

async fn create(server: &Server, backup: &Value, version: &str) -> crate::support::Answer {
    server.post("/backups", &json!({ "backup": backup })).at(version).send().await
}

#[tokio::test]
async fn a_backup_of_a_volume() {
    with_server(async |server| {
        let volume = server.volume(5, "available").await;
        let body = json!({
            "volume_id": volume, "name": "  test ", "description": "\u{a0}padded ", "container": null,
            "snapshot_id": null, "incremental": "0", "force": "true",
        });
        let answer = create(server, &body, "3.0").await;
        let request_id = answer.header("x-openstack-request-id").unwrap().to_owned();
        let body = answer.expect(202);
        assert_eq!(body["backup"].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "name", "links"]);
        assert_eq!(body["backup"]["name"], "test");
        let id = id_of(&body);
        assert_eq!(server.status("volumes", volume).await, "backing-up");
        let previous = format!("SELECT previous_status FROM volumes WHERE id = '{volume}'");
        assert_eq!(server.value(&previous).await.as_deref(), Some("available"));
        assert_eq!(
            server.jobs().await,
            [json!({ "kind": "backup_create", "backup": id, "volume": volume, "incremental": false })]
        );
        assert_eq!(server.value("SELECT request_id FROM jobs").await, Some(request_id));
        let shown = server.get(&format!("/backups/{id}")).at("3.56").send().await.expect(200)["backup"].clone();
        for (key, value) in [
            ("status", json!("creating")),
            ("size", json!(5)),
            ("object_count", json!(0)),
            ("availability_zone", json!(null)),
            ("container", json!(null)),
            ("description", json!("padded")),
            ("is_incremental", json!(false)),
            ("snapshot_id", json!(null)),
            ("metadata", json!({})),
            ("user_id", json!("alice")),
            ("os-backup-project-attr:project_id", json!(PROJECT)),
        ] {
            assert_eq!(shown[key], value, "{key}");
        }
        assert_eq!(shown["data_timestamp"], shown["created_at"]);
        // a second one has to wait for the first
        let again = create(server, &json!({ "volume_id": volume }), "3.0").await;
        again.expect_bad(
            "Invalid volume: Volume to be backed up must be available or in-use, but the current status is \"backing-up\".",
        );
    })
    .await;
}

#[tokio::test]
async fn fields_by_version() {
    with_server(async |server| {
        let volume = server.volume(1, "available").await;
        let refused = create(server, &json!({ "volume_id": volume, "metadata": {"a": "b"} }), "3.42").await;
        refused.expect_bad(&format!(
            "Invalid input for field/attribute backup. Value: {{'volume_id': '{volume}', 'metadata': {{'a': 'b'}}}}. \
             Additional properties are not allowed ('metadata' was unexpected)"
        ));
        assert_eq!(create(server, &json!({ "volume_id": volume, "availability_zone": "z" }), "3.50").await.status, 400);
        let body = json!({ "volume_id": volume, "metadata": {"a": "b"}, "availability_zone": "z", "container": "c" });
        let id = id_of(&create(server, &body, "3.51").await.expect(202));
        let shown = server.get(&format!("/backups/{id}")).at("3.51").send().await.expect(200);
        assert_eq!(shown["backup"]["metadata"], json!({"a": "b"}));
        assert_eq!(shown["backup"]["availability_zone"], "z");
        assert_eq!(shown["backup"]["container"], "c");
        let other = server.volume(1, "available").await;
        let body = json!({ "volume_id": other, "metadata": null, "availability_zone": "", "name": "\u{1f600}" });
        let id = id_of(&create(server, &body, "3.51").await.expect(202));
        let shown = server.get(&format!("/backups/{id}")).at("3.51").send().await.expect(200);
        assert_eq!(shown["backup"]["metadata"], json!({}));
        assert_eq!(shown["backup"]["availability_zone"], json!(null));
        assert_eq!(shown["backup"]["name"], "\u{1f600}");
    })
    .await;
}

#[tokio::test]
async fn bodies_that_do_not_fit() {
    with_server(async |server| {
        let volume = server.volume(1, "available").await;
        let long = "n".repeat(256);
        for body in [
            json!({ "volume_id": null }),
            json!({ "volume_id": volume, "name": long }),
            json!({ "volume_id": volume, "name": "a\0b" }),
            json!({ "volume_id": volume, "container": long }),
            json!({ "volume_id": volume, "display_name": "x" }),
            json!({ "volume_id": volume, "type": "x" }),
            json!({ "volume_id": volume, "force": 1 }),
            json!({ "volume_id": volume, "force": null }),
            json!({ "volume_id": volume, "force": "maybe" }),
            json!({ "volume_id": volume, "description": "a\nb" }),
            json!({ "volume_id": volume, "description": "\u{1f600}" }),
            json!({ "volume_id": volume, "snapshot_id": "" }),
            json!({ "volume_id": volume, "metadata": {"k": 1} }),
            json!({ "volume_id": volume, "metadata": {"k": null} }),
            json!({ "volume_id": volume, "metadata": {"a#b": "x"} }),
            json!({ "volume_id": volume, "metadata": {"": "x"} }),
            json!(null),
            json!([]),
        ] {
            assert_eq!(create(server, &body, "3.71").await.status, 400, "{body}");
        }
        create(server, &json!({ "name": "x" }), "3.0").await.expect_bad(
            "Invalid input for field/attribute backup. Value: {'name': 'x'}. 'volume_id' is a required property",
        );
        create(server, &json!({ "volume_id": "abc" }), "3.0")
            .await
            .expect_bad("Invalid input for field/attribute volume_id. Value: abc. 'abc' is not a 'uuid'");
        let many = server.post("/backups", &json!({ "backup": { "volume_id": volume }, "type": 1 })).send().await;
        many.expect_bad("Additional properties are not allowed ('type' was unexpected)");
        assert_eq!(server.jobs().await, Vec::<Value>::new());
        assert_eq!(server.status("volumes", volume).await, "available");
    })
    .await;
}

#[tokio::test]
async fn volumes_and_snapshots_must_be_ready() {
    with_server(async |server| {
        let unknown = Uuid::new_v4();
        create(server, &json!({ "volume_id": unknown }), "3.0")
            .await
            .expect_missing(&format!("Volume {unknown} could not be found."));
        let dashless = server.volume(1, "available").await.simple().to_string();
        create(server, &json!({ "volume_id": dashless }), "3.0")
            .await
            .expect_missing(&format!("Volume {dashless} could not be found."));

        let busy = server.volume(1, "in-use").await;
        create(server, &json!({ "volume_id": busy }), "3.0")
            .await
            .expect_bad("Invalid volume: Backing up an in-use volume must use the force flag.");
        create(server, &json!({ "volume_id": busy, "force": true }), "3.0").await.expect(202);

        let broken = server.volume(1, "error").await;
        for force in [false, true] {
            create(server, &json!({ "volume_id": broken, "force": force }), "3.0").await.expect_bad(
                "Invalid volume: Volume to be backed up must be available or in-use, but the current status is \"error\".",
            );
        }
        create(server, &json!({ "volume_id": broken, "snapshot_id": unknown }), "3.0")
            .await
            .expect_missing(&format!("Snapshot {unknown} could not be found."));
        let other = server.volume(1, "available").await;
        let snapshot = server.snapshot(other, "available", 1).await;
        create(server, &json!({ "volume_id": broken, "snapshot_id": snapshot }), "3.0").await.expect_bad(&format!(
            "Invalid volume: Volume {broken} does not match with snapshot.volume_id {other}."
        ));
        let bad = server.snapshot(broken, "error", 1).await;
        create(server, &json!({ "volume_id": broken, "snapshot_id": bad }), "3.0").await.expect_bad(
            "Invalid snapshot: Snapshot to be backed up must be available, but the current status is \"error\".",
        );
        // with a snapshot the volume's status does not matter, nor is it touched
        let good = server.snapshot(broken, "available", 77).await;
        let id = id_of(&create(server, &json!({ "volume_id": broken, "snapshot_id": good }), "3.0").await.expect(202));
        assert_eq!(server.status("snapshots", good).await, "backing-up");
        assert_eq!(server.status("volumes", broken).await, "error");
        let shown = server.get(&format!("/backups/{id}")).send().await.expect(200);
        assert_eq!(shown["backup"]["snapshot_id"], good.to_string());
        assert_eq!(shown["backup"]["data_timestamp"], "2026-01-01T00:01:17.000000");
    })
    .await;
}

#[tokio::test]
async fn parents() {
    with_server(async |server| {
        let none = "Invalid backup: No backups available to do an incremental backup.";
        let parent_of = async |body: &Value| {
            let volume = body["volume_id"].as_str().unwrap().to_owned();
            let id = id_of(&create(server, body, "3.0").await.expect(202));
            let parent = server.value(&format!("SELECT parent_id FROM backups WHERE id = '{id}'")).await;
            server.run(&format!("DELETE FROM backups WHERE id = '{id}'")).await;
            server.run(&format!("UPDATE volumes SET status = 'available' WHERE id = '{volume}'")).await;
            server.run("UPDATE snapshots SET status = 'available'").await;
            parent
        };
        let volume = server.volume(1, "available").await;
        let incremental = json!({ "volume_id": volume, "incremental": true });
        create(server, &incremental, "3.0").await.expect_bad(none);
        assert_eq!(server.status("volumes", volume).await, "available");

        let row = |name, at| BackupRow { volume, ..BackupRow::new(name, at) };
        server.backup(&BackupRow { status: "error", ..row("broken", 5) }).await;
        create(server, &incremental, "3.0").await.expect_bad(none);
        server.backup(&BackupRow { project: OTHER, ..row("foreign", 10) }).await;
        create(server, &incremental, "3.0").await.expect_bad(none);

        let old = server.backup(&row("old", 20)).await;
        let new = server.backup(&row("new", 40)).await;
        server.backup(&BackupRow { status: "error", ..row("failed", 50) }).await;
        assert_eq!(parent_of(&incremental).await, Some(new.to_string()));
        let between = server.snapshot(volume, "available", 30).await;
        let of_snapshot = |id| json!({ "volume_id": volume, "incremental": true, "snapshot_id": id });
        assert_eq!(parent_of(&of_snapshot(between)).await, Some(old.to_string()));
        // older than every backup: accepted when the newest is available
        let before = server.snapshot(volume, "available", 1).await;
        create(server, &of_snapshot(before), "3.0").await.expect_bad(none);
        server.run("DELETE FROM backups WHERE name = 'failed'").await;
        assert_eq!(parent_of(&of_snapshot(before)).await, Some(new.to_string()));
        assert_eq!(parent_of(&json!({ "volume_id": volume })).await, None);
    })
    .await;
}

#[tokio::test]
async fn quotas() {
    with_server(async |server| {
        let volume = server.volume(5, "available").await;
        let set = async |backups: i32, gigabytes: i32| {
            server
                .run(&format!(
                    "INSERT INTO quotas (project_id, resource, hard_limit)
                     VALUES ('{PROJECT}', 'backups', {backups}), ('{PROJECT}', 'backup_gigabytes', {gigabytes})
                         ON CONFLICT (project_id, resource) DO UPDATE SET hard_limit = excluded.hard_limit"
                ))
                .await;
        };
        server.backup(&BackupRow { status: "error", size: 2, ..BackupRow::new("b", 1) }).await;
        set(1, -1).await;
        let body = json!({ "volume_id": volume, "incremental": true });
        let full = create(server, &body, "3.0").await;
        assert_eq!(full.header("retry-after"), Some("0"));
        assert_eq!(
            full.expect(413),
            json!({ "overLimit": {
                "code": 413,
                "message": "BackupLimitExceeded: Maximum number of backups allowed (1) exceeded",
                "retryAfter": "0",
            } })
        );
        set(1, 6).await;
        create(server, &body, "3.0").await.expect_fault(
            413,
            "overLimit",
            "VolumeBackupSizeExceedsAvailableQuota: Requested backup exceeds allowed Backup gigabytes quota. \
             Requested 5G, quota is 6G and 2G has been consumed.",
        );
        assert_eq!(server.status("volumes", volume).await, "available");
        set(2, 7).await;
        create(server, &json!({ "volume_id": volume }), "3.0").await.expect(202);
    })
    .await;
}

#[tokio::test]
async fn of_many_at_once_one_wins() {
    with_server(async |server| {
        let volume = server.volume(1, "available").await;
        let body = json!({ "backup": { "volume_id": volume } });
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let url = format!("http://{}/v3/{PROJECT}/backups", server.address);
            let body = body.clone();
            requests.spawn(async move {
                let request = reqwest::Client::new().request(Method::POST, url).json(&body);
                request.send().await.unwrap().status().as_u16()
            });
        }
        let mut statuses = requests.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [202, 400, 400, 400, 400, 400, 400, 400]);
        assert_eq!(server.jobs().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_no_worker_takes_becomes_an_error() {
    with_server(async |server| {
        let busy = server.volume(1, "in-use").await;
        let source = server.volume(1, "available").await;
        let snapshot = server.snapshot(source, "available", 1).await;
        let of_volume = create(server, &json!({ "volume_id": busy, "force": true }), "3.0").await.expect(202);
        let of_snapshot =
            create(server, &json!({ "volume_id": source, "snapshot_id": snapshot }), "3.0").await.expect(202);
        let fail = async |after: u64| server.catalog.fail_unclaimed_creates(Duration::from_secs(after)).await.unwrap();
        assert_eq!(fail(0).await, 0, "there is a worker");
        server.lose_the_worker().await;
        assert_eq!(fail(3600).await, 0, "they have not waited long enough");
        assert_eq!(fail(0).await, 2);
        assert_eq!(fail(0).await, 0);
        for body in [&of_volume, &of_snapshot] {
            let shown = server.get(&format!("/backups/{}", id_of(body))).send().await.expect(200);
            assert_eq!(shown["backup"]["status"], "error");
            assert_eq!(shown["backup"]["fail_reason"], "Service not found for creating backup.");
            let query = format!("/messages?resource_uuid={}", id_of(body));
            let messages = server.get(&query).at("3.5").send().await.expect(200);
            assert_eq!(messages["messages"][0]["event_id"], "VOLUME_VOLUME_BACKUP_013_024");
        }
        assert_eq!(server.status("volumes", busy).await, "in-use");
        assert_eq!(server.status("snapshots", snapshot).await, "available");
        assert_eq!(server.value("SELECT count(*) FROM jobs WHERE state = 'failed'").await.as_deref(), Some("2"));
    })
    .await;
}
