//! `/limits`, `/os-quota-sets`, `/os-quota-class-sets` (API spec 11.3).

use serde_json::{Value, json};

use crate::neighbours::{snapshot, volume};
use crate::support::{PROJECT, with_server};

#[tokio::test]
async fn limits_and_usage() {
    with_server(async |server| {
        let volume = volume(server, 3).await;
        snapshot(server, &volume).await;
        let limits = server.get("/limits").send().await.expect(200)["limits"].clone();
        assert_eq!(limits["rate"], json!([]));
        assert_eq!(
            limits["absolute"],
            json!({
                "maxTotalVolumes": 10, "maxTotalSnapshots": 10, "maxTotalVolumeGigabytes": 1000,
                "maxTotalBackups": 10, "maxTotalBackupGigabytes": 1000,
                "totalVolumesUsed": 1, "totalSnapshotsUsed": 1, "totalGigabytesUsed": 6,
                "totalBackupsUsed": 0, "totalBackupGigabytesUsed": 0,
            })
        );
        let other = server.get("/limits?project_id=other").at("3.39").send().await.expect(200);
        assert_eq!(other["limits"]["absolute"]["totalVolumesUsed"], 0);
        let own = server.get("/limits?project_id=other").at("3.38").send().await.expect(200);
        assert_eq!(own["limits"]["absolute"]["totalVolumesUsed"], 1);

        let usage = server.get(&format!("/os-quota-sets/{PROJECT}?usage=True")).send().await.expect(200);
        assert_eq!(usage["quota_set"]["gigabytes"], json!({ "limit": 1000, "in_use": 6, "reserved": 0 }));
        assert_eq!(usage["quota_set"]["volumes___DEFAULT__"], json!({ "limit": -1, "in_use": 1, "reserved": 0 }));
        assert_eq!(usage["quota_set"]["id"], PROJECT);
    })
    .await;
}

#[tokio::test]
async fn setting_and_taking_back() {
    with_server(async |server| {
        let path = format!("/os-quota-sets/{PROJECT}");
        let set =
            server.put(&path, &json!({ "quota_set": { "backups": 5, "tenant_id": "x" } })).send().await.expect(200);
        assert_eq!((&set["quota_set"]["backups"], set["quota_set"].get("id")), (&json!(5), None));
        let defaults = server.get(&format!("{path}/defaults")).send().await.expect(200);
        assert_eq!((&defaults["quota_set"]["backups"], &defaults["quota_set"]["id"]), (&json!(10), &json!(PROJECT)));
        server.delete(&path).send().await.expect(200);
        assert_eq!(server.get(&path).send().await.expect(200)["quota_set"]["backups"], 10);

        let class = json!({ "quota_class_set": { "backups": 20 } });
        server.put("/os-quota-class-sets/default", &class).send().await.expect(200);
        let shown = server.get("/os-quota-class-sets/default").send().await.expect(200);
        assert_eq!(
            (&shown["quota_class_set"]["backups"], &shown["quota_class_set"]["id"]),
            (&json!(20), &json!("default"))
        );
        assert_eq!(server.get(&path).send().await.expect(200)["quota_set"]["backups"], 20);
    })
    .await;
}

#[tokio::test]
async fn what_is_refused() {
    with_server(async |server| {
        volume(server, 3).await;
        let put = async |set: Value| {
            let path = format!("/os-quota-sets/{PROJECT}");
            server.put(&path, &json!({ "quota_set": set })).send().await.fault(400, "badRequest")
        };
        assert_eq!(put(json!({ "x": 1 })).await, "Invalid input received: Bad key(s) in quota set: x");
        assert_eq!(put(json!({ "volumes": 1.5 })).await, "volumes must be an integer");
        assert_eq!(put(json!({ "volumes": -2 })).await, "volumes must be >= -1");
        assert_eq!(put(json!({ "volumes": 2_147_483_648_i64 })).await, "volumes must be <= 2147483647");
        assert!(put(json!({ "volumes": "5" })).await.starts_with("The server could not comply"));
        assert_eq!(
            put(json!({ "gigabytes": 2 })).await,
            "Quota gigabytes limit must be equal or greater than existing resources. Current usage is 3 and the \
             requested limit is 2."
        );
        put(json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn bodies_fit_the_schema() {
    with_server(async |server| {
        let project = format!("/os-quota-sets/{PROJECT}");
        let class = "/os-quota-class-sets/default";
        let refused = async |path: &str, body: Value| server.put(path, &body).send().await.fault(400, "badRequest");
        for (path, key) in [(project.as_str(), "quota_set"), (class, "quota_class_set")] {
            assert_eq!(
                refused(path, json!({ key: { "volumes": 20 }, "foo": 1 })).await,
                "Additional properties are not allowed ('foo' was unexpected)"
            );
            assert_eq!(
                refused(path, json!({ key: null })).await,
                format!("Invalid input for field/attribute {key}. Value: None. None is not of type 'object'")
            );
            assert_eq!(refused(path, json!({})).await, format!("'{key}' is a required property"));
            let shown = server.get(path).send().await.expect(200);
            assert_eq!(shown[key]["volumes"], 10, "nothing was changed");
        }
        // what is wrong with a limit before what is no limit in a project's set, after it in a class's
        assert_eq!(refused(&project, json!({ "quota_set": { "a": 1, "volumes": -2 } })).await, "volumes must be >= -1");
        assert_eq!(
            refused(class, json!({ "quota_class_set": { "a": 1, "id": "x", "volumes": -2 } })).await,
            "Invalid input received: Bad key(s) in quota class set: a, id"
        );
        let set = server.put(class, &json!({ "quota_class_set": { "volumes": "30" } })).send().await.expect(200);
        assert_eq!(set["quota_class_set"]["volumes"], 30);
        server.put(class, &json!({ "quota_class_set": {} })).send().await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn names_are_bounded() {
    with_server(async |server| {
        for (path, key, name) in [
            ("/os-quota-sets", "quota_set", "quota_set_name"),
            ("/os-quota-class-sets", "quota_class_set", "quota_class_name"),
        ] {
            let put = async |length: usize| {
                let path = format!("{path}/{}", "x".repeat(length));
                server.put(&path, &json!({ key: { "volumes": 10 } })).send().await
            };
            put(255).await.expect(200);
            let said = format!("Invalid input received: {name} has 256 characters, more than 255.");
            put(256).await.expect_bad(&said);
        }
    })
    .await;
}
