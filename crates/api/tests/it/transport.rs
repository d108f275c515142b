//! Versions, headers, paths and bodies: everything before a handler (cases 1 to 18).

use std::num::NonZeroU32;
use std::time::Duration;

use api::Settings;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{BackupRow, OTHER, PROJECT, Server, with_server, with_settings};

const GENERIC: &str =
    "The server could not comply with the request since it is either malformed or otherwise incorrect.";

#[tokio::test]
async fn the_versions_document_needs_no_token() {
    with_server(async |server| {
        for (path, status) in [("/", 300), ("/v3/", 200), ("/v3/0a", 200), ("/v3/0a/", 200)] {
            let answer = server.ask_at(Method::GET, path).without("x-auth-token").send().await;
            assert_eq!(answer.header("openstack-api-version"), Some("volume 3.0"), "{path}");
            assert_eq!(answer.header("vary"), Some("OpenStack-API-Version"), "{path}");
            let body = answer.expect(status);
            let versions = body["versions"].as_array().unwrap();
            assert_eq!(versions.len(), 1);
            assert_eq!(versions[0]["id"], "v3.0");
            assert_eq!(versions[0]["status"], "CURRENT");
            assert_eq!(versions[0]["version"], "3.71");
            assert_eq!(versions[0]["min_version"], "3.0");
            assert_eq!(versions[0]["links"][1]["href"], format!("http://{}/v3/", server.address));
        }
        let latest = server.ask_at(Method::GET, "/v3/").at("latest").send().await;
        assert_eq!(latest.header("openstack-api-version"), Some("volume 3.71"));
        server.ask_at(Method::POST, "/v3/").send().await.expect(404);
        server.ask_at(Method::POST, "/v3").send().await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn without_its_slash_the_versions_document_is_elsewhere() {
    with_server(async |server| {
        let ask = || server.ask_at(Method::GET, "/v3");
        let moved = ask().send().await;
        assert_eq!((moved.status, moved.text.as_str()), (302, ""));
        assert_eq!(moved.header("content-type"), Some("text/plain; charset=utf8"));
        assert_eq!(moved.header("location"), Some(format!("http://{}/v3/", server.address).as_str()));
        for absent in ["openstack-api-version", "vary", "x-compute-request-id"] {
            assert_eq!(moved.header(absent), None, "{absent}");
        }
        let forwarded = ask().with("x-forwarded-host", "inner, cloud:80").send().await;
        assert_eq!(forwarded.header("location"), Some("http://cloud:80/v3/"));
    })
    .await;
}

#[tokio::test]
async fn links_follow_the_public_url() {
    let settings = Settings { public_url: Some("https://cloud/volume/".to_owned()), ..Settings::default() };
    with_settings(settings, async |server| {
        let body = server.ask_at(Method::GET, "/").send().await.expect(300);
        assert_eq!(body["versions"][0]["links"][1]["href"], "https://cloud/volume/v3/");
        let moved = server.ask_at(Method::GET, "/v3").send().await;
        assert_eq!(moved.header("location"), Some("https://cloud/volume/v3/"));
        let id = server.backup(&BackupRow::new("b", 1)).await;
        let body = server.get(&format!("/backups/{id}")).send().await.expect(200);
        assert_eq!(body["backup"]["links"][0]["href"], format!("https://cloud/volume/v3/{PROJECT}/backups/{id}"));
        assert_eq!(body["backup"]["links"][1]["href"], format!("https://cloud/volume/{PROJECT}/backups/{id}"));
    })
    .await;
}

#[tokio::test]
async fn versions_are_negotiated() {
    with_server(async |server| {
        for path in ["/".to_owned(), "/v3/".to_owned(), format!("/v3/{PROJECT}/backups")] {
            let ask = || server.ask_at(Method::GET, &path);
            let answer = ask().at("2.0.1").send().await;
            assert_eq!(answer.header("openstack-api-version"), None);
            answer.expect_bad("API Version String 2.0.1 is of invalid format. Must be of format MajorNum.MinorNum.");
            let answer = ask().at("4.0").send().await;
            assert_eq!(answer.header("openstack-api-version"), Some("volume 4.0"));
            answer.expect_fault(
                406,
                "computeFault",
                "Version 4.0 is not supported by the API. Minimum is 3.0 and maximum is 3.71.",
            );
            let other = ask().with("openstack-api-version", "compute 2.22, identity 2.3").send().await;
            other.expect_bad(GENERIC);
            let several = ask().with("openstack-api-version", "volume 3.9, compute 2.22").send().await;
            assert_eq!(several.header("openstack-api-version"), Some("volume 3.9"));
        }
        server
            .put(&format!("/backups/{OTHER}"), &json!({ "backup": {} }))
            .at("3.8")
            .send()
            .await
            .expect_missing("The resource could not be found.");
    })
    .await;
}

#[tokio::test]
async fn request_ids_are_our_own() {
    with_server(async |server| {
        let sent = "req-a968903c-3780-4960-b2c6-6956c4907676";
        for id in [sent, "hello"] {
            let answer = server.get("/backups").with("x-openstack-request-id", id).send().await;
            assert_eq!(answer.status, 200);
            assert_ne!(answer.header("x-openstack-request-id"), Some(sent));
            assert_eq!(answer.header("x-openstack-request-id"), answer.header("x-compute-request-id"));
        }
    })
    .await;
}

#[tokio::test]
async fn the_project_in_the_url() {
    with_server(async |server| {
        server.ask_at(Method::GET, &format!("/v3/{OTHER}/backups")).send().await.expect_bad("Malformed request url");
        // without a colon, or without a token, one is admin in the URL's project
        for token in ["notused", ""] {
            let answer = server.get("/backups").with("x-auth-token", token).send().await;
            assert_eq!(answer.expect(200), json!({ "backups": [] }));
        }
        server.get("/backups").without("x-auth-token").send().await.expect(200);

        let id = server.backup(&BackupRow::new("b", 1)).await;
        let body = server.ask_at(Method::GET, "/v3/backups").send().await.expect(200);
        let links = &body["backups"][0]["links"];
        assert_eq!(links[0]["href"], format!("http://{}/v3/backups/{id}", server.address));
        assert_eq!(links[1]["href"], format!("http://{}/backups/{id}", server.address));
        let suffixed = server.get("/backups.json").send().await.expect(200);
        assert_eq!(suffixed, server.get("/backups").send().await.expect(200));
    })
    .await;
}

#[tokio::test]
async fn what_is_routed_nowhere() {
    with_server(async |server| {
        let id = server.backup(&BackupRow::new("b", 1)).await;
        let base = format!("/v3/{PROJECT}/backups");
        for (method, path) in [
            (Method::GET, "/v3/DEMO/backups".to_owned()),
            (Method::GET, "/v2/backups".to_owned()),
            (Method::GET, "/nothing".to_owned()),
            (Method::GET, format!("{base}/")),
            (Method::PATCH, format!("{base}/{id}")),
            (Method::POST, format!("{base}/{id}")),
            (Method::PUT, base.clone()),
            (Method::GET, format!("{base}/{id}/restore")),
            (Method::GET, format!("{base}/{id}/metadata")),
            (Method::POST, format!("{base}/{id}/export_record")),
        ] {
            let answer = server.ask_at(method.clone(), &path).send().await;
            assert_eq!(answer.header("openstack-api-version"), None, "{method} {path}");
            assert_eq!(answer.header("x-compute-request-id"), None, "{method} {path}");
            assert_eq!(
                answer.expect(404),
                json!({
                    "message": "The resource could not be found.<br /><br />\n\n\n",
                    "code": "404 Not Found",
                    "title": "Not Found",
                }),
                "{method} {path}"
            );
        }
        let head = server.ask_at(Method::HEAD, &base).send().await;
        assert_eq!((head.status, head.text.as_str()), (404, ""));
        for (accept, media_type) in
            [("text/html", "text/html; charset=UTF-8"), ("text/plain", "text/plain; charset=UTF-8")]
        {
            let answer = server.ask_at(Method::GET, "/nothing").with("accept", accept).send().await;
            assert_eq!(answer.header("content-type"), Some(media_type));
            assert!(answer.text.contains("404 Not Found"));
        }
        let gone = "The resource could not be found.";
        server.get("/messages").at("3.2").send().await.expect_missing(gone);
        server.get("/backups/import_record").send().await.expect_missing("Backup import_record could not be found.");
        // the reference's forms, which it does not have
        server.get("/backups/new").send().await.expect_missing("Backup new could not be found.");
        for collection in ["backups", "volumes", "snapshots", "types"] {
            let form = format!("/{collection}/{id}/edit");
            server.get(&form).send().await.expect_missing(gone);
            assert!(server.ask(Method::POST, &form).send().await.expect(404)["title"].is_string(), "{form}");
        }
    })
    .await;
}

#[tokio::test]
async fn bodies_are_json_of_a_bounded_size() {
    with_server(async |server| {
        let post = |body: &str| server.ask(Method::POST, "/backups").raw(body);
        let unsupported = "Unsupported Content-Type";
        for media_type in ["text/plain", "APPLICATION/JSON", "application/jsonx"] {
            post("{}").with("content-type", media_type).send().await.expect_fault(415, "badMediaType", unsupported);
        }
        post("{}").send().await.expect_fault(415, "badMediaType", unsupported);
        let json = |body: &str| post(body).with("content-type", "application/json; charset=latin-1");
        json("{oops").send().await.expect_bad("Malformed request body");
        json("null").send().await.expect_bad("None is not of type 'object'");
        json(&"[".repeat(100_000)).send().await.expect_bad("Malformed request body");
        json("").send().await.expect_bad(GENERIC);
        let vendor = post("{}").with("content-type", "application/vnd.openstack.volume+json");
        vendor.send().await.expect_bad("'backup' is a required property");

        let with_body = server.get("/backups").with("content-type", "application/json").raw("{}");
        with_body.send().await.expect_bad(GENERIC);
        server.get("/backups").with("content-type", "strange/thing").send().await.expect(200);

        let padded = |length: usize| {
            let body = r#"{"x": 1}"#;
            format!("{body}{}", " ".repeat(length - body.len()))
        };
        json(&padded(114_688)).send().await.expect_bad("'backup' is a required property");
        let large = json(&padded(114_689)).send().await;
        assert_eq!(large.header("x-compute-request-id"), None);
        assert_eq!(large.expect(413)["title"], "Request Entity Too Large");
        // in chunks, the length is not announced
        for (length, status) in [(114_688, "400 Bad Request"), (114_689, "413 Payload Too Large")] {
            let body = padded(length);
            let request = format!(
                "POST /v3/{PROJECT}/backups HTTP/1.1\r\nHost: h\r\nX-Auth-Token: alice:{PROJECT}\r\n\
                 Content-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                 {length:x}\r\n{body}\r\n0\r\n\r\n"
            );
            let answer = answer(send(server, &request).await).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        }
    })
    .await;
}

/// Sends this as it stands.
async fn send(server: &Server, request: &str) -> TcpStream {
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// All that comes back until the server closes the connection.
async fn answer(mut socket: TcpStream) -> String {
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Sends the first part, then the rest again and again, one byte at a time, and returns what comes back until the
/// server has had enough.
async fn dribble(server: &Server, first: &str, rest: &str) -> String {
    let (mut reading, mut writing) = TcpStream::connect(&server.address).await.unwrap().into_split();
    writing.write_all(first.as_bytes()).await.unwrap();
    let dribbling = async {
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        for byte in rest.bytes().cycle() {
            pace.tick().await;
            if writing.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        // the other side hears of it by itself
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    tokio::select! {
        () = dribbling => {}
        () = async {
            // a socket that is closed with bytes unread is reset
            while let Ok(read @ 1..) = reading.read(&mut buffer).await {
                answer.extend_from_slice(&buffer[..read]);
            }
        } => {}
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_client_that_dribbles_is_left_alone_after_a_while() {
    let few = Duration::from_millis(100);
    let settings = Settings { header_timeout: few, body_timeout: few, ..Settings::default() };
    with_settings(settings, async |server| {
        // a byte now and then is no reason to go on waiting
        assert_eq!(dribble(server, "GET /v3/backups HTTP/1.1\r\n", "X-Y: z\r\n").await, "");
        assert_eq!(dribble(server, "", "\r\n").await, "");
        for framing in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
            let head = format!(
                "POST /v3/{PROJECT}/backups HTTP/1.1\r\nHost: h\r\nX-Auth-Token: alice:{PROJECT}\r\n\
                 Content-Type: application/json\r\n{framing}\r\n\r\n"
            );
            let answer = dribble(server, &head, "1\r\n{\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{framing}: {answer}");
        }
        // who has sent a request and is silent is let go, too
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        socket.write_all(b"GET /healthcheck HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("OK"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_path_may_be_encoded_where_it_need_not_be() {
    with_server(async |server| {
        let get = async |path: &str| server.ask_at(Method::GET, path).send().await;
        let project = format!("%30{}", &PROJECT[1..]);
        for path in [format!("/v3/{PROJECT}/%62ackups"), format!("/%763/{project}/backups%2ejson?%6cimit=1")] {
            assert_eq!(get(&path).await.expect(200), json!({ "backups": [] }), "{path}");
        }
        assert_eq!(get("/%68ealthcheck").await.status, 200);
        for path in [
            format!("/v3%2F{PROJECT}/backups"),
            format!("/v3/{PROJECT}%2fbackups"),
            format!("/v3/{PROJECT}/%2562ackups"),
            format!("/v3/{PROJECT}/volumes/%2e%2e/backups"),
            format!("/v3/%2E%2e/v3/{PROJECT}/backups"),
        ] {
            // as it stands: clients resolve such segments themselves
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: h\r\nX-Auth-Token: alice:{PROJECT}\r\nConnection: close\r\n\r\n");
            let answer = answer(send(server, &request).await).await;
            assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{path}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_can_not_be_read_is_the_requests_fault() {
    with_server(async |server| {
        for (framing, body) in [
            ("Content-Length: 1000", "{"),
            ("Transfer-Encoding: chunked", "no number\r\n{"),
            ("Transfer-Encoding: chunked", "1\r\n{\r\n"),
        ] {
            let request = format!(
                "POST /v3/{PROJECT}/backups HTTP/1.1\r\nHost: h\r\nX-Auth-Token: alice:{PROJECT}\r\n\
                 Content-Type: application/json\r\n{framing}\r\n\r\n{body}"
            );
            let mut socket = send(server, &request).await;
            socket.shutdown().await.unwrap();
            let answer = answer(socket).await;
            assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{framing}: {answer}");
            let fault = r#"{"badRequest":{"code":400,"message":"The request's body could not be read."}}"#;
            assert!(answer.ends_with(fault), "{framing}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_project_that_asks_too_often_is_told_when_to_come_back() {
    let settings = Settings { requests_per_second: NonZeroU32::new(2), ..Settings::default() };
    with_settings(settings, async |server| {
        let mut answered = 0;
        let refused = loop {
            let answer = server.get("/backups").send().await;
            if answer.status != 200 {
                break answer;
            }
            answered += 1;
            assert!(answered < 1000, "nothing was refused");
        };
        assert!(answered >= 2, "{answered}");
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(refused.header("openstack-api-version"), Some("volume 3.0"));
        assert_eq!(refused.json()["overLimit"]["retryAfter"], "1");
        refused.expect_fault(413, "overLimit", "This request was rate-limited.");
        // others have buckets of their own, and what needs no token takes none
        let other = server.ask_at(Method::GET, &format!("/v3/{OTHER}/backups"));
        other.with("x-auth-token", &format!("bob:{OTHER}")).send().await.expect(200);
        for _ in 0..10 {
            server.ask_at(Method::GET, "/healthcheck").send().await.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn any_number_of_requests_is_answered_by_default() {
    with_server(async |server| {
        for _ in 0..50 {
            server.get("/backups?limit=1").send().await.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn actions_are_named_by_the_body() {
    with_server(async |server| {
        let id = server.backup(&BackupRow::new("b", 1)).await;
        let act = |body: &str| {
            server
                .ask(Method::POST, &format!("/backups/{id}/action"))
                .with("content-type", "application/json")
                .raw(body)
        };
        let unknown = |name: &str| {
            format!("There is no such action: {name}. Verify the request body and Content-Type header and try again.")
        };
        act(r#"{"foo": {}}"#).send().await.expect_bad(&unknown("foo"));
        act("").send().await.expect_bad(&unknown("None"));
        act("null").send().await.expect_missing("The resource could not be found.");
        for body in ["{}", r#"{"os-force_delete": {}, "x": 1}"#, "[]", r#""os-force_delete""#] {
            act(body).send().await.expect_bad("Malformed request body");
        }
    })
    .await;
}

#[tokio::test]
async fn resource_filters() {
    with_server(async |server| {
        let one = server.get("/resource_filters?resource=backup").at("3.33").send().await.expect(200);
        assert_eq!(
            one,
            json!({ "resource_filters": [{ "resource": "backup", "filters": ["name", "status", "volume_id"] }] })
        );
        let none = server.get("/resource_filters?resource=x").at("3.33").send().await.expect(200);
        assert_eq!(none, json!({ "resource_filters": [] }));
        let all = server.get("/resource_filters").at("3.33").send().await.expect(200);
        assert!(all["resource_filters"].as_array().unwrap().len() >= 4);
        server.get("/resource_filters").at("3.32").send().await.expect_missing("The resource could not be found.");
    })
    .await;
}

#[tokio::test]
async fn the_database_being_away_is_a_503() {
    with_server(async |server| {
        server.catalog.close().await;
        let answer = server.get("/backups").send().await;
        assert_eq!(answer.header("retry-after"), Some("5"));
        assert!(answer.expect(503)["serviceUnavailable"].is_object());
        assert_eq!(server.ask_at(Method::GET, "/healthcheck").send().await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_nul_names_nothing() {
    with_server(async |server| {
        let volume = server.volume(1, "available").await;
        let path = |path: &str| path.replace("{id}", &volume.to_string());
        let body = json!({ "quota_class_set": { "volumes": 1 }, "quota_set": { "volumes": 1 } });
        for (method, asked) in [
            (Method::GET, "/os-hosts/%00"),
            (Method::GET, "/os-services?binary=%00"),
            (Method::GET, "/os-services?host=a%00b"),
            (Method::GET, "/limits?project_id=%00"),
            (Method::GET, "/os-quota-sets/%00"),
            (Method::PUT, "/os-quota-sets/%00"),
            (Method::DELETE, "/os-quota-sets/%00"),
            (Method::GET, "/os-quota-class-sets/%00"),
            (Method::PUT, "/os-quota-class-sets/%00"),
            (Method::GET, "/extensions/%00"),
            (Method::GET, "/capabilities/%00"),
            (Method::GET, "/volumes/{id}/metadata/%00"),
            (Method::DELETE, "/volumes/{id}/metadata/%00"),
        ] {
            let ask = server.ask(method.clone(), &path(asked)).at("latest");
            let ask = if method == Method::PUT {
                ask.with("content-type", "application/json").raw(&body.to_string())
            } else {
                ask
            };
            let answer = ask.send().await;
            assert!([400, 404].contains(&answer.status), "{method} {asked}: {} {}", answer.status, answer.text);
        }
    })
    .await;
}

#[tokio::test]
async fn odd_bytes_do_not_hurt() {
    with_server(async |server| {
        server.get("/backups?name=%ff").send().await.expect_bad(GENERIC);
        server.get("/backups?name=%00").send().await.expect(200);
        assert_eq!(server.get("/backups/%ff").send().await.status, 404);
        assert_eq!(server.get("/backups/%00").send().await.status, 404);
        assert_eq!(server.get("/backups?marker=%00").send().await.status, 404);
        // bytes that no client library sends
        for request in [
            "GET /v3/backups?\u{0} HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            "GET http://elsewhere/v3/backups HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_owned(),
            "GET /v3/backups HTTP/1.0\r\n\r\n".to_owned(),
            format!("GET /v3/backups HTTP/1.1\r\nHost: h\r\nX-Auth-Token: {}\r\nConnection: close\r\n\r\n", "\u{e9}"),
        ] {
            let mut socket = TcpStream::connect(&server.address).await.unwrap();
            socket.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            socket.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1."), "{request:?}");
        }
    })
    .await;
}
