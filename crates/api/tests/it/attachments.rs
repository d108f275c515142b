//! `/attachments`, and the volume actions beside it (API spec 11.1).

use api::{Connection, Settings};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::neighbours::{UNKNOWN, set_status, volume};
use crate::support::{Answer, Server, with_server, with_settings};

const SERVER: &str = "0ccdb0a3-5a5d-4cbb-a1ff-0ca9bc6e0a9a";

async fn ask(server: &Server, attachment: &Value, at: &str) -> Answer {
    server.post("/attachments", &json!({ "attachment": attachment })).at(at).send().await
}

async fn reserve(server: &Server, volume: &str) -> Value {
    let wanted = json!({ "volume_uuid": volume, "instance_uuid": SERVER });
    ask(server, &wanted, "3.27").await.expect(200)["attachment"].clone()
}

fn path(attachment: &Value) -> String {
    format!("/attachments/{}", attachment["id"].as_str().unwrap())
}

async fn show(server: &Server, attachment: &Value) -> Value {
    server.get(&path(attachment)).at("3.27").send().await.expect(200)["attachment"].clone()
}

async fn connect(server: &Server, attachment: &Value, connector: &Value) -> Answer {
    let body = json!({ "attachment": { "connector": connector } });
    server.put(&path(attachment), &body).at("3.27").send().await
}

async fn complete(server: &Server, attachment: &Value) -> Answer {
    let action = format!("{}/action", path(attachment));
    server.post(&action, &json!({ "os-complete": null })).at("3.44").send().await
}

async fn act(server: &Server, volume: &str, body: &Value) -> Answer {
    server.post(&format!("/volumes/{volume}/action"), body).send().await
}

async fn status(server: &Server, volume: &str) -> String {
    server.status("volumes", volume.parse().unwrap()).await
}

fn missing(attachment: &str) -> String {
    format!("Volume attachment could not be found with filter: attachment_id = {attachment}.")
}

#[tokio::test]
async fn an_attachment_is_made_in_steps() {
    let connection = Connection {
        hosts: vec!["192.0.2.1".to_owned()],
        ports: vec!["6789".to_owned()],
        cluster_name: "ceph".to_owned(),
        auth_username: Some("cinder".to_owned()),
        secret_uuid: Some(UNKNOWN.to_owned()),
    };
    with_settings(Settings { connection, ..Settings::default() }, async |server| {
        let id = volume(server, 1).await;
        let made = reserve(server, &id).await;
        let expected = json!({
            "id": made["id"], "status": "reserved", "instance": SERVER, "volume_id": id, "attached_at": "",
            "detached_at": "", "attach_mode": "null", "connection_info": {},
        });
        assert_eq!(made, expected);
        assert_eq!(status(server, &id).await, "reserved");

        let connector = json!({ "host": "node-1", "mountpoint": "/dev/vdb", "multipath": false, "initiator": null });
        let connected = connect(server, &made, &connector).await.expect(200)["attachment"].clone();
        assert_eq!(
            connected["connection_info"],
            json!({
                "driver_volume_type": "rbd",
                "name": format!("volumes/volume-{id}"),
                "hosts": ["192.0.2.1"],
                "ports": ["6789"],
                "cluster_name": "ceph",
                "auth_enabled": true,
                "auth_username": "cinder",
                "secret_type": "ceph",
                "secret_uuid": UNKNOWN,
                "volume_id": id,
                "discard": true,
                "qos_specs": null,
                "access_mode": "rw",
                "encrypted": false,
                "cacheable": false,
                "attachment_id": made["id"],
            })
        );
        assert_eq!((&connected["status"], &connected["attach_mode"]), (&json!("attaching"), &json!("rw")));
        assert_ne!(connected["attached_at"], "");
        assert_eq!(show(server, &made).await, connected);
        assert_eq!(status(server, &id).await, "attaching");
        // a volume tells of its attachments when they are complete
        let shown = async || server.get(&format!("/volumes/{id}")).send().await.expect(200)["volume"].clone();
        assert_eq!(shown().await["attachments"], json!([]));

        assert_eq!(complete(server, &made).await.status, 204);
        assert_eq!(show(server, &made).await["status"], "attached");
        assert_eq!(shown().await["status"], "in-use");
        assert_eq!(
            shown().await["attachments"],
            json!([{
                "id": id, "attachment_id": made["id"], "volume_id": id, "server_id": SERVER, "host_name": "node-1",
                "device": "/dev/vdb", "attached_at": connected["attached_at"],
            }])
        );
        server.delete(&format!("/volumes/{id}")).send().await.fault(400, "badRequest");
        act(server, &id, &json!({ "os-force_delete": {} })).await.fault(400, "badRequest");

        assert_eq!(server.delete(&path(&made)).at("3.27").send().await.expect(200), json!({ "attachments": [] }));
        assert_eq!(status(server, &id).await, "available");
        server.get(&path(&made)).at("3.27").send().await.fault(404, "itemNotFound");
        server.delete(&format!("/volumes/{id}")).send().await.expect(202);
    })
    .await;
}

#[tokio::test]
async fn a_connector_and_a_mode_may_come_at_once() {
    with_server(async |server| {
        for (more, at, mode) in [
            (json!({ "connector": { "host": "node" } }), "3.27", "rw"),
            (json!({ "connector": { "host": "node", "mode": "ro" } }), "3.27", "ro"),
            (json!({ "connector": { "host": "node", "mode": "null" } }), "3.54", "rw"),
            (json!({ "connector": { "host": "node", "mode": "ro" }, "mode": "rw" }), "3.54", "rw"),
            (json!({ "connector": { "host": null, "mode": null }, "mode": "ro" }), "3.54", "ro"),
        ] {
            let id = volume(server, 1).await;
            let mut wanted = more.clone();
            wanted["volume_uuid"] = json!(id);
            let made = ask(server, &wanted, at).await.expect(200)["attachment"].clone();
            assert_eq!((&made["status"], &made["instance"]), (&json!("attaching"), &Value::Null), "{more}");
            assert_eq!((&made["attach_mode"], &made["connection_info"]["access_mode"]), (&json!(mode), &json!(mode)));
            assert_eq!(status(server, &id).await, "attaching");
        }
        // no connector, and an empty one, are a reservation
        for connector in [json!(null), json!({})] {
            let id = volume(server, 1).await;
            let wanted = json!({ "volume_uuid": id, "connector": connector, "mode": "ro" });
            let made = ask(server, &wanted, "3.54").await.expect(200)["attachment"].clone();
            assert_eq!((&made["status"], &made["attach_mode"]), (&json!("reserved"), &json!("ro")));
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_refused() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let fits = json!({ "volume_uuid": id, "instance_uuid": SERVER });
        ask(server, &fits, "3.26").await.fault(404, "itemNotFound");
        for (wanted, at) in [
            (json!({}), "3.27"),
            (json!({ "volume_uuid": "x" }), "3.27"),
            (json!({ "volume_uuid": id, "instance_uuid": null }), "3.27"),
            (json!({ "volume_uuid": id, "mode": "rw" }), "3.53"),
            (json!({ "volume_uuid": id, "mode": "rwx" }), "3.54"),
            (json!({ "volume_uuid": id, "connector": "node" }), "3.54"),
            (json!({ "volume_uuid": id, "connector": { "mode": "rwx" } }), "3.54"),
            (json!({ "volume_uuid": id, "connector": { "mode": 1 } }), "3.54"),
            (json!({ "volume_uuid": id, "server": SERVER }), "3.54"),
        ] {
            ask(server, &wanted, at).await.fault(400, "badRequest");
        }
        let unknown = ask(server, &json!({ "volume_uuid": UNKNOWN }), "3.27").await;
        assert_eq!(unknown.fault(404, "itemNotFound"), format!("Volume {UNKNOWN} could not be found."));
        set_status(server, "volumes", &id, "error").await;
        assert_eq!(
            ask(server, &fits, "3.27").await.fault(400, "badRequest"),
            format!(
                "Invalid volume: Volume attachments can not be created if the volume is in an error state. The Volume \
                 {id} currently has a status of: error "
            )
        );
        for busy in ["creating", "backing-up", "restoring-backup", "in-use", "reserved", "attaching", "deleting"] {
            set_status(server, "volumes", &id, busy).await;
            assert_eq!(
                ask(server, &fits, "3.27").await.fault(400, "badRequest"),
                format!(
                    "Invalid volume: Volume {id} status must be available or downloading to reserve, but the current \
                     status is {busy}."
                )
            );
        }
        set_status(server, "volumes", &id, "available").await;
        let made = reserve(server, &id).await;
        for connector in [json!({}), json!(null), json!("node"), json!({ "mode": "x" })] {
            connect(server, &made, &connector).await.fault(400, "badRequest");
        }
        for key in ["host", "hostname", "mountpoint"] {
            let connector = json!({ "host": "node", key: "x".repeat(256) });
            let said = format!("Invalid input received: {key} has 256 characters, more than 255.");
            connect(server, &made, &connector).await.expect_bad(&said);
        }
        let action = format!("{}/action", path(&made));
        server.post(&action, &json!({ "os-complete": null })).at("3.43").send().await.fault(404, "itemNotFound");
        server.post(&action, &json!({ "os-other": null })).at("3.44").send().await.fault(400, "badRequest");
        set_status(server, "volumes", &id, "error_extending").await;
        let broken = connect(server, &made, &json!({ "host": "node" })).await.fault(400, "badRequest");
        assert!(broken.starts_with("Invalid volume: Volume attachments can not be updated"), "{broken}");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_and_what_is_another_projects() {
    with_server(async |server| {
        let made = reserve(server, &volume(server, 1).await).await;
        for unknown in [UNKNOWN, "x"] {
            let path = format!("/attachments/{unknown}");
            let body = json!({ "attachment": { "connector": { "host": "node" } } });
            for asking in [
                server.get(&path),
                server.delete(&path),
                server.put(&path, &body),
                server.post(&format!("{path}/action"), &json!({ "os-complete": null })),
            ] {
                asking.at("3.54").send().await.expect_missing(&missing(unknown));
            }
        }
        server.run("UPDATE volumes SET project_id = 'elsewhere', user_id = 'bob'").await;
        let listed = async |query: &str| {
            server.get(&format!("/attachments{query}")).at("3.27").send().await.expect(200)["attachments"].clone()
        };
        assert_eq!(listed("").await, json!([]));
        assert_eq!(listed("?all_tenants=1").await[0]["id"], made["id"]);
        assert_eq!(listed("?all_tenants=1&project_id=elsewhere").await[0]["id"], made["id"]);
    })
    .await;
}

#[tokio::test]
async fn lists_have_pages_an_order_and_filters() {
    with_server(async |server| {
        let mut made = Vec::new();
        for _ in 0..3 {
            made.push(reserve(server, &volume(server, 1).await).await);
        }
        connect(server, &made[1], &json!({ "host": "node" })).await.expect(200);
        assert_eq!(complete(server, &made[2]).await.status, 204);
        let ids = async |query: &str| -> Vec<Value> {
            let listed = server.get(&format!("/attachments{query}")).at("3.54").send().await.expect(200);
            listed["attachments"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect()
        };
        let of = |indices: &[usize]| indices.iter().map(|&index| made[index]["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids("").await, of(&[2, 1, 0]));
        assert_eq!(ids("?sort=created_at:asc").await, of(&[0, 1, 2]));
        assert_eq!(ids(&format!("?limit=1&marker={}", made[2]["id"].as_str().unwrap())).await, of(&[1]));
        assert_eq!(ids("?status=attaching").await, of(&[1]));
        assert_eq!(ids("?attach_status=attached").await, of(&[2]));
        assert_eq!(ids(&format!("?volume_id={}", made[0]["volume_id"].as_str().unwrap())).await, of(&[0]));
        assert_eq!(ids(&format!("?instance_id={SERVER}")).await, of(&[2, 1, 0]));
        assert_eq!(ids(&format!("?instance_id={}", Uuid::new_v4())).await, of(&[]));

        let page = server.get("/attachments/detail?limit=2").at("3.27").send().await.expect(200);
        assert_eq!(page["attachments"][0], show(server, &made[2]).await);
        assert!(page["attachments_links"][0]["href"].as_str().unwrap().contains("/attachments/detail?limit=2&marker="));
        let row = server.get("/attachments?limit=1").at("3.27").send().await.expect(200)["attachments"][0].clone();
        assert_eq!(
            row,
            json!({ "id": made[2]["id"], "status": "attached", "instance": SERVER,
                                "volume_id": made[2]["volume_id"] })
        );
        server.get(&format!("/attachments?marker={UNKNOWN}")).at("3.27").send().await.fault(404, "itemNotFound");
        server.get("/attachments").at("3.26").send().await.fault(404, "itemNotFound");
    })
    .await;
}

#[tokio::test]
async fn old_and_new_ways_to_attach_know_of_each_other() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let attach = json!({ "os-attach": { "instance_uuid": SERVER, "mountpoint": "/dev/vdb" } });
        act(server, &id, &attach).await.expect(202);
        let listed = server.get("/attachments/detail").at("3.27").send().await.expect(200);
        let made = listed["attachments"][0].clone();
        assert_eq!(
            (&made["status"], &made["attach_mode"], &made["connection_info"]),
            (&json!("attached"), &json!("rw"), &json!({}))
        );
        // a backup of what is attached needs force, and so it is with what was attached in steps
        let backup = json!({ "backup": { "volume_id": id } });
        server.post("/backups", &backup).send().await.fault(400, "badRequest");
        server.delete(&path(&made)).at("3.27").send().await.expect(200);
        assert_eq!(status(server, &id).await, "available");
        let shown = server.get(&format!("/volumes/{id}")).send().await.expect(200);
        assert_eq!(shown["volume"]["metadata"].get("attached_mode"), None);

        let made = reserve(server, &id).await;
        act(server, &id, &attach).await.fault(400, "badRequest");
        act(server, &id, &json!({ "os-reserve": {} })).await.fault(400, "badRequest");
        complete(server, &made).await;
        server.post("/backups", &backup).send().await.fault(400, "badRequest");
        let detach = json!({ "os-detach": { "attachment_id": made["id"] } });
        act(server, &id, &detach).await.expect(202);
        server.get(&path(&made)).at("3.27").send().await.fault(404, "itemNotFound");
        assert_eq!(status(server, &id).await, "available");
    })
    .await;
}

#[tokio::test]
async fn a_volume_is_detaching_and_is_not() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let begin = json!({ "os-begin_detaching": {} });
        let refused = act(server, &id, &begin).await.fault(400, "badRequest");
        assert_eq!(
            refused,
            "Invalid volume: Unable to detach volume. Volume status must be 'in-use' and attach_status must be \
             'attached' to detach."
        );
        let made = reserve(server, &id).await;
        complete(server, &made).await;
        act(server, &id, &begin).await.expect(202);
        assert_eq!(status(server, &id).await, "detaching");
        act(server, &id, &json!({ "os-roll_detaching": null })).await.expect(202);
        assert_eq!(status(server, &id).await, "in-use");
        for action in ["os-begin_detaching", "os-roll_detaching"] {
            act(server, UNKNOWN, &json!({ action: {} })).await.fault(404, "itemNotFound");
        }
    })
    .await;
}
