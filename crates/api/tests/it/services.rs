//! Services, zones, pools, extensions and what is not here (API spec 11.3).

use serde_json::{Value, json};
use uuid::Uuid;

use crate::neighbours::{snapshot, volume};
use crate::support::{BackupRow, with_server};

#[tokio::test]
async fn services_are_listed_disabled_and_enabled() {
    with_server(async |server| {
        server.catalog.heartbeat("cinder-backup", "lab", "nova").await.unwrap();
        server.catalog.heartbeat("cinder-volume", "lab@rbd", "nova").await.unwrap();
        let listed = server.get("/os-services?binary=cinder-backup").send().await.expect(200);
        let service = listed["services"][0].as_object().unwrap();
        let keys: Vec<&str> = service.keys().map(String::as_str).collect();
        assert_eq!(keys, ["binary", "host", "zone", "status", "state", "updated_at", "disabled_reason"]);
        assert_eq!((&service["status"], &service["state"]), (&json!("enabled"), &json!("up")));
        let volume = server.get("/os-services?host=lab@rbd").at("3.49").send().await.expect(200)["services"][0].clone();
        assert_eq!((&volume["backend_state"], &volume["frozen"]), (&json!("up"), &json!(false)));
        assert!(volume.get("cluster").is_some());

        let on_host = server.get("/os-services?host=lab").send().await.expect(200);
        assert_eq!(on_host["services"].as_array().unwrap().len(), 2, "whatever the backend");

        let body = json!({ "host": "lab", "binary": "cinder-backup", "disabled_reason": "moving" });
        assert_eq!(
            server.put("/os-services/disable-log-reason", &body).send().await.expect(200),
            json!({
                "host": "lab", "service": "", "binary": "cinder-backup", "status": "disabled", "disabled": true,
                "disabled_reason": "moving",
            })
        );
        let service = server.get("/os-services?binary=cinder-backup").send().await.expect(200)["services"][0].clone();
        assert_eq!((&service["status"], &service["disabled_reason"]), (&json!("disabled"), &json!("moving")));
        let body = json!({ "host": "lab", "service": "cinder-backup" });
        let enabled = server.put("/os-services/enable", &body).send().await.expect(200);
        assert_eq!((&enabled["service"], &enabled["disabled"]), (&json!("cinder-backup"), &json!(false)));

        let refused = server.put("/os-services/disable", &json!({ "binary": "cinder-backup" })).send().await;
        assert_eq!(refused.fault(400, "badRequest"), "Invalid input received: Host field is missing.");
        let body = json!({ "host": "h", "binary": "cinder-backup" });
        assert_eq!(
            server.put("/os-services/disable", &body).send().await.fault(404, "itemNotFound"),
            "Service cinder-backup could not be found on host h."
        );
        let body = json!({ "host": "lab", "binary": "cinder-backup", "disabled_reason": "x" });
        server.put("/os-services/disable", &body).send().await.fault(400, "badRequest");
        let body = json!({ "host": "lab", "binary": "cinder-backup", "disabled_reason": null });
        server.put("/os-services/disable-log-reason", &body).send().await.fault(400, "badRequest");
        for what in ["freeze", "thaw"] {
            let path = format!("/os-services/{what}");
            server.put(&path, &json!({ "host": "lab@rbd" })).send().await.fault(400, "badRequest");
        }
    })
    .await;
}

#[tokio::test]
async fn zones_are_those_of_the_volume_services() {
    with_server(async |server| {
        server.catalog.heartbeat("cinder-backup", "lab", "elsewhere").await.unwrap();
        server.catalog.heartbeat("cinder-volume", "lab@rbd", "nova").await.unwrap();
        assert_eq!(
            server.get("/os-availability-zone").send().await.expect(200),
            json!({ "availabilityZoneInfo": [{ "zoneName": "nova", "zoneState": { "available": true } }] })
        );
        server.catalog.set_service_enabled("cinder-volume", "lab@rbd", false, None).await.unwrap();
        let zones = server.get("/os-availability-zone").send().await.expect(200);
        assert_eq!(zones["availabilityZoneInfo"][0]["zoneState"]["available"], false);
    })
    .await;
}

#[tokio::test]
async fn hosts_pools_and_capabilities() {
    with_server(async |server| {
        let service = "cindervault@rbd";
        server.catalog.heartbeat("cinder-volume", service, "nova").await.unwrap();
        let volume = volume(server, 2).await;
        snapshot(server, &volume).await;
        let hosts = server.get("/os-hosts").send().await.expect(200);
        assert_eq!(hosts["hosts"][1]["host_name"], service);
        let host = server.get(&format!("/os-hosts/{service}")).send().await.expect(200)["host"].clone();
        assert_eq!(host[0]["resource"]["project"], "(total)");
        assert_eq!(host[1]["resource"]["volume_count"], "1");
        assert_eq!(
            (&host[0]["resource"]["total_volume_gb"], &host[0]["resource"]["snapshot_count"]),
            (&json!("2"), &json!("1"))
        );
        server.get("/os-hosts/nobody").send().await.fault(404, "itemNotFound");

        let pools = server.get("/scheduler-stats/get_pools?detail=True").send().await.expect(200);
        let pool = &pools["pools"][0];
        assert_eq!(
            (&pool["name"], &pool["capabilities"]["pool_name"]),
            (&json!("cindervault@rbd#volumes"), &json!("volumes"))
        );
        let capabilities = server.get(&format!("/capabilities/{service}")).send().await.expect(200);
        assert_eq!(capabilities["volume_backend_name"], pool["capabilities"]["volume_backend_name"]);
        server.get("/capabilities/nobody").send().await.fault(404, "itemNotFound");
    })
    .await;
}

#[tokio::test]
async fn extensions_and_what_is_not_here() {
    with_server(async |server| {
        let all = server.get("/extensions").send().await.expect(200);
        for extension in all["extensions"].as_array().unwrap() {
            let alias = extension["alias"].as_str().unwrap();
            let one = server.get(&format!("/extensions/{alias}")).send().await.expect(200);
            assert_eq!(one["extension"], *extension);
        }
        let backups = server.get("/extensions/backups").send().await.expect(200);
        assert_eq!(backups["extension"]["updated"], "2012-12-12T00:00:00+00:00");
        server.get("/extensions/dancing").send().await.fault(404, "itemNotFound");

        server.get("/groups/detail").at("3.12").send().await.fault(404, "itemNotFound");
        assert_eq!(server.get("/groups/detail").at("3.13").send().await.expect(200), json!({ "groups": [] }));
        assert_eq!(server.get("/os-volume-transfer/detail").send().await.expect(200), json!({ "transfers": [] }));
    })
    .await;
}

#[tokio::test]
async fn without_an_enabled_volume_service_no_volume_is_made_and_the_rest_goes_on() {
    with_server(async |server| {
        for host in ["lab@rbd", "other@rbd"] {
            server.catalog.heartbeat("cinder-volume", host, "nova").await.unwrap();
        }
        let make = async || {
            let made = server.post("/volumes", &json!({ "volume": { "size": 1 } })).send().await.expect(202);
            made["volume"]["id"].as_str().unwrap().parse::<Uuid>().unwrap()
        };
        let switch = async |how: &str, host: &str| {
            let body = json!({ "host": host, "binary": "cinder-volume" });
            server.put(&format!("/os-services/{how}"), &body).send().await.expect(200);
        };
        switch("disable", "lab@rbd").await;
        assert_eq!(server.status("volumes", make().await).await, "creating", "the other one makes it");
        switch("disable", "other@rbd").await;
        let volume = make().await;
        assert_eq!(server.status("volumes", volume).await, "error");
        let told = server.get(&format!("/messages?resource_uuid={volume}")).at("3.5").send().await.expect(200);
        assert_eq!(told["messages"].as_array().unwrap().len(), 1);
        assert_eq!(told["messages"][0]["event_id"], "VOLUME_VOLUME_001_003");
        assert_eq!(
            told["messages"][0]["user_message"],
            "schedule allocate volume:Could not find any available weighted backend."
        );

        let source = server.volume(1, "available").await;
        server.post("/backups", &json!({ "backup": { "volume_id": source } })).send().await.expect(202);
        let backup = server.backup(&BackupRow::new("b", 1)).await;
        let restore = async |body: Value| {
            server.post(&format!("/backups/{backup}/restore"), &json!({ "restore": body })).send().await
        };
        restore(json!({})).await.fault(400, "badRequest");
        assert_eq!(server.status("backups", backup).await, "available");
        restore(json!({ "volume_id": server.volume(1, "available").await })).await.expect(202);
        switch("enable", "lab@rbd").await;
        assert_eq!(server.status("volumes", make().await).await, "creating");
    })
    .await;
}
