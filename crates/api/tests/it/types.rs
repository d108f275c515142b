//! `/types` (API spec 11.3).

use serde_json::{Value, json};

use crate::support::{Server, with_server};

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
