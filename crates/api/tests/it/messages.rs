//! User messages (cases 186 and 187).

use catalog::ProjectId;
use catalog::messages::{Action, Detail, NewMessage, add};
use serde_json::json;
use uuid::Uuid;

use crate::support::{OTHER, PROJECT, Server, with_server};

async fn write(server: &Server, project: &str, detail: Detail) -> Uuid {
    let message = NewMessage {
        project_id: ProjectId::from(project),
        request_id: Some("req-1".to_owned()),
        resource_uuid: Uuid::new_v4(),
        action: Action::CreateBackup,
        detail,
    };
    add(&mut server.sql.acquire().await.unwrap(), &message).await.unwrap();
    message.resource_uuid
}

#[tokio::test]
async fn listed_shown_deleted() {
    with_server(async |server| {
        write(server, PROJECT, Detail::NoService).await;
        let about = write(server, PROJECT, Detail::DriverCreateFailed).await;
        write(server, OTHER, Detail::DriverCreateFailed).await;
        let all = server.get("/messages?limit=1").at("3.3").send().await.expect(200);
        assert_eq!(all["messages"].as_array().unwrap().len(), 2, "only our own, and no pages before 3.5");
        let page = server.get("/messages?limit=1").at("3.5").send().await.expect(200);
        assert_eq!(page["messages"].as_array().unwrap().len(), 1);
        assert!(page["messages_links"][0]["href"].as_str().unwrap().contains("/messages?limit=1&marker="));

        let found = server.get(&format!("/messages?resource_uuid={about}")).at("3.31").send().await.expect(200);
        let message = found["messages"][0].clone();
        assert_eq!(message["event_id"], "VOLUME_VOLUME_BACKUP_013_020");
        assert_eq!(message["user_message"], "create backup:Backup driver failed to create backup.");
        assert_eq!(message["message_level"], "ERROR");
        assert_eq!(message["resource_type"], "VOLUME_BACKUP");
        assert_eq!(message["resource_uuid"], about.to_string());
        assert_eq!(message["request_id"], "req-1");
        let event = server.get("/messages?event_id=VOLUME_VOLUME_BACKUP_013_024").at("3.5").send().await.expect(200);
        assert_eq!(event["messages"].as_array().unwrap().len(), 1);

        let path = format!("/messages/{}", message["id"].as_str().unwrap());
        assert_eq!(server.get(&path).at("3.3").send().await.expect(200)["message"], message);
        let gone = server.delete(&path).at("3.3").send().await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        let id = message["id"].as_str().unwrap();
        let missing = format!("Message {id} could not be found.");
        server.get(&path).at("3.3").send().await.expect_missing(&missing);
        server.delete(&path).at("3.3").send().await.expect_missing(&missing);
        server.get("/messages/x").at("3.3").send().await.expect_missing("Message x could not be found.");
    })
    .await;
}

#[tokio::test]
async fn expired_ones_are_gone() {
    with_server(async |server| {
        write(server, PROJECT, Detail::NoService).await;
        server.run("UPDATE messages SET expires_at = now() - interval '1 second'").await;
        assert_eq!(server.get("/messages").at("3.5").send().await.expect(200), json!({ "messages": [] }));
        assert_eq!(server.catalog.reap_messages().await.unwrap(), 1);
        assert_eq!(server.catalog.reap_messages().await.unwrap(), 0);
    })
    .await;
}
