//! What is known of the image of a volume (API spec 11.1).

use serde_json::{Value, json};

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
