//! `/volumes` (API spec 11.1): making, showing, listing and deleting them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::neighbours::{UNKNOWN, jobs, set_status, snapshot, v, volume};
use crate::support::{PROJECT, Server, with_server};

pub(crate) async fn action(server: &Server, id: &str, minor: u16, body: Value) -> crate::support::Answer {
    server.post(&format!("/volumes/{id}/action"), &body).at(&v(minor)).send().await
}

pub(crate) async fn shown(server: &Server, id: &str) -> Value {
    server.get(&format!("/volumes/{id}")).send().await.expect(200)["volume"].clone()
}

#[tokio::test]
async fn the_oldest_version_shows_these_keys() {
    with_server(async |server| {
        let id = volume(server, 2).await;
        let volume = shown(server, &id).await;
        let mut keys: Vec<&str> = volume.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        let mut expected = [
            "id",
            "status",
            "size",
            "availability_zone",
            "created_at",
            "updated_at",
            "name",
            "description",
            "volume_type",
            "snapshot_id",
            "source_volid",
            "metadata",
            "links",
            "user_id",
            "bootable",
            "encrypted",
            "replication_status",
            "consistencygroup_id",
            "multiattach",
            "attachments",
            "migration_status",
            "os-vol-tenant-attr:tenant_id",
            "os-vol-host-attr:host",
            "os-vol-mig-status-attr:migstat",
            "os-vol-mig-status-attr:name_id",
        ];
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(volume["bootable"], "false");
        assert_eq!(volume["encrypted"], false);
        assert_eq!(volume["volume_type"], "__DEFAULT__");
        assert_eq!(volume["os-vol-tenant-attr:tenant_id"], PROJECT);
        let created_at = volume["created_at"].as_str().unwrap();
        assert_eq!((created_at.len(), created_at.contains('Z')), (26, false), "{created_at}");
    })
    .await;
}

#[tokio::test]
async fn later_keys_appear_with_their_version() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        for (key, minor) in [
            ("group_id", 13),
            ("provider_id", 21),
            ("shared_targets", 48),
            ("service_uuid", 48),
            ("cluster_name", 61),
            ("volume_type_id", 63),
            ("consumes_quota", 65),
        ] {
            let at = async |minor| server.get(&format!("/volumes/{id}")).at(&v(minor)).send().await.expect(200);
            assert!(at(minor - 1).await["volume"].get(key).is_none(), "{key} before 3.{minor}");
            assert!(at(minor).await["volume"].get(key).is_some(), "{key} at 3.{minor}");
        }
    })
    .await;
}

#[tokio::test]
async fn create_answers_the_recorded_keys_and_queues_a_job() {
    with_server(async |server| {
        let body = json!({ "volume": { "size": "3", "name": "  n  ", "metadata": { "a": "b" } } });
        let volume = server.post("/volumes", &body).at("3.47").send().await.expect(202)["volume"].clone();
        let keys: Vec<&str> = volume.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "id",
                "status",
                "size",
                "availability_zone",
                "created_at",
                "updated_at",
                "name",
                "description",
                "volume_type",
                "snapshot_id",
                "source_volid",
                "metadata",
                "links",
                "user_id",
                "bootable",
                "encrypted",
                "replication_status",
                "consistencygroup_id",
                "multiattach",
                "attachments",
                "migration_status",
                "group_id",
                "provider_id",
            ]
        );
        assert_eq!((&volume["size"], &volume["name"], &volume["status"]), (&json!(3), &json!("n"), &json!("creating")));
        assert_eq!((&volume["metadata"], &volume["user_id"]), (&json!({"a": "b"}), &json!("alice")));
        assert_eq!(jobs(server, "volume_create").await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_create_refuses() {
    with_server(async |server| {
        let refused = async |volume: Value, minor: u16, status: u16| {
            let answer = server.post("/volumes", &json!({ "volume": volume })).at(&v(minor)).send().await;
            let name = if status == 404 { "itemNotFound" } else { "badRequest" };
            answer.fault(status, name)
        };
        assert!(refused(json!({}), 0, 400).await.starts_with("The server could not comply"));
        assert_eq!(
            refused(json!({"size": 0}), 0, 400).await,
            "Invalid input for field/attribute size. Value: 0. 0 is less than the minimum of 1"
        );
        assert_eq!(
            refused(json!({"size": 1, "name": "n".repeat(256)}), 0, 400).await,
            "Invalid input received: name has 256 characters, more than 255."
        );
        assert_eq!(
            refused(json!({"size": 1, "volume_type": "gold"}), 0, 404).await,
            "Volume type with name gold could not be found."
        );
        assert_eq!(
            refused(json!({"size": 1, "availability_zone": "atlantis"}), 0, 400).await,
            "Availability zone 'atlantis' is invalid."
        );
        assert_eq!(
            refused(json!({"snapshot_id": UNKNOWN}), 0, 404).await,
            format!("Snapshot {UNKNOWN} could not be found.")
        );
        assert_eq!(
            refused(json!({"source_volid": UNKNOWN}), 0, 404).await,
            format!("Volume {UNKNOWN} could not be found.")
        );
        assert_eq!(
            refused(json!({"backup_id": UNKNOWN}), 47, 404).await,
            format!("Backup {UNKNOWN} could not be found.")
        );
        assert!(refused(json!({"size": 1, "multiattach": true}), 0, 400).await.starts_with("multiattach"));
        assert!(
            refused(json!({"size": 1, "foo": 1}), 53, 400)
                .await
                .ends_with("Additional properties are not allowed ('foo' was unexpected)")
        );
        assert_eq!(jobs(server, "volume_create").await, 0);
        server.post("/volumes", &json!({ "volume": { "size": 1, "foo": 1 } })).at("3.52").send().await.expect(202);
    })
    .await;
}

#[tokio::test]
async fn a_volume_from_a_snapshot_or_a_volume_is_no_smaller() {
    with_server(async |server| {
        let source = volume(server, 2).await;
        let snapshot = snapshot(server, &source).await;
        let made = server.post("/volumes", &json!({ "volume": { "snapshot_id": snapshot } })).send().await.expect(202);
        assert_eq!((&made["volume"]["size"], &made["volume"]["snapshot_id"]), (&json!(2), &json!(snapshot)));
        let body = json!({ "volume": { "source_volid": source, "size": 3 } });
        let made = server.post("/volumes", &body).send().await.expect(202);
        assert_eq!((&made["volume"]["size"], &made["volume"]["source_volid"]), (&json!(3), &json!(source)));
        let body = json!({ "volume": { "source_volid": source, "size": 1 } });
        server.post("/volumes", &body).send().await.fault(400, "badRequest");
        set_status(server, "snapshots", &snapshot, "error").await;
        let refused = server.post("/volumes", &json!({ "volume": { "snapshot_id": snapshot } })).send().await;
        assert_eq!(
            refused.fault(400, "badRequest"),
            "Invalid snapshot: Originating snapshot status must be one of 'available' values"
        );
    })
    .await;
}

#[tokio::test]
async fn a_volume_from_a_backup_stays_creating_while_the_backup_is_restoring() {
    with_server(async |server| {
        let backup = Uuid::new_v4();
        sqlx::query(
            "INSERT INTO backups (id, project_id, user_id, volume_id, status, size_gib)
             VALUES ($1, $2, 'alice', gen_random_uuid(), 'available', 4)",
        )
        .bind(backup)
        .bind(PROJECT)
        .execute(&server.sql)
        .await
        .unwrap();
        let body = json!({ "volume": { "backup_id": backup, "name": "fromb" } });
        let made = server.post("/volumes", &body).at("3.47").send().await.expect(202);
        assert_eq!((&made["volume"]["size"], &made["volume"]["status"]), (&json!(4), &json!("creating")));
        let shown = server.get(&format!("/backups/{backup}")).send().await.expect(200);
        assert_eq!(shown["backup"]["status"], "restoring");
        assert_eq!(jobs(server, "backup_restore").await, 1);
        let refused = server.post("/volumes", &body).at("3.47").send().await;
        assert_eq!(
            refused.fault(400, "badRequest"),
            "Invalid backup: Originating backup status must be one of 'available' values"
        );
    })
    .await;
}

#[tokio::test]
async fn a_full_quota_is_told_with_its_class() {
    with_server(async |server| {
        let limit = async |key: &str, limit: i32| {
            server
                .put(&format!("/os-quota-sets/{PROJECT}"), &json!({ "quota_set": { key: limit } }))
                .send()
                .await
                .expect(200)
        };
        let create = async || server.post("/volumes", &json!({ "volume": { "size": 2 } })).send().await;
        limit("per_volume_gigabytes", 1).await;
        assert_eq!(
            create().await.fault(413, "overLimit"),
            "VolumeSizeExceedsLimit: Requested volume size 2G is larger than maximum allowed limit 1G."
        );
        limit("per_volume_gigabytes", -1).await;
        limit("gigabytes", 1).await;
        let refused = create().await;
        assert_eq!(refused.header("retry-after"), Some("0"));
        assert_eq!(refused.json()["overLimit"]["retryAfter"], "0");
        assert_eq!(
            refused.fault(413, "overLimit"),
            "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested \
             2G, quota is 1G and 0G has been consumed."
        );
        limit("gigabytes", -1).await;
        limit("volumes", 0).await;
        assert_eq!(
            create().await.fault(413, "overLimit"),
            "VolumeLimitExceeded: Maximum number of volumes allowed (0) exceeded for quota 'volumes'."
        );
    })
    .await;
}

#[tokio::test]
async fn a_delete_needs_a_quiet_volume() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let path = format!("/volumes/{id}");
        for status in ["backing-up", "restoring-backup", "in-use", "creating"] {
            set_status(server, "volumes", &id, status).await;
            assert_eq!(
                server.delete(&path).send().await.fault(400, "badRequest"),
                "Invalid volume: Volume status must be available or error or error_restoring or error_extending or \
                 error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a \
                 transfer, or be disassociated from snapshots after volume transfer."
            );
        }
        set_status(server, "volumes", &id, "available").await;
        let snapshot = snapshot(server, &id).await;
        server.delete(&path).send().await.fault(400, "badRequest");
        assert_eq!(
            server.delete(&format!("{path}?cascade=maybe")).send().await.fault(400, "badRequest"),
            "Value 'maybe' for 'cascade' is not a boolean."
        );
        server.delete(&format!("{path}?cascade=True")).send().await.expect(202);
        let shown = server.get(&format!("/snapshots/{snapshot}")).send().await.expect(200);
        assert_eq!(shown["snapshot"]["status"], "deleting");
        assert_eq!(jobs(server, "volume_delete").await, 1);
        server.delete("/volumes/not-a-uuid").send().await.fault(404, "itemNotFound");
    })
    .await;
}

#[tokio::test]
async fn force_in_a_query_counts_from_its_version() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        set_status(server, "volumes", &id, "creating").await;
        server.delete(&format!("/volumes/{id}?force=True")).at("3.22").send().await.fault(400, "badRequest");
        server.delete(&format!("/volumes/{id}?force=True")).at("3.23").send().await.expect(202);
        let other = volume(server, 1).await;
        set_status(server, "volumes", &other, "maintenance").await;
        action(server, &other, 0, json!({ "os-force_delete": null })).await.expect(202);
    })
    .await;
}

#[tokio::test]
async fn lists_filter_and_page() {
    with_server(async |server| {
        let (first, second) = (volume(server, 1).await, volume(server, 2).await);
        server
            .put(&format!("/volumes/{first}"), &json!({ "volume": { "name": "one", "metadata": { "k": "v" } } }))
            .send()
            .await
            .expect(200);
        let ids = async |query: &str| -> Vec<String> {
            let page = server.get(&format!("/volumes{query}")).at("3.60").send().await.expect(200);
            let rows = page["volumes"].as_array().unwrap().clone();
            rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids("").await, [second.clone(), first.clone()]);
        assert_eq!(ids("?sort=size:asc").await, [first.clone(), second.clone()]);
        assert_eq!(ids("?name=one").await, [first.as_str()]);
        assert_eq!(ids("?metadata=%7B%27k%27%3A+%27v%27%7D").await, [first.as_str()]);
        assert_eq!(ids("?metadata=nonsense").await, [""; 0]);
        assert_eq!(ids("?bootable=false&size=2").await, [second.as_str()]);
        assert_eq!(ids("?created_at=gt:2001-01-01T00:00:00,lt:2999-01-01T00:00:00").await.len(), 2);
        assert_eq!(ids("?created_at=lt:2001-01-01T00:00:00").await, [""; 0]);
        server.get("/volumes?bootable=maybe").at("3.60").send().await.fault(400, "badRequest");
        server.get("/volumes?created_at=gt:maybe").at("3.60").send().await.fault(400, "badRequest");

        let page = server.get("/volumes/detail?limit=1").send().await.expect(200);
        assert_eq!(page["volumes"][0]["id"], json!(second));
        let next = page["volumes_links"][0]["href"].as_str().unwrap();
        assert!(next.ends_with(&format!("/v3/{PROJECT}/volumes/detail?limit=1&marker={second}")), "{next}");
        assert_eq!(ids(&format!("?marker={second}")).await, [first.as_str()]);
        assert_eq!(
            server.get(&format!("/volumes?marker={UNKNOWN}")).send().await.fault(404, "itemNotFound"),
            format!("Volume {UNKNOWN} could not be found.")
        );
        let counted = server.get("/volumes?with_count=true&limit=1").at("3.45").send().await.expect(200);
        assert_eq!(counted["count"], 2);
    })
    .await;
}

#[tokio::test]
async fn summary() {
    with_server(async |server| {
        volume(server, 1).await;
        let id = volume(server, 2).await;
        server.post(&format!("/volumes/{id}/metadata"), &json!({ "metadata": { "k": "v" } })).send().await.expect(200);
        server.get("/volumes/summary").at("3.11").send().await.fault(404, "itemNotFound");
        assert_eq!(
            server.get("/volumes/summary").at("3.12").send().await.expect(200),
            json!({ "volume-summary": { "total_count": 2, "total_size": 3 } })
        );
        assert_eq!(
            server.get("/volumes/summary").at("3.36").send().await.expect(200)["volume-summary"]["metadata"],
            json!({ "k": ["v"] })
        );
    })
    .await;
}

#[tokio::test]
async fn volumes_are_listed_in_the_order_of_any_column() {
    with_server(async |server| {
        let volume = server.volume(1, "available").await;
        let wanted = volume;
        for column in catalog::volumes::TABLE.columns {
            let key = column.key;
            let body = server.get(&format!("/volumes?sort={key}:asc")).send().await.expect(200);
            assert_eq!(body["volumes"][0]["id"], wanted.to_string(), "{key}");
        }
    })
    .await;
}
