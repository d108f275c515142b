//! The description of the whole REST surface, as OpenAPI 3.1.
//!
//! It is made of what requests are answered with: the paths, methods and first versions of the route table, the
//! schemas that validate bodies, the tables of the lists, and for each operation an [`Operation`] beside its
//! handler. A route can not be added without one.
//!
//! What belongs to a microversion says so, as OpenStack's own descriptions do: `x-openstack-microversion-min`
//! stands at operations, parameters and keys that are not there in every version. Nothing has gone away up to
//! the newest version, so nothing has an `x-openstack-microversion-max` but the description as a whole.

mod body;
mod operation;
mod parameters;
mod refusals;
mod shape;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

pub(crate) use operation::{Form, Operation, Parameter};
pub(crate) use shape::{Field, LINK, Shape};

use crate::endpoint::Work;
use crate::listing::Listing;
use crate::microversion::Microversion;
use crate::router::Route;
use crate::{routes, versions};
use operation::Answer;

/// What stands in front of every path of the route table.
const PREFIX: &str = "/v3/{project_id}";

/// The description, as it is served and committed.
pub fn openapi() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));
    &TEXT
}

/// What is described once and referred to.
#[derive(Default)]
struct Components {
    schemas: BTreeMap<String, Value>,
    parameters: BTreeMap<String, Value>,
    responses: BTreeMap<String, Value>,
}

impl Components {
    /// A reference to the schema of this name.
    fn schema(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.schemas.contains_key(name) {
            let made = make(self);
            self.schemas.insert(name.to_owned(), made);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// A reference to the parameter of this name, in a list's query.
    fn parameter(&mut self, resource: &str, parameter: Value) -> Value {
        let name = format!("{resource}.{}", parameter["name"].as_str().unwrap_or_default().replace('~', ".like"));
        let reference = json!({ "$ref": format!("#/components/parameters/{name}") });
        self.parameters.insert(name, parameter);
        reference
    }

    /// A reference to the refusal with this status.
    fn refusal(&mut self, status: StatusCode) -> Value {
        let name = status.canonical_reason().unwrap_or_default().replace(' ', "");
        if !self.responses.contains_key(&name) {
            let made = refusals::response(status, self);
            self.responses.insert(name.clone(), made);
        }
        json!({ "$ref": format!("#/components/responses/{name}") })
    }
}

/// The key that says since when something is known.
const MIN_KEY: &str = "x-openstack-microversion-min";

/// The same, known from a version on.
fn since(mut thing: Value, version: Microversion) -> Value {
    if version > Microversion::MIN {
        thing[MIN_KEY] = json!(version.to_string());
    }
    thing
}

/// Every answer's header.
const ID: &str = "X-OpenStack-Request-ID";
/// The headers that answers of the API's resources have besides.
const MORE: [&str; 3] = ["X-Compute-Request-ID", "OpenStack-API-Version", "Vary"];

/// The headers of an answer; where it may come from in front of the resources, only its id is sure.
fn headers(outside: bool) -> Value {
    let sure = std::iter::once(ID).chain(MORE.into_iter().filter(|_| !outside));
    let reference = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    Value::Object(sure.map(|name| (name.to_owned(), reference(name))).collect())
}

fn header_components() -> Value {
    let text = [(ID, "The request's id.")].into_iter().chain(MORE.into_iter().zip([
        "The request's id again.",
        "`volume 3.x`: the version that was spoken.",
        "`OpenStack-API-Version`.",
    ]));
    let header =
        |description: &str| json!({ "description": description, "required": true, "schema": { "type": "string" } });
    Value::Object(text.map(|(name, description)| (name.to_owned(), header(description))).collect())
}

fn document() -> Value {
    let mut components = Components::default();
    components.parameters.insert(parameters::VERSION.to_owned(), parameters::version());
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let open = versions::OPEN.iter().map(|document| (document, false));
    let guarded = versions::GUARDED.iter().map(|document| (document, true));
    for ((path, operation), guarded) in open.chain(guarded) {
        let made = outside(path, operation, guarded, &mut components);
        paths.entry((*path).to_owned()).or_default().insert("get".to_owned(), made);
    }
    for route in routes::all().iter() {
        let path = format!("{PREFIX}{}", route.path);
        let made = resource(&path, route, &mut components);
        paths.entry(path).or_default().insert(route.method.as_str().to_lowercase(), made);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Cindervault",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Backups of OpenStack volumes that live on Ceph, behind Cinder's v3 API.\n\n\
                The part `/{project_id}` of a path may be left out: the project is then the token's. `.json` behind \
                a path means nothing. Bodies may be `application/vnd.openstack.volume+json` as well.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            MIN_KEY: Microversion::MIN.to_string(),
            "x-openstack-microversion-max": Microversion::MAX.to_string(),
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "apiKey", "in": "header", "name": "X-Auth-Token", "description": "Of Keystone." },
            },
            "parameters": components.parameters,
            "headers": header_components(),
            "schemas": components.schemas,
            "responses": components.responses,
        },
    })
}

/// A document beside the API's resources.
fn outside(path: &str, operation: &'static Operation, guarded: bool, components: &mut Components) -> Value {
    let mut described = begin(path, "get", operation.summary);
    described["tags"] = json!(["versions"]);
    if !guarded {
        described["security"] = json!([]);
    }
    let mut responses = done(&[operation], true, components);
    let unauthorized = guarded.then_some(StatusCode::UNAUTHORIZED);
    for status in refusals::of_document(operation.refusals).chain(unauthorized) {
        responses.insert(status.as_str().to_owned(), components.refusal(status));
    }
    described["responses"] = json!(responses);
    described
}

fn resource(path: &str, route: &Route, components: &mut Components) -> Value {
    let operations: Vec<&'static Operation> = match &route.endpoint.work {
        Work::Plain(method) | Work::WithBody(method) => vec![method.operation],
        Work::Actions(actions) => actions.iter().map(|(_, method)| method.operation).collect(),
    };
    let mut described = begin(path, &route.method.as_str().to_lowercase(), summary(route));
    let tag = route.path.trim_start_matches('/').split('/').next().unwrap_or_default();
    described["tags"] = json!([tag]);
    match &route.endpoint.work {
        Work::Plain(method) | Work::WithBody(method) => described = since(described, method.since),
        Work::Actions(_) => {}
    }
    if let Some(parameters) = described["parameters"].as_array_mut() {
        for operation in &operations {
            parameters.extend(operation.parameters.iter().map(parameters::named));
            if let Some((_, Answer::Page(listing, _))) = &operation.answer {
                let all = parameters::of_list(listing).into_iter();
                parameters.extend(all.map(|parameter| components.parameter(listing.resource, parameter)));
            }
        }
    }
    if let Some(schema) = body(&route.endpoint.work) {
        let content = json!({ "application/json": { "schema": schema } });
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    let mut responses = done(&operations, false, components);
    let own: Vec<StatusCode> = operations.iter().flat_map(|operation| operation.refusals).copied().collect();
    for status in refusals::of_resource(&own) {
        responses.insert(status.as_str().to_owned(), components.refusal(status));
    }
    described["responses"] = json!(responses);
    described
}

fn summary(route: &Route) -> &'static str {
    match &route.endpoint.work {
        Work::Plain(method) | Work::WithBody(method) => method.operation.summary,
        Work::Actions(_) => "Does what the only key of the body says.",
    }
}

fn begin(path: &str, method: &str, summary: &str) -> Value {
    let words = path.split('/').map(|part| part.trim_matches(['{', '}']).replace(['-', '.'], "_"));
    // what is behind a slash has another name than what is not
    let index = (path.len() > 1 && path.ends_with('/')).then(|| "index".to_owned());
    let words = words.filter(|word| !word.is_empty()).chain(index);
    let id = std::iter::once(method.to_owned()).chain(words).collect::<Vec<_>>();
    let mut all: Vec<Value> = parameters::of_path(path).collect();
    all.push(json!({ "$ref": format!("#/components/parameters/{}", parameters::VERSION) }));
    json!({ "operationId": id.join("_"), "summary": summary, "parameters": all })
}

/// What a body must be.
fn body(work: &Work) -> Option<Value> {
    match work {
        Work::Plain(_) => None,
        Work::WithBody(method) => method.operation.body.map(body::schema),
        Work::Actions(actions) => Some(json!({ "oneOf": actions.iter().map(|(name, method)| {
            let mut schema = method.operation.body.map_or_else(
                // nothing of what stands there is looked at
                || json!({
                    "type": "object",
                    "required": [name],
                    "properties": { *name: {} },
                    "additionalProperties": false,
                }),
                body::schema,
            );
            schema["title"] = json!(name);
            schema["description"] = json!(method.operation.summary);
            since(schema, method.since)
        }).collect::<Vec<_>>() })),
    }
}

/// The answers to what was done.
fn done(operations: &[&'static Operation], outside: bool, components: &mut Components) -> BTreeMap<String, Value> {
    let answers = operations.iter().filter_map(|operation| operation.answer.as_ref());
    answers
        .map(|(status, answer)| {
            let json = |schema: Value| json!({ "application/json": { "schema": schema } });
            let content = match answer {
                Answer::Empty => None,
                Answer::Json(shape) => Some(json(shape.schema(components))),
                Answer::Page(listing, row) => Some(json(page(listing, row, components))),
                Answer::JsonOrText(shape) => {
                    let mut both = json(shape.schema(components));
                    both["text/plain"] = json!({ "schema": { "type": "string" } });
                    Some(both)
                }
            };
            let description = status.canonical_reason().unwrap_or_default();
            let mut response = json!({ "description": description, "headers": headers(outside) });
            if let Some(content) = content {
                response["content"] = content;
            }
            (status.as_str().to_owned(), response)
        })
        .collect()
}

/// A page of a list.
fn page(listing: &Listing, row: &Shape, components: &mut Components) -> Value {
    let rows = Shape::schema(row, components);
    let links = LINK.schema(components);
    json!({
        "type": "object",
        "required": [listing.collection],
        "additionalProperties": false,
        "properties": {
            listing.collection: { "type": "array", "items": rows },
            listing.links: { "type": "array", "items": links },
            "count": since(json!({ "type": "integer" }), crate::listing::COUNT),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;

    use super::*;

    #[test]
    fn the_committed_description_is_this_one() {
        let file = format!("{}/../../docs/openapi.json", env!("CARGO_MANIFEST_DIR"));
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == openapi(),
            "docs/openapi.json is not what the code says; renew it: cargo run -p cindervault -- openapi > docs/openapi.json"
        );
    }

    #[test]
    fn references_lead_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut HashSet<&'a str>) {
            match value {
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                Value::Object(members) => {
                    found.extend(members.get("$ref").and_then(Value::as_str));
                    members.values().for_each(|member| references(member, found));
                }
                _ => {}
            }
        }
        let document = document();
        let mut found = HashSet::new();
        references(&document, &mut found);
        assert!(found.len() > 20, "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_says_what_it_does() {
        let document = document();
        let mut names = HashSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(names.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
                assert!(operation["summary"].as_str().unwrap().ends_with('.'), "{method} {path}");
                let mut parameters = HashSet::new();
                for parameter in operation["parameters"].as_array().unwrap() {
                    let parameter = parameter["$ref"]
                        .as_str()
                        .map_or(parameter, |reference| document.pointer(reference.trim_start_matches('#')).unwrap());
                    let key = (&parameter["in"], &parameter["name"]);
                    assert!(parameters.insert(key), "{method} {path}: {parameter}");
                }
            }
        }
        assert!(names.len() > 80, "{}", names.len());
    }

    #[test]
    fn versions_are_told_of_operations_parameters_and_keys() {
        let document = document();
        let at = |pointer: &str| document.pointer(pointer).cloned();
        let version = |pointer: &str| at(&format!("{pointer}/{MIN_KEY}"));
        let backup = "/paths/~1v3~1{project_id}~1backups~1{id}/put";
        assert_eq!(version(backup), Some(json!("3.9")));
        let body = format!("{backup}/requestBody/content/application~1json/schema/properties/backup/properties");
        assert_eq!(version(&format!("{body}/metadata")), Some(json!("3.43")));
        assert_eq!(version(&format!("{body}/name")), None);
        assert_eq!(version("/components/schemas/Backup/properties/user_id"), Some(json!("3.56")));
        let since = |name: &str| version(&format!("/components/parameters/backup.{name}"));
        assert_eq!(since("limit"), None);
        assert!(at("/components/parameters/backup.limit").is_some());
        assert_eq!(since("with_count"), Some(json!("3.45")));
        assert_eq!(since("status.like"), Some(json!("3.34")));
        assert_eq!(at("/info/x-openstack-microversion-max"), Some(json!("3.71")));
    }
}
