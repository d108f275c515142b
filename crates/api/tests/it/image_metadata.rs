//! What is known of the image of a volume (API spec 11.1).

use serde_json::{Map, Value, json};

use crate::neighbours::{UNKNOWN, set_status, volume};
use crate::support::{Answer, Server, with_server};

async fn act(server: &Server, volume: &str, body: &Value) -> Answer {
    server.post(&format!("/volumes/{volume}/action"), body).send().await
}

fn set(metadata: &Value) -> Value {
    json!({ "os-set_image_metadata": { "metadata": metadata } })
}

fn unset(key: &str) -> Value {
    json!({ "os-unset_image_metadata": { "key": key } })
}

#[tokio::test]
async fn it_is_added_to_shown_and_taken_away() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let shown = async || server.get(&format!("/volumes/{id}")).send().await.expect(200)["volume"].clone();
        let listed = async || server.get("/volumes/detail").send().await.expect(200)["volumes"][0].clone();
        let kept = async || act(server, &id, &json!({ "os-show_image_metadata": null })).await.expect(200);
        assert_eq!((shown().await.get("volume_image_metadata"), kept().await), (None, json!({ "metadata": {} })));

        let first = act(server, &id, &set(&json!({ "os_distro": "debian", "min_disk": "1" }))).await.expect(200);
        assert_eq!(first, json!({ "metadata": { "min_disk": "1", "os_distro": "debian" } }));
        let more = act(server, &id, &set(&json!({ "min_disk": "2", "a/b c": "" }))).await.expect(200);
        let expected = json!({ "a/b c": "", "min_disk": "2", "os_distro": "debian" });
        assert_eq!(more["metadata"], expected);
        for view in [shown().await, listed().await] {
            assert_eq!((&view["volume_image_metadata"], &view["metadata"]), (&expected, &json!({})));
        }
        assert_eq!(kept().await["metadata"], expected);

        for key in ["os_distro", "a/b c", "min_disk"] {
            let answer = act(server, &id, &unset(key)).await;
            assert_eq!((answer.status, answer.text.as_str()), (200, ""));
        }
        assert_eq!(
            (shown().await.get("volume_image_metadata"), listed().await.get("volume_image_metadata")),
            (None, None)
        );
        assert_eq!(
            act(server, &id, &unset("min_disk")).await.fault(404, "itemNotFound"),
            "Metadata item was not found."
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_refused() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        for body in [
            json!({ "os-set_image_metadata": null }),
            json!({ "os-set_image_metadata": {} }),
            set(&json!(null)),
            set(&json!({ "k": 1 })),
            set(&json!({ "k": null })),
            set(&json!({ "": "v" })),
            set(&json!({ "k".repeat(256): "v" })),
            set(&json!({ "k": "v".repeat(256) })),
            json!({ "os-unset_image_metadata": "k" }),
            json!({ "os-unset_image_metadata": {} }),
            unset(""),
        ] {
            act(server, &id, &body).await.fault(400, "badRequest");
        }
        for body in [set(&json!({ "k": "v" })), unset("k"), json!({ "os-show_image_metadata": {} })] {
            let missing = act(server, UNKNOWN, &body).await.fault(404, "itemNotFound");
            assert_eq!(missing, format!("Volume {UNKNOWN} could not be found."));
        }
        for status in ["maintenance", "uploading"] {
            set_status(server, "volumes", &id, status).await;
            let refused = act(server, &id, &set(&json!({ "k": "v" }))).await.fault(400, "badRequest");
            let expected = format!("Updating volume metadata is not allowed for volumes in {status} status.");
            assert_eq!(refused, format!("Invalid volume: {expected}"));
            let refused = act(server, &id, &unset("k")).await.fault(400, "badRequest");
            assert_eq!(refused, format!("Invalid volume: {}", expected.replace("Updating", "Deleting")));
        }
    })
    .await;
}

#[tokio::test]
async fn metadata_does_not_grow_without_end() {
    with_server(async |server| {
        let id = volume(server, 1).await;
        let body = json!({ "snapshot": { "volume_id": id } });
        let made = server.post("/snapshots", &body).send().await.expect(202);
        let snapshot = made["snapshot"]["id"].as_str().unwrap().to_owned();
        // about 103 kB each; two have room
        let more = |name: &str| -> Value {
            (0..200).map(|n| (format!("{name}{n:0>254}"), json!("v".repeat(255)))).collect::<Map<_, _>>().into()
        };
        let volume_metadata = format!("/volumes/{id}/metadata");
        let snapshot_metadata = format!("/snapshots/{snapshot}/metadata");
        for (path, what) in [(&volume_metadata, "volume's metadata"), (&snapshot_metadata, "snapshot's metadata")] {
            let add = async |name: &str| server.post(path, &json!({ "metadata": more(name) })).send().await;
            add("a").await.expect(200);
            let two = add("b").await.expect(200);
            refused(add("c").await, what);
            assert_eq!(server.get(path).send().await.expect(200), two);
        }
        for name in ["a", "b"] {
            act(server, &id, &set(&more(name))).await.expect(200);
        }
        refused(act(server, &id, &set(&more("c"))).await, "volume's image metadata");
        let kept = act(server, &id, &json!({ "os-show_image_metadata": null })).await.expect(200);
        assert_eq!(kept["metadata"].as_object().unwrap().len(), 400);
    })
    .await;
}

fn refused(answer: Answer, what: &str) {
    // 600 times "k":"v" with a comma, or a bracket, beside it
    let bytes = 600 * (255 + 255 + 6) + 1;
    let message =
        format!("The {what} would take {bytes} bytes as JSON. At most 262144 are allowed; nothing was changed.");
    assert_eq!(answer.fault(400, "badRequest"), message);
}
