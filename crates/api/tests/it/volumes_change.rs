//! `/volumes/{id}` and its actions (API spec 11.1): what changes a volume.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::neighbours::{UNKNOWN, jobs, set_status, volume};
use crate::support::{PROJECT, with_server};
use crate::volumes::{action, shown};

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
