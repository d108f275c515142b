//! `/volumes` (API spec 11.1).

use serde_json::{Value, json};
use uuid::Uuid;

use crate::neighbours::{UNKNOWN, jobs, set_status, snapshot, v, volume};
use crate::support::{PROJECT, Server, with_server};

async fn action(server: &Server, id: &str, minor: u16, body: Value) -> crate::support::Answer {
    server.post(&format!("/volumes/{id}/action"), &body).at(&v(minor)).send().await
}

async fn shown(server: &Server, id: &str) -> Value {
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
async fn update_takes_what_it_knows_and_nothing_else() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let path = format!("/volumes/{id}");
        let body = json!({ "volume": { "display_name": " new ", "metadata": { "a": "b" } } });
        let changed = server.put(&path, &body).send().await.expect(200);
        assert_eq!((&changed["volume"]["name"], &changed["volume"]["metadata"]), (&json!("new"), &json!({"a": "b"})));
        assert!(changed["volume"].get("os-vol-host-attr:host").is_none());
        server.put(&path, &json!({ "volume": {} })).at("3.52").send().await.expect(200);
        server.put(&path, &json!({ "volume": {} })).at("3.53").send().await.fault(400, "badRequest");
        server.put(&path, &json!({ "volume": { "size": 3 } })).send().await.fault(400, "badRequest");
        let cleared = server.put(&path, &json!({ "volume": { "name": null } })).send().await.expect(200);
        assert_eq!((&cleared["volume"]["name"], &cleared["volume"]["metadata"]), (&Value::Null, &json!({"a": "b"})));
        set_status(server, "volumes", &id, "maintenance").await;
        server.put(&path, &json!({ "volume": { "name": "x" } })).send().await.fault(400, "badRequest");
        server
            .put(&format!("/volumes/{UNKNOWN}"), &json!({ "volume": { "name": "x" } }))
            .send()
            .await
            .fault(404, "itemNotFound");
    })
    .await;
}

#[tokio::test]
async fn metadata_that_is_too_long_is_another_refusal_in_an_update() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let path = format!("/volumes/{id}");
        let long = |length: usize| "x".repeat(length);
        let put =
            async |metadata: Value| server.put(&path, &json!({ "volume": { "metadata": metadata } })).send().await;
        for (metadata, part) in [(json!({ long(256): "v" }), "key"), (json!({ "k": long(256) }), "value")] {
            let answer = put(metadata).await;
            assert_eq!(answer.header("retry-after"), Some("0"));
            let message = format!("Invalid metadata size: Metadata property {part} greater than 255 characters.");
            answer.expect_fault(413, "overLimit", &message);
        }
        assert_eq!(shown(server, &id).await["metadata"], json!({}));
        put(json!({ long(255): long(255) })).await.expect(200);
        put(json!({ "a#b": "v" })).await.fault(400, "badRequest");
        let missing = format!("/volumes/{}", crate::neighbours::UNKNOWN);
        let body = json!({ "volume": { "metadata": { "k": long(256) } } });
        server.put(&missing, &body).send().await.fault(404, "itemNotFound");
        // everywhere else the schema says so
        let body = json!({ "volume": { "size": 1, "metadata": { "k": long(256) } } });
        server.post("/volumes", &body).send().await.fault(400, "badRequest");
        let body = json!({ "metadata": { "k": long(256) } });
        server.post(&format!("{path}/metadata"), &body).send().await.fault(400, "badRequest");
    })
    .await;
}

#[tokio::test]
async fn extend() {
    with_server(async |server| {
        let id = volume(server, 2).await;
        let to = |size: Value| json!({ "os-extend": { "new_size": size } });
        assert_eq!(
            action(server, &id, 0, to(json!(2))).await.fault(400, "badRequest"),
            "Invalid input received: New size for extend must be greater than current size. (current: 2, extended: 2)."
        );
        set_status(server, "volumes", &id, "in-use").await;
        assert_eq!(
            action(server, &id, 41, to(json!(3))).await.fault(400, "badRequest"),
            format!(
                "Invalid volume: Volume {id} status must be '{{'status': 'available'}}' to extend, currently in-use."
            )
        );
        action(server, &id, 42, to(json!("3"))).await.expect(202);
        assert_eq!(shown(server, &id).await["status"], "extending");
        assert_eq!(jobs(server, "volume_extend").await, 1);
        action(server, &id, 0, to(json!(0))).await.fault(400, "badRequest");
    })
    .await;
}

#[tokio::test]
async fn attach_and_detach() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let instance = Uuid::new_v4();
        let attach = json!({ "os-attach": { "instance_uuid": instance, "mountpoint": "/dev/vdb" } });
        action(server, &id, 0, json!({ "os-attach": { "mountpoint": "/dev/vdb" } })).await.fault(400, "badRequest");
        action(server, &id, 0, attach.clone()).await.expect(202);
        let volume = shown(server, &id).await;
        assert_eq!(volume["status"], "in-use");
        let attachment = &volume["attachments"][0];
        assert_eq!((&attachment["id"], &attachment["volume_id"]), (&json!(id), &json!(id)));
        assert_eq!((&attachment["server_id"], &attachment["device"]), (&json!(instance), &json!("/dev/vdb")));
        assert_eq!(attachment["host_name"], Value::Null);
        assert_eq!(volume["metadata"], json!({ "attached_mode": "rw", "readonly": "False" }));
        assert_eq!(
            action(server, &id, 0, attach).await.fault(400, "badRequest"),
            "Invalid volume: volume is already attached"
        );
        action(server, &id, 0, json!({ "os-detach": { "attachment_id": UNKNOWN } })).await.fault(404, "itemNotFound");
        action(server, &id, 0, json!({ "os-detach": null })).await.expect(202);
        let volume = shown(server, &id).await;
        assert_eq!((&volume["status"], &volume["attachments"]), (&json!("available"), &json!([])));
    })
    .await;
}

#[tokio::test]
async fn flags_and_resets() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let answer = action(server, &id, 0, json!({ "os-set_bootable": { "bootable": "True" } })).await;
        assert_eq!(answer.expect(200), Value::Null);
        assert_eq!(shown(server, &id).await["bootable"], "true");
        action(server, &id, 0, json!({ "os-update_readonly_flag": { "readonly": true } })).await.expect(202);
        assert_eq!(shown(server, &id).await["metadata"]["readonly"], "True");
        let attach = json!({ "os-attach": { "host_name": "h", "mountpoint": "/dev/vdb", "mode": "rw" } });
        action(server, &id, 0, attach).await.fault(400, "badRequest");

        for body in [json!({}), json!({"status": "bogus"}), json!({"status": "deleting"}), json!({"status": "in-use"})]
        {
            action(server, &id, 0, json!({ "os-reset_status": body })).await.fault(400, "badRequest");
        }
        action(server, &id, 0, json!({ "os-reset_status": { "status": "error" } })).await.expect(202);
        assert_eq!(shown(server, &id).await["status"], "error");
        action(server, &id, 0, json!({ "os-update_readonly_flag": { "readonly": false } }))
            .await
            .fault(400, "badRequest");
        assert_eq!(
            action(server, &id, 0, json!({ "os-dance": {} })).await.fault(400, "badRequest"),
            "There is no such action: os-dance. Verify the request body and Content-Type header and try again."
        );
    })
    .await;
}

#[tokio::test]
async fn metadata() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let path = format!("/volumes/{id}/metadata");
        let made = server.post(&path, &json!({ "metadata": { "a": "1", "b": "2" } })).send().await.expect(200);
        assert_eq!(made["metadata"], json!({ "a": "1", "b": "2" }));
        let item = format!("{path}/a");
        assert_eq!(server.get(&item).send().await.expect(200), json!({ "meta": { "a": "1" } }));
        server.put(&item, &json!({ "meta": { "b": "9" } })).send().await.fault(400, "badRequest");
        assert_eq!(
            server.put(&item, &json!({ "meta": { "a": "9" } })).send().await.expect(200),
            json!({ "meta": { "a": "9" } })
        );
        server.delete(&item).send().await.expect(200);
        let message = format!("Volume {id} has no metadata with key a.");
        assert_eq!(server.delete(&item).send().await.fault(404, "itemNotFound"), message);
        assert_eq!(server.get(&item).send().await.fault(404, "itemNotFound"), message);
        server.put(&path, &json!({ "metadata": {} })).send().await.expect(200);
        assert_eq!(server.get(&path).send().await.expect(200), json!({ "metadata": {} }));
        server.post(&path, &json!({ "metadata": { "a#b": "x" } })).send().await.fault(400, "badRequest");
    })
    .await;
}

#[tokio::test]
async fn metadata_changes_only_if_it_matches() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let path = format!("/volumes/{id}/metadata");
        assert_eq!(server.get(&path).at("3.14").send().await.header("etag"), None);
        let tag = server.get(&path).at("3.15").send().await.header("etag").unwrap().to_owned();
        assert_eq!(tag, "\"99914b932bd37a50b983c5e7c90ae93b\"");
        let body = json!({ "metadata": { "a": "1" } });
        let wrong = server.put(&path, &body).at("3.15").with("if-match", "\"other\"").send().await;
        wrong.fault(412, "computeFault");
        let changed = server.put(&path, &body).at("3.15").with("if-match", &tag).send().await;
        assert_ne!(changed.header("etag"), Some(tag.as_str()));
        changed.expect(200);
        server.put(&path, &body).at("3.15").with("if-match", &tag).send().await.fault(412, "computeFault");
        server.put(&path, &body).at("3.14").with("if-match", &tag).send().await.expect(200);
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
async fn reserving() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        set_status(server, "volumes", &id, "available").await;
        action(server, &id, 0, json!({ "os-reserve": {} })).await.expect(202);
        assert_eq!(shown(server, &id).await["status"], "attaching");
        assert_eq!(
            action(server, &id, 0, json!({ "os-reserve": null })).await.fault(400, "badRequest"),
            "Invalid volume: Volume status must be available to reserve, but the status is attaching."
        );
        action(server, &id, 0, json!({ "os-unreserve": {} })).await.expect(202);
        assert_eq!(shown(server, &id).await["status"], "available");
        action(server, &id, 0, json!({ "os-unreserve": {} })).await.expect(202);
        set_status(server, "volumes", &id, "error").await;
        action(server, &id, 0, json!({ "os-unreserve": {} })).await.expect(202);
        assert_eq!(shown(server, &id).await["status"], "error", "there was no reservation to take back");
        action(server, UNKNOWN, 0, json!({ "os-reserve": {} })).await.fault(404, "itemNotFound");
        action(server, UNKNOWN, 0, json!({ "os-unreserve": {} })).await.fault(404, "itemNotFound");
    })
    .await;
}

#[tokio::test]
async fn retyping() {
    with_server(async |server| {
        for (name, protocol) in [("fast", "ceph"), ("foreign", "iSCSI")] {
            let body = json!({ "volume_type": { "name": name, "extra_specs": { "storage_protocol": protocol } } });
            server.post("/types", &body).send().await.expect(200);
        }
        let id = volume(server, 1).await;
        let retype = async |name: &str| action(server, &id, 0, json!({ "os-retype": { "new_type": name } })).await;
        let not_now = "Invalid volume: Retype needs volume to be in available or in-use state";
        set_status(server, "volumes", &id, "creating").await;
        assert!(retype("fast").await.fault(400, "badRequest").starts_with(not_now), "it is being created");
        set_status(server, "volumes", &id, "available").await;
        assert_eq!(
            retype("slow").await.fault(400, "badRequest"),
            "Invalid input received: Invalid volume_type passed: slow."
        );
        retype("fast").await.expect(202);
        assert_eq!(shown(server, &id).await["volume_type"], "fast");
        assert!(retype("fast").await.fault(400, "badRequest").starts_with(not_now), "it has the type already");
        let policy = |policy: &str| json!({ "os-retype": { "new_type": "foreign", "migration_policy": policy } });
        action(server, &id, 0, policy("sometimes")).await.fault(400, "badRequest");
        // nothing here has what the type asks for: the volume stays as it is, and the project is told
        action(server, &id, 0, policy("on-demand")).await.expect(202);
        let volume = shown(server, &id).await;
        assert_eq!((&volume["volume_type"], &volume["status"]), (&json!("fast"), &json!("available")));
        let messages = server.get("/messages").at("3.3").send().await.expect(200);
        assert_eq!(messages["messages"][0]["resource_uuid"], id);

        let quota = json!({ "quota_set": { "volumes_foreign": 0 } });
        server.put(&format!("/os-quota-sets/{PROJECT}"), &quota).send().await.expect(200);
        action(server, &id, 0, policy("never")).await.fault(413, "overLimit");
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
