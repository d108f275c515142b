//! The description of the API: it is served, and the router answers what it says and nothing else. The page for people
//! names all of it, and nothing else.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::support::{Answer, PROJECT, Server, with_server};

const METHODS: [&str; 8] = ["get", "post", "put", "delete", "patch", "head", "options", "trace"];

async fn described(server: &Server) -> Map<String, Value> {
    let answer = server.ask_at(Method::GET, "/openapi.json").without("x-auth-token").send().await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text, api::openapi());
    answer.json()["paths"].as_object().unwrap().clone()
}

/// A path without open parts.
fn filled(path: &str) -> String {
    let id = Uuid::new_v4().to_string();
    path.replace("{project_id}", PROJECT).replace("{id}", &id).replace(['{', '}'], "")
}

async fn ask(server: &Server, method: &str, path: &str) -> Answer {
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    server.ask_at(method, path).at("latest").send().await
}

#[tokio::test]
async fn the_router_and_the_description_agree() {
    with_server(async |server| {
        let paths = described(server).await;
        for (path, operations) in &paths {
            for method in METHODS {
                let answer = ask(server, method, &filled(path)).await;
                // what reached a resource was told the version that it speaks
                let reached = answer.header("openstack-api-version") == Some("volume 3.71")
                    || (answer.status == 200 && ["/healthcheck", "/openapi.json"].contains(&path.as_str()))
                    || (answer.status == 302 && path == "/v3");
                let open = !path.starts_with("/v3/{project_id}/");
                let expected = operations.get(method).is_some() || (open && method == "head");
                assert_eq!(reached, expected, "{method} {path}: {} {}", answer.status, answer.text);
                assert!(reached || answer.status == 404, "{method} {path}: {}", answer.status);
                assert!(answer.status < 500, "{method} {path}: {}", answer.text);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_may_be_left_out_of_a_path_may_be() {
    with_server(async |server| {
        for (path, operations) in &described(server).await {
            let Some(resource) = path.strip_prefix("/v3/{project_id}/") else { continue };
            for method in operations.as_object().unwrap().keys() {
                for short in [format!("/v3/{resource}"), format!("/v3/{resource}.json"), format!("{path}.json")] {
                    let answer = ask(server, method, &filled(&short)).await;
                    assert_eq!(answer.header("openstack-api-version"), Some("volume 3.71"), "{method} {short}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn bodies_are_expected_where_the_description_has_them() {
    with_server(async |server| {
        for (path, operations) in &described(server).await {
            for (method, operation) in operations.as_object().unwrap() {
                if !path.starts_with("/v3/{project_id}/") {
                    continue;
                }
                let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let asked = server.ask_at(verb, &filled(path)).at("latest").with("content-type", "application/json");
                let answer = asked.raw("{\"nothing of ours\": 1}").send().await;
                assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text);
                let generic = answer.text.contains("either malformed or otherwise incorrect");
                assert_eq!(operation.get("requestBody").is_none(), generic, "{method} {path}: {}", answer.text);
            }
        }
    })
    .await;
}

/// The words of the routes and of the actions that the description has.
fn words(paths: &Map<String, Value>) -> BTreeSet<&str> {
    let resources = paths.keys().filter_map(|path| path.strip_prefix("/v3/{project_id}/"));
    let parts = resources.flat_map(|path| path.split('/')).filter(|part| !part.starts_with('{') && *part != "action");
    let bodies =
        paths.values().filter_map(|path| path["post"].pointer("/requestBody/content/application~1json/schema"));
    let actions = bodies.filter_map(|schema| schema["oneOf"].as_array()).flatten();
    parts.chain(actions.filter_map(|action| action["title"].as_str())).collect()
}

#[test]
fn the_page_for_people_names_every_route_and_no_other() {
    let description: Value = serde_json::from_str(api::openapi()).unwrap();
    let described = words(description["paths"].as_object().unwrap());
    let page = include_str!("../../../../docs/api.md");
    let (_, rest) = page.split_once("## What is answered\n").unwrap();
    let (section, _) = rest.split_once("\n## ").unwrap();
    let table: String = section.lines().filter(|line| line.starts_with('|')).collect();
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let written: BTreeSet<&str> = table.split(|letter| !is_part(letter)).collect();
    let missing: Vec<_> = described.difference(&written).collect();
    assert!(missing.is_empty(), "docs/api.md does not name {missing:?}");
    let quoted = table.split('`').skip(1).step_by(2).flat_map(|path| path.split('/'));
    let unknown: Vec<_> = quoted.filter(|part| !part.starts_with('{') && !described.contains(part)).collect();
    assert!(unknown.is_empty(), "docs/api.md names {unknown:?}, which is no route");
}
