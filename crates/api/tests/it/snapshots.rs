//! `/snapshots` (API spec 11.2).

use serde_json::{Value, json};

use crate::neighbours::{UNKNOWN, jobs, set_status, snapshot, v, volume};
use crate::support::{PROJECT, Server, with_server};

async fn action(server: &Server, id: &str, body: Value) -> crate::support::Answer {
    server.post(&format!("/snapshots/{id}/action"), &body).send().await
}

async fn shown(server: &Server, id: &str) -> Value {
    server.get(&format!("/snapshots/{id}")).send().await.expect(200)["snapshot"].clone()
}

#[tokio::test]
async fn views() {
    with_server(async |server| {
        let volume = volume(server, 2).await;
        let body = json!({ "snapshot": { "volume_id": volume, "name": " s ", "description": "d", "metadata": null } });
        let made = server.post("/snapshots", &body).send().await.expect(202)["snapshot"].clone();
        let keys: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            ["id", "created_at", "updated_at", "name", "description", "volume_id", "status", "size", "metadata"]
        );
        assert_eq!((&made["name"], &made["size"], &made["status"]), (&json!("s"), &json!(2), &json!("creating")));
        assert_eq!(jobs(server, "snapshot_create").await, 1);
        let id = made["id"].as_str().unwrap();
        let seen = shown(server, id).await;
        assert_eq!(seen["os-extended-snapshot-attributes:project_id"], PROJECT);
        assert_eq!(seen["os-extended-snapshot-attributes:progress"], "0%");
        for (key, minor) in [("group_snapshot_id", 14), ("user_id", 41), ("consumes_quota", 65)] {
            let at = async |minor| server.get(&format!("/snapshots/{id}")).at(&v(minor)).send().await.expect(200);
            assert!(at(minor - 1).await["snapshot"].get(key).is_none(), "{key} before 3.{minor}");
            assert!(at(minor).await["snapshot"].get(key).is_some(), "{key} at 3.{minor}");
        }
        let listed = server.get("/snapshots").at("3.71").send().await.expect(200)["snapshots"][0].clone();
        assert_eq!(listed.as_object().unwrap().len(), 9);
    })
    .await;
}

#[tokio::test]
async fn a_volume_in_use_needs_force_until_it_does_not() {
    with_server(async |server| {
        let volume = volume(server, 1).await;
        set_status(server, "volumes", &volume, "in-use").await;
        let create = async |minor: u16, force: Option<bool>| {
            let mut body = json!({ "snapshot": { "volume_id": volume } });
            if let Some(force) = force {
                body["snapshot"]["force"] = json!(force);
            }
            server.post("/snapshots", &body).at(&v(minor)).send().await
        };
        assert_eq!(
            create(65, None).await.fault(400, "badRequest"),
            format!("Invalid volume: Volume {volume} status must be available, but current status is: in-use.")
        );
        create(65, Some(true)).await.expect(202);
        create(66, None).await.expect(202);
        create(66, Some(true)).await.expect(202);
        create(66, Some(false)).await.fault(400, "badRequest");
        set_status(server, "volumes", &volume, "backing-up").await;
        assert_eq!(
            create(65, Some(true)).await.fault(400, "badRequest"),
            format!(
                "Invalid volume: Volume {volume} status must be available, in-use, but current status is: backing-up."
            )
        );
    })
    .await;
}

#[tokio::test]
async fn what_create_refuses() {
    with_server(async |server| {
        let create = async |snapshot: Value| server.post("/snapshots", &json!({ "snapshot": snapshot })).send().await;
        assert_eq!(
            create(json!({ "volume_id": UNKNOWN })).await.fault(404, "itemNotFound"),
            format!("Volume {UNKNOWN} could not be found.")
        );
        assert_eq!(
            create(json!({ "volume_id": null })).await.fault(404, "itemNotFound"),
            "Volume None could not be found."
        );
        assert_eq!(
            create(json!({ "name": "x" })).await.fault(400, "badRequest"),
            "Invalid input for field/attribute snapshot. Value: {'name': 'x'}. 'volume_id' is a required property"
        );
        let volume = volume(server, 1).await;
        create(json!({ "volume_id": volume, "description": "a\tb" })).await.fault(400, "badRequest");
        server
            .put(&format!("/os-quota-sets/{PROJECT}"), &json!({ "quota_set": { "snapshots": 0 } }))
            .send()
            .await
            .expect(200);
        assert_eq!(
            create(json!({ "volume_id": volume })).await.fault(413, "overLimit"),
            "SnapshotLimitExceeded: Maximum number of snapshots allowed (0) exceeded"
        );
        assert_eq!(jobs(server, "snapshot_create").await, 0);
    })
    .await;
}

#[tokio::test]
async fn update_and_metadata() {
    with_server(async |server| {
        let volume = volume(server, 1).await;
        let id = snapshot(server, &volume).await;
        let path = format!("/snapshots/{id}");
        let changed = server.put(&path, &json!({ "snapshot": { "display_name": "new" } })).send().await.expect(200);
        assert_eq!(changed["snapshot"]["name"], "new");
        server.put(&path, &json!({ "snapshot": {} })).send().await.fault(400, "badRequest");

        let path = format!("{path}/metadata");
        server.post(&path, &json!({ "metadata": { "a": "1" } })).send().await.expect(200);
        let item = format!("{path}/a");
        assert_eq!(server.get(&item).send().await.expect(200), json!({ "meta": { "a": "1" } }));
        server.put(&item, &json!({ "meta": { "a": "2" } })).send().await.expect(200);
        server.delete(&item).send().await.expect(200);
        assert_eq!(
            server.delete(&item).send().await.fault(404, "itemNotFound"),
            format!("Snapshot {id} has no metadata with key a.")
        );
        let all = server.put(&path, &json!({ "metadata": { "b": "3" } })).send().await.expect(200);
        assert_eq!(all, json!({ "metadata": { "b": "3" } }));
        let listed = server.get("/snapshots?metadata=%7B%22b%22:%223%22%7D").at("3.22").send().await.expect(200);
        assert_eq!(listed["snapshots"][0]["id"], json!(id));
        let listed = server.get("/snapshots?metadata=%7B%22b%22:%224%22%7D").at("3.22").send().await.expect(200);
        assert_eq!(listed["snapshots"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn only_a_quiet_snapshot_is_deleted() {
    with_server(async |server| {
        let volume = volume(server, 1).await;
        let id = snapshot(server, &volume).await;
        let path = format!("/snapshots/{id}");
        set_status(server, "snapshots", &id, "backing-up").await;
        assert_eq!(
            server.delete(&path).send().await.fault(400, "badRequest"),
            "Invalid snapshot: Snapshot status must be available or error and must not be part of a group."
        );
        action(server, &id, json!({ "os-force_delete": {} })).await.expect(202);
        assert_eq!(
            (shown(server, &id).await["status"].clone(), jobs(server, "snapshot_delete").await),
            (json!("deleting"), 1)
        );
        server.delete(&format!("/snapshots/{UNKNOWN}")).send().await.fault(404, "itemNotFound");
    })
    .await;
}

#[tokio::test]
async fn resets_and_reports() {
    with_server(async |server| {
        let volume = volume(server, 1).await;
        let id = snapshot(server, &volume).await;
        let report = async |status: &str, progress: Value| {
            action(server, &id, json!({ "os-update_snapshot_status": { "status": status, "progress": progress } }))
                .await
        };
        report("error", json!("1%")).await.fault(400, "badRequest");
        action(server, &id, json!({ "os-reset_status": { "status": "creating" } })).await.expect(202);
        assert_eq!(shown(server, &id).await["status"], "available", "the job that makes it has not ended");
        server.run("UPDATE jobs SET state = 'done', finished_at = now()").await;
        action(server, &id, json!({ "os-reset_status": { "status": "bogus" } })).await.fault(400, "badRequest");
        action(server, &id, json!({ "os-reset_status": { "status": "creating" } })).await.expect(202);
        report("creating", json!("80%")).await.expect(202);
        assert_eq!(shown(server, &id).await["os-extended-snapshot-attributes:progress"], "80%");
        report("deleting", Value::Null).await.fault(400, "badRequest");
        report("available", json!("much")).await.fault(400, "badRequest");
        report("available", json!("100%")).await.expect(202);
        assert_eq!(shown(server, &id).await["status"], "available");
    })
    .await;
}

#[tokio::test]
async fn sorting_by_name_has_a_version() {
    with_server(async |server| {
        server.get("/snapshots?sort=name:asc").at("3.29").send().await.fault(400, "badRequest");
        server.get("/snapshots?sort=name:asc").at("3.30").send().await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn snapshots_are_listed_in_the_order_of_any_column() {
    with_server(async |server| {
        let volume = server.volume(1, "available").await;
        let wanted = server.snapshot(volume, "available", 1).await;
        for column in catalog::snapshots::TABLE.columns {
            let key = column.key;
            let body = server.get(&format!("/snapshots?sort={key}:asc")).send().await.expect(200);
            assert_eq!(body["snapshots"][0]["id"], wanted.to_string(), "{key}");
        }
    })
    .await;
}
