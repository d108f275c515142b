//! `/types` (API spec 11.3).

use serde_json::{Value, json};

use crate::support::{PROJECT, Server, with_server};

async fn create(server: &Server, body: Value) -> String {
    let made = server.post("/types", &json!({ "volume_type": body })).send().await.expect(200);
    made["volume_type"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_type_from_create_to_delete() {
    with_server(async |server| {
        let body = json!({ "volume_type": { "name": "ssd", "extra_specs": { "a": "b" } } });
        let made = server.post("/types", &body).send().await.expect(200)["volume_type"].clone();
        assert!(made.get("qos_specs_id").is_none());
        assert_eq!((&made["is_public"], &made["os-volume-type-access:is_public"]), (&json!(true), &json!(true)));
        let id = made["id"].as_str().unwrap();
        let path = format!("/types/{id}");
        assert_eq!(
            server.post("/types", &body).send().await.fault(409, "conflictingRequest"),
            "Volume Type ssd already exists."
        );
        let shown = server.get(&path).send().await.expect(200)["volume_type"].clone();
        assert_eq!((&shown["extra_specs"], &shown["qos_specs_id"]), (&json!({"a": "b"}), &Value::Null));
        let changed = server.put(&path, &json!({ "volume_type": { "description": "fast" } })).send().await.expect(200);
        assert_eq!(changed["volume_type"]["description"], "fast");
        assert!(changed["volume_type"].get("os-volume-type-access:is_public").is_none());
        server.put(&path, &json!({ "volume_type": {} })).send().await.fault(400, "badRequest");
        assert_eq!(server.get(&format!("{path}/encryption")).send().await.expect(200), json!({}));

        let volume = json!({ "volume": { "size": 1, "volume_type": "ssd" } });
        let volume = server.post("/volumes", &volume).send().await.expect(202);
        assert_eq!(volume["volume"]["volume_type"], "ssd");
        assert_eq!(server.delete(&path).send().await.fault(400, "badRequest"), "Target volume type is still in use.");
        sqlx::query("UPDATE volumes SET deleted_at = now()").execute(&server.sql).await.unwrap();
        server.delete(&path).send().await.expect(202);
        server.get(&path).send().await.fault(404, "itemNotFound");
    })
    .await;
}

#[tokio::test]
async fn the_default_type() {
    with_server(async |server| {
        let default = server.get("/types/default").send().await.expect(200)["volume_type"].clone();
        assert_eq!(default["name"], "__DEFAULT__");
        let path = format!("/types/{}", default["id"].as_str().unwrap());
        server.delete(&path).send().await.fault(400, "badRequest");
        create(server, json!({ "name": "ssd" })).await;
        server.delete(&path).send().await.fault(400, "badRequest");
        // it stays the default under another name, and is shown and given to everybody also when it is private
        let change = json!({ "volume_type": { "name": "bronze", "is_public": false } });
        server.put(&path, &change).send().await.expect(200);
        let renamed = server.get("/types/default").send().await.expect(200)["volume_type"].clone();
        assert_eq!((&renamed["id"], &renamed["name"]), (&default["id"], &json!("bronze")));
        let made = server.post("/volumes", &json!({ "volume": { "size": 1 } })).send().await.expect(202);
        assert_eq!(made["volume"]["volume_type"], "bronze");
        server.delete(&path).send().await.fault(400, "badRequest");
    })
    .await;
}

#[tokio::test]
async fn lists() {
    with_server(async |server| {
        create(server, json!({ "name": "private", "os-volume-type-access:is_public": false })).await;
        let names = async |query: &str| -> Vec<String> {
            let page = server.get(&format!("/types{query}")).at("3.64").send().await.expect(200);
            let rows = page["volume_types"].as_array().unwrap().clone();
            rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("").await, ["__DEFAULT__"]);
        assert_eq!(names("?is_public=None").await, ["private", "__DEFAULT__"]);
        assert_eq!(names("?is_public=False").await, ["private"]);
        assert_eq!(names("?is_public=None&sort=name:asc").await, ["__DEFAULT__", "private"]);
        server.get("/types?is_public=maybe").send().await.fault(400, "badRequest");
    })
    .await;
}

#[tokio::test]
async fn extra_specs() {
    with_server(async |server| {
        let id = create(server, json!({ "name": "ssd" })).await;
        let path = format!("/types/{id}/extra_specs");
        let body = json!({ "extra_specs": { "a": "1", "b": "2" } });
        assert_eq!(server.post(&path, &body).send().await.expect(200), body);
        let item = format!("{path}/a");
        assert_eq!(server.get(&item).send().await.expect(200), json!({ "a": "1" }));
        assert_eq!(server.put(&item, &json!({ "a": "9" })).send().await.expect(200), json!({ "a": "9" }));
        server.put(&item, &json!({ "c": "9" })).send().await.fault(400, "badRequest");
        server.delete(&item).send().await.expect(202);
        assert_eq!(
            server.delete(&item).send().await.fault(404, "itemNotFound"),
            format!("Volume Type {id} has no extra specs with key a.")
        );
        assert_eq!(server.get(&path).send().await.expect(200), json!({ "extra_specs": { "b": "2" } }));
    })
    .await;
}

#[tokio::test]
async fn who_may_use_a_type_that_is_not_public() {
    with_server(async |server| {
        let private = create(server, json!({ "name": "private", "os-volume-type-access:is_public": false })).await;
        let public = create(server, json!({ "name": "public" })).await;
        let path = format!("/types/{private}");
        let access = format!("{path}/os-volume-type-access");
        let action = async |path: &str, name: &str, project: &str| {
            server.post(&format!("{path}/action"), &json!({ name: { "project": project } })).send().await
        };
        assert_eq!(server.get(&access).send().await.expect(200), json!({ "volume_type_access": [] }));
        assert_eq!(
            action(&path, "removeProjectAccess", "p").await.fault(404, "itemNotFound"),
            format!("Volume type access not found for {private} / p combination.")
        );
        action(&path, "addProjectAccess", "p").await.expect(202);
        assert_eq!(
            action(&path, "addProjectAccess", "p").await.fault(409, "conflictingRequest"),
            format!("Volume type access for {private} / p combination already exists.")
        );
        assert_eq!(
            server.get(&access).send().await.expect(200),
            json!({ "volume_type_access": [{ "volume_type_id": private, "project_id": "p" }] })
        );
        // the default list is of those that the caller's project may use
        let names = async |query: &str| {
            let page = server.get(&format!("/types{query}")).send().await.expect(200);
            page["volume_types"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(names("?is_public=true").await, ["public", "__DEFAULT__"]);
        action(&path, "addProjectAccess", PROJECT).await.expect(202);
        assert_eq!(names("?is_public=true").await, ["public", "private", "__DEFAULT__"]);
        assert_eq!(names("").await, ["public", "private", "__DEFAULT__"]);
        action(&path, "removeProjectAccess", PROJECT).await.expect(202);
        assert_eq!(names("").await, ["public", "__DEFAULT__"]);

        let public = format!("/types/{public}");
        assert_eq!(
            server.get(&format!("{public}/os-volume-type-access")).send().await.fault(404, "itemNotFound"),
            "Access list not available for public volume types."
        );
        assert_eq!(
            action(&public, "addProjectAccess", "p").await.fault(400, "badRequest"),
            "Invalid volume type: Type access modification is not applicable to public volume type."
        );
        action(&path, "addProjectAccess", "").await.fault(400, "badRequest");
        let nothing = "/types/11111111-1111-4111-8111-111111111111";
        action(nothing, "addProjectAccess", "p").await.fault(404, "itemNotFound");
    })
    .await;
}

#[tokio::test]
async fn a_type_that_the_pool_does_not_fit() {
    with_server(async |server| {
        create(server, json!({ "name": "fits", "extra_specs": { "storage_protocol": "ceph" } })).await;
        let wrong = create(server, json!({ "name": "wrong", "extra_specs": { "storage_protocol": "iSCSI" } })).await;
        let make = async |name: &str| {
            let body = json!({ "volume": { "size": 1, "volume_type": name } });
            server.post("/volumes", &body).send().await.expect(202)["volume"].clone()
        };
        let status = async |volume: &Value| {
            let path = format!("/volumes/{}", volume["id"].as_str().unwrap());
            server.get(&path).send().await.expect(200)["volume"]["status"].clone()
        };
        assert_eq!(status(&make("fits").await).await, "creating");
        let failed = make("wrong").await;
        assert_eq!(failed["status"], "creating");
        assert_eq!(status(&failed).await, "error");
        assert_eq!(server.jobs().await.len(), 1, "nothing is to be made of the second one");
        let messages = server.get("/messages").at("3.3").send().await.expect(200)["messages"].clone();
        assert_eq!(messages.as_array().unwrap().len(), 1);
        let message = &messages[0];
        assert_eq!(
            (&message["event_id"], &message["resource_type"], &message["resource_uuid"], &message["user_message"]),
            (
                &json!("VOLUME_VOLUME_001_003"),
                &json!("VOLUME"),
                &failed["id"],
                &json!("schedule allocate volume:Could not find any available weighted backend.")
            )
        );
        // it has no image, so that it and then its type can go at once
        let path = format!("/volumes/{}", failed["id"].as_str().unwrap());
        server.delete(&path).send().await.expect(202);
        server.get(&path).send().await.fault(404, "itemNotFound");
        server.delete(&format!("/types/{wrong}")).send().await.expect(202);
    })
    .await;
}
