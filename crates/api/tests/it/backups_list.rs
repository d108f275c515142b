//! Lists of backups (cases 41 to 79).

use api::Settings;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{BackupRow, OTHER, PROJECT, Server, names, with_server, with_settings};

/// b1, b2, b3, oldest first.
async fn three(server: &Server) -> [Uuid; 3] {
    [
        server.backup(&BackupRow { size: 3, ..BackupRow::new("b1", 1) }).await,
        server.backup(&BackupRow { size: 1, status: "error", ..BackupRow::new("b2", 2) }).await,
        server.backup(&BackupRow { size: 1, metadata: json!({"k": "v"}), ..BackupRow::new("b3", 3) }).await,
    ]
}

async fn list(server: &Server, query: &str, version: &str) -> Value {
    server.get(&format!("/backups?{query}")).at(version).send().await.expect(200)
}

#[tokio::test]
async fn pages() {
    with_server(async |server| {
        let [b1, b2, b3] = three(server).await;
        let all = list(server, "", "3.0").await;
        assert_eq!(names(&all), ["b3", "b2", "b1"]);
        assert!(all.get("backups_links").is_none());
        for backup in all["backups"].as_array().unwrap() {
            assert_eq!(backup.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "name", "links"]);
        }
        let first = list(server, "limit=2", "3.0").await;
        assert_eq!(names(&first), ["b3", "b2"]);
        let next = format!("http://{}/v3/{PROJECT}/backups?limit=2&marker={b2}", server.address);
        assert_eq!(first["backups_links"], json!([{ "rel": "next", "href": next }]));
        assert_eq!(names(&list(server, &format!("marker={b3}"), "3.0").await), ["b2", "b1"]);
        assert_eq!(names(&list(server, &format!("limit=1&marker={b3}"), "3.0").await), ["b2"]);
        assert_eq!(names(&list(server, "offset=1", "3.0").await), ["b2", "b1"]);
        assert_eq!(names(&list(server, &format!("offset=1&marker={b3}"), "3.0").await), ["b1"]);
        assert_eq!(list(server, "limit=0", "3.0").await, json!({ "backups": [] }));
        assert_eq!(names(&list(server, "limit=%2B1", "3.0").await), ["b3"]);
        // a full last page points to an empty one
        let last = list(server, &format!("limit=1&marker={b2}"), "3.0").await;
        assert_eq!(names(&last), ["b1"]);
        assert!(last["backups_links"].is_array());
        assert_eq!(list(server, &format!("limit=1&marker={b1}"), "3.0").await, json!({ "backups": [] }));
        let detail = server.get("/backups/detail?limit=1&status=available").send().await.expect(200);
        let href = detail["backups_links"][0]["href"].as_str().unwrap();
        assert!(href.ends_with(&format!("/backups/detail?limit=1&status=available&marker={b3}")), "{href}");
    })
    .await;
}

#[tokio::test]
async fn the_servers_limit() {
    with_settings(Settings { max_limit: 2, ..Settings::default() }, async |server| {
        three(server).await;
        for query in ["", "?limit=1000", "?limit=99999999999999999999"] {
            let body = server.get(&format!("/backups/detail{query}")).send().await.expect(200);
            assert_eq!(names(&body), ["b3", "b2"]);
            assert_eq!(body["backups"][0].as_object().unwrap().len(), 17);
            let href = body["backups_links"][0]["href"].as_str().unwrap();
            let path = href.strip_prefix(&format!("http://{}/v3/{PROJECT}", server.address)).unwrap();
            assert_eq!(names(&server.get(path).send().await.expect(200)), ["b1"]);
        }
    })
    .await;
}

#[tokio::test]
async fn bad_paging() {
    with_server(async |server| {
        let bad = async |query: &str, message: &str| {
            for path in ["/backups", "/backups/detail"] {
                server.get(&format!("{path}?{query}")).at("3.45").send().await.expect_bad(message);
            }
        };
        bad("limit=abc", "limit param must be an integer").await;
        bad("limit=", "limit param must be an integer").await;
        bad("limit=-1", "limit param must be positive").await;
        bad("limit=x&offset=x&marker=x&sort=x&with_count=x", "limit param must be an integer").await;
        bad("offset=252452434242342434", "offset must be <= 2147483647").await;
        bad("offset=-1", "offset must be >= 0").await;
        bad("offset=x", "offset must be an integer").await;
        bad("sort_key=nope", "Invalid input received: Invalid sort key").await;
        bad("sort=", "Invalid input received: Invalid sort key").await;
        bad("sort=id,", "Invalid input received: Invalid sort key").await;
        let direction = "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'.";
        bad("sort=created_at:sideways", direction).await;
        bad("sort=nope:sideways", direction).await;
        bad("sort=id:asc:x", direction).await;
        bad("sort_dir=ASC", direction).await;
        bad(
            "sort=id&sort_key=id",
            "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter.",
        )
        .await;
        bad("with_count=maybe", "Value 'maybe' for 'with_count' is not a boolean.").await;
        bad("all_tenants=maybe", "all_tenants must be a boolean, got 'maybe'.").await;
        for marker in ["00000000-0000-4000-8000-000000000000", "nonexist", ""] {
            server
                .get(&format!("/backups?marker={marker}"))
                .send()
                .await
                .expect_missing(&format!("Backup {marker} could not be found."));
        }
        let foreign = server.backup(&BackupRow { project: OTHER, ..BackupRow::new("f", 1) }).await;
        server.get(&format!("/backups?marker={foreign}&all_tenants=1")).send().await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn orders() {
    with_server(async |server| {
        let [_, b2, b3] = three(server).await;
        let order = async |query: &str| names(&list(server, query, "3.37").await).join(" ");
        assert_eq!(order("sort=size:asc,created_at:desc").await, "b3 b2 b1");
        assert_eq!(order("sort=size:asc").await, "b2 b3 b1");
        assert_eq!(order("sort=size").await, "b1 b3 b2");
        assert_eq!(order("sort=size:asc, created_at : desc").await, "b3 b2 b1");
        assert_eq!(order("sort_key=created_at&sort_dir=asc").await, "b1 b2 b3");
        assert_eq!(order("sort_key=name").await, "b3 b2 b1");
        assert_eq!(order("sort=name:asc").await, "b1 b2 b3");
        server
            .get("/backups?sort_key=name")
            .at("3.36")
            .send()
            .await
            .expect_bad("Invalid input received: Invalid sort key");
        // behind a marker, in one direction and in two
        assert_eq!(order(&format!("sort=size:asc&marker={b2}")).await, "b3 b1");
        assert_eq!(order(&format!("sort=size:asc,created_at:desc&marker={b3}")).await, "b2 b1");
        // missing values are the lowest
        server.run(&format!("UPDATE backups SET host = 'h' WHERE id = '{b3}'")).await;
        server.run("UPDATE backups SET updated_at = now() WHERE name = 'b1'").await;
        assert_eq!(order("sort=host:asc").await, "b1 b2 b3");
        assert_eq!(order(&format!("sort=host:asc&marker={b2}")).await, "b3");
        assert_eq!(order("sort=updated_at:desc").await, "b1 b3 b2");
        assert_eq!(order(&format!("sort=updated_at:desc&marker={b3}")).await, "b2");
        for column in catalog::backups::TABLE.columns {
            let key = column.key;
            assert_eq!(order(&format!("sort={key}:asc")).await.len(), 8, "{key}");
            assert!(order(&format!("sort={key}:asc,size:desc&marker={b2}")).await.len() <= 8, "{key}");
        }
    })
    .await;
}

#[tokio::test]
async fn pages_of_every_size_tell_the_same_list() {
    with_server(async |server| {
        for at in 0..7 {
            let size = if at % 2 == 0 { 1 } else { 2 };
            server.backup(&BackupRow { size, ..BackupRow::new("same", at / 3) }).await;
        }
        let ids = |body: &Value| -> Vec<String> {
            let rows = body["backups"].as_array().unwrap();
            rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
        };
        for sort in ["created_at:desc", "size:asc", "size:desc,created_at:asc", "container:asc,size:desc"] {
            let whole = ids(&list(server, &format!("sort={sort}"), "3.0").await);
            assert_eq!(whole.len(), 7);
            for limit in 1..4 {
                let mut paged: Vec<String> = Vec::new();
                loop {
                    let marker = paged.last().map(|id| format!("&marker={id}")).unwrap_or_default();
                    let page = ids(&list(server, &format!("sort={sort}&limit={limit}{marker}"), "3.0").await);
                    if page.is_empty() {
                        break;
                    }
                    paged.extend(page);
                }
                assert_eq!(paged, whole, "{sort} {limit}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn filters() {
    with_server(async |server| {
        let [b1, ..] = three(server).await;
        let found = async |query: &str, version: &str| names(&list(server, query, version).await).join(" ");
        assert_eq!(found("name=b2", "3.0").await, "b2");
        assert_eq!(found("status=available", "3.0").await, "b3 b1");
        let volume = server.value(&format!("SELECT volume_id FROM backups WHERE id = '{b1}'")).await.unwrap();
        assert_eq!(found(&format!("volume_id={volume}"), "3.0").await, "b1");
        assert_eq!(found("volume_id=nope", "3.0").await, "");
        assert_eq!(found("size=1", "3.0").await, "b3 b2");
        assert_eq!(found(&format!("id={b1}"), "3.0").await, "b1");
        assert_eq!(found("created_at=2026-01-01T00:00:02", "3.0").await, "b2");
        // an administrator's: what is no column matches nothing, and texts by parts of them
        assert_eq!(found("foo=1", "3.0").await, "");
        assert_eq!(found("foo=1", "3.71").await, "");
        assert_eq!(found("with_count=true", "3.44").await, "");
        // by parts of a name since 3.31 (until then that is passed over), of other columns always
        assert_eq!(found("name~=2", "3.30").await, "b3 b2 b1");
        assert_eq!(found("name~=2", "3.31").await, "b2");
        assert_eq!(found("status~=vail", "3.0").await, "b3 b1");
        assert_eq!(found("description~=x", "3.30").await, "");
        assert_eq!(found("name~=2", "3.34").await, "b2");
        assert_eq!(found("name~=%25", "3.34").await, "");
        assert_eq!(found("description~=x", "3.34").await, "");
        let odd = server.get("/backups?n%C3%A9=1").at("3.31").send().await;
        odd.expect_bad("Filter keys can only contain ASCII characters.");
        let detail = server.get("/backups/detail").at("3.43").send().await.expect(200);
        let metadata: Vec<&Value> = detail["backups"].as_array().unwrap().iter().map(|b| &b["metadata"]).collect();
        assert_eq!(metadata, [&json!({"k": "v"}), &json!({}), &json!({})]);
    })
    .await;
}

#[tokio::test]
async fn tenants_and_counts() {
    with_server(async |server| {
        three(server).await;
        server.backup(&BackupRow { project: OTHER, ..BackupRow::new("f", 9) }).await;
        let found = async |query: &str| names(&list(server, query, "3.45").await).join(" ");
        assert_eq!(found("").await, "b3 b2 b1");
        assert_eq!(found("all_tenants=False").await, "b3 b2 b1");
        assert_eq!(found("all_tenants=0").await, "b3 b2 b1");
        assert_eq!(found("all_tenants=1").await, "f b3 b2 b1");
        assert_eq!(found(&format!("all_tenants=True&project_id={OTHER}")).await, "f");
        assert_eq!(found(&format!("project_id={OTHER}")).await, "b3 b2 b1");

        let counted = list(server, "with_count=True&limit=1", "3.45").await;
        assert_eq!((names(&counted), &counted["count"]), (vec!["b3"], &json!(3)));
        assert_eq!(list(server, "with_count=1&all_tenants=1", "3.45").await["count"], 4);
        assert_eq!(list(server, "with_count=1&status=error&offset=5", "3.45").await["count"], 1);
        assert!(list(server, "with_count=False", "3.45").await.get("count").is_none());
    })
    .await;
}
