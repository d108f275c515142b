//! `/os-volume-transfer` and `/volume-transfers` (API spec 11.3).

use serde_json::{Value, json};

use crate::neighbours::{UNKNOWN, set_status, snapshot, volume};
use crate::support::{Server, with_server};

async fn ready(server: &Server) -> String {
    let id = volume(server, 2).await;
    set_status(server, "volumes", &id, "available").await;
    id
}

async fn offer(server: &Server, path: &str, body: Value) -> Value {
    let made = server.post(path, &json!({ "transfer": body })).at("3.57").send().await.expect(202);
    made["transfer"].clone()
}

fn accept(key: &Value) -> Value {
    json!({ "accept": { "auth_key": key } })
}

/// Makes a record somebody else's.
async fn give(server: &Server, table: &str, id: &str) {
    server.run(&format!("UPDATE {table} SET project_id = 'elsewhere', user_id = 'bob' WHERE id = '{id}'")).await;
}

async fn owner(server: &Server, table: &str, id: &str) -> Option<String> {
    server.value(&format!("SELECT project_id FROM {table} WHERE id = '{id}'")).await
}

#[tokio::test]
async fn what_each_version_shows() {
    with_server(async |server| {
        let body = json!({ "transfer": { "volume_id": ready(server).await, "name": "gift" } });
        let made = server.post("/os-volume-transfer", &body).send().await.expect(202)["transfer"].clone();
        let keys = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let old = ["id", "volume_id", "name", "links", "created_at"];
        assert_eq!(keys(&made), [&old[..], &["auth_key"]].concat());
        assert_eq!(made["auth_key"].as_str().unwrap().len(), 16);
        let path = format!("/os-volume-transfer/{}", made["id"].as_str().unwrap());
        for (version, more) in [
            ("3.0", &[][..]),
            ("3.55", &["no_snapshots"]),
            ("3.57", &["no_snapshots", "source_project_id", "destination_project_id", "accepted"]),
        ] {
            let shown = server.get(&path).at(version).send().await.expect(200)["transfer"].clone();
            assert_eq!(keys(&shown), [&old[..], more].concat(), "{version}");
            let listed = server.get("/os-volume-transfer/detail").at(version).send().await.expect(200);
            assert_eq!(listed["transfers"], json!([shown]), "{version}");
        }
        for version in ["3.0", "3.59"] {
            let listed = server.get("/os-volume-transfer").at(version).send().await.expect(200);
            assert_eq!(keys(&listed["transfers"][0]), old[..4], "{version}");
        }
        let new = path.replace("os-volume-transfer", "volume-transfers");
        server.get(&new).at("3.54").send().await.fault(404, "itemNotFound");
        server.get(&new).at("3.55").send().await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn an_offer_is_taken() {
    with_server(async |server| {
        let id = ready(server).await;
        let point = snapshot(server, &id).await;
        set_status(server, "snapshots", &point, "available").await;
        give(server, "volumes", &id).await;
        give(server, "snapshots", &point).await;
        let made = offer(server, "/volume-transfers", json!({ "volume_id": id })).await;
        assert_eq!((&made["source_project_id"], &made["accepted"]), (&json!("elsewhere"), &json!(false)));
        assert_eq!(server.status("volumes", id.parse().unwrap()).await, "awaiting-transfer");
        let path = format!("/volume-transfers/{}", made["id"].as_str().unwrap());
        let taking = async |body: &Value| server.post(&format!("{path}/accept"), body).at("3.55").send().await;
        assert_eq!(
            taking(&accept(&json!("0123456789abcdef"))).await.fault(400, "badRequest"),
            format!("Invalid auth key: Attempt to transfer {} with invalid auth key.", made["id"].as_str().unwrap())
        );
        let key = accept(&made["auth_key"]);
        let quota = async |snapshots: i32| {
            let body = json!({ "quota_set": { "snapshots": snapshots } });
            server.put(&format!("/os-quota-sets/{}", crate::support::PROJECT), &body).send().await.expect(200);
        };
        quota(0).await;
        taking(&key).await.fault(413, "overLimit");
        quota(1).await;
        set_status(server, "volumes", &id, "error").await;
        taking(&key).await.fault(400, "badRequest");
        set_status(server, "volumes", &id, "awaiting-transfer").await;
        assert_eq!(taking(&key).await.expect(202)["transfer"]["volume_id"], id);
        for (table, id) in [("volumes", &id), ("snapshots", &point)] {
            assert_eq!(owner(server, table, id).await.as_deref(), Some(crate::support::PROJECT), "{table}");
        }
        assert_eq!(server.status("volumes", id.parse().unwrap()).await, "available");
        taking(&key).await.fault(404, "itemNotFound");
        server.get(&path).at("3.55").send().await.fault(404, "itemNotFound");
    })
    .await;
}

#[tokio::test]
async fn snapshots_that_stay() {
    with_server(async |server| {
        for (path, more) in [("/os-volume-transfer", json!({})), ("/volume-transfers", json!({ "no_snapshots": true }))]
        {
            let id = ready(server).await;
            let point = snapshot(server, &id).await;
            give(server, "volumes", &id).await;
            give(server, "snapshots", &point).await;
            let mut body = more;
            body["volume_id"] = json!(id);
            let made = offer(server, path, body).await;
            let path = format!("{path}/{}/accept", made["id"].as_str().unwrap());
            server.post(&path, &accept(&made["auth_key"])).at("3.55").send().await.expect(202);
            assert_eq!(owner(server, "volumes", &id).await.as_deref(), Some(crate::support::PROJECT), "{path}");
            assert_eq!(owner(server, "snapshots", &point).await.as_deref(), Some("elsewhere"), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_offer_does_not_outlive_its_volume() {
    with_server(async |server| {
        let offered = async || {
            let id = ready(server).await;
            let made = offer(server, "/volume-transfers", json!({ "volume_id": id })).await;
            (format!("/volumes/{id}"), format!("/volume-transfers/{}", made["id"].as_str().unwrap()))
        };
        let ended = async |transfer: &str| {
            server.get(transfer).at("3.55").send().await.fault(404, "itemNotFound");
            server.get("/volume-transfers").at("3.55").send().await.expect(200)["transfers"] == json!([])
        };
        // as in the reference, what is offered is deleted only by force
        let (volume, transfer) = offered().await;
        for query in ["", "?cascade=true"] {
            let message = server.delete(&format!("{volume}{query}")).send().await.fault(400, "badRequest");
            assert!(message.contains("awaiting a transfer"), "{message}");
        }
        server.get(&transfer).at("3.55").send().await.expect(200);
        let body = json!({ "os-force_delete": {} });
        server.post(&format!("{volume}/action"), &body).send().await.expect(202);
        assert!(ended(&transfer).await);
        // or once an administrator has reset it
        for query in ["", "?cascade=true"] {
            let (volume, transfer) = offered().await;
            let reset = json!({ "os-reset_status": { "status": "error" } });
            server.post(&format!("{volume}/action"), &reset).send().await.expect(202);
            server.delete(&format!("{volume}{query}")).send().await.expect(202);
            assert!(ended(&transfer).await, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_offered_and_what_is_taken_back() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        set_status(server, "volumes", &id, "creating").await;
        let asking = async |path: &str, volume: &str| {
            server.post(path, &json!({ "transfer": { "volume_id": volume } })).at("3.55").send().await
        };
        asking("/os-volume-transfer", UNKNOWN).await.fault(404, "itemNotFound");
        assert_eq!(
            asking("/os-volume-transfer", &id).await.fault(400, "badRequest"),
            "Invalid volume: status must be available"
        );
        set_status(server, "volumes", &id, "available").await;
        let point = snapshot(server, &id).await;
        set_status(server, "snapshots", &point, "error").await;
        assert_eq!(
            asking("/volume-transfers", &id).await.fault(400, "badRequest"),
            format!("Invalid snapshot: snapshot: {point} status must be available")
        );
        let made = asking("/os-volume-transfer", &id).await.expect(202)["transfer"].clone();
        let path = format!("/os-volume-transfer/{}", made["id"].as_str().unwrap());
        server.delete(&path).send().await.expect(202);
        assert_eq!(server.status("volumes", id.parse().unwrap()).await, "available");
        server.delete(&path).send().await.fault(404, "itemNotFound");
        server.post(&format!("{path}/accept"), &accept(&made["auth_key"])).send().await.fault(404, "itemNotFound");

        // an offer that a reset has made void does not stand in another one's way
        let void = asking("/os-volume-transfer", &id).await.expect(202)["transfer"].clone();
        set_status(server, "volumes", &id, "available").await;
        asking("/os-volume-transfer", &id).await.expect(202);
        let path = format!("/os-volume-transfer/{}/accept", void["id"].as_str().unwrap());
        server.post(&path, &accept(&void["auth_key"])).send().await.fault(404, "itemNotFound");
    })
    .await;
}
