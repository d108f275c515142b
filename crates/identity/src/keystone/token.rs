//! What Keystone says about a token.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use crate::Context;

/// A valid token's facts.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// Who shows it.
    pub(crate) context: Arc<Context>,
    pub(crate) expires_at: Timestamp,
    /// When it was made: what is revoked is revoked up to a moment.
    pub(crate) issued_at: Timestamp,
    /// Its own name in Keystone's log, and that of the first of the chain of tokens that it is from.
    pub(crate) audit_ids: Vec<String>,
    /// Where clients find Keystone, by region, as the catalogue says.
    pub(crate) keystones: Vec<(String, String)>,
}

impl Token {
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    token: Body,
}

#[derive(Deserialize)]
struct Body {
    user: Named,
    project: Option<Named>,
    domain: Option<Named>,
    system: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    roles: Vec<Role>,
    expires_at: Timestamp,
    issued_at: Timestamp,
    #[serde(default)]
    audit_ids: Vec<String>,
    #[serde(default)]
    catalog: Vec<CatalogService>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    domain: Option<Box<Named>>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

#[derive(Deserialize)]
struct CatalogService {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(default)]
    interface: String,
    #[serde(default)]
    region_id: Option<String>,
    #[serde(default)]
    url: String,
}

impl From<Answer> for Token {
    fn from(Answer { token }: Answer) -> Self {
        let roles: Vec<String> = token.roles.into_iter().map(|role| role.name.to_lowercase()).collect();
        let domain = |named: &Named| named.domain.as_ref().map(|domain| domain.id.clone());
        let context = Context {
            user_domain_id: domain(&token.user),
            user_id: token.user.id,
            project_domain_id: token.project.as_ref().and_then(domain),
            project_id: token.project.map(|project| project.id),
            domain_id: token.domain.map(|domain| domain.id),
            system_scope: token.system.and_then(|system| system.keys().next().cloned()),
            is_admin: roles.iter().any(|role| role == "admin"),
            roles,
            service: None,
        };
        let keystones = token.catalog.into_iter().filter(|service| service.kind == "identity");
        let keystones =
            keystones.flat_map(|service| service.endpoints).filter(|endpoint| endpoint.interface == "public");
        Self {
            context: Arc::new(context),
            expires_at: token.expires_at,
            issued_at: token.issued_at,
            audit_ids: token.audit_ids,
            keystones: keystones.map(|endpoint| (endpoint.region_id.unwrap_or_default(), endpoint.url)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &serde_json::Value) -> Token {
        serde_json::from_value::<Answer>(json!({ "token": body })).unwrap().into()
    }

    #[test]
    fn of_a_project() {
        let token = read(&json!({
            "user": {"id": "u", "name": "eve", "domain": {"id": "default", "name": "Default"}, "password_expires_at": null},
            "project": {"id": "p", "name": "demo", "domain": {"id": "d"}},
            "roles": [{"id": "1", "name": "Member"}, {"id": "2", "name": "reader"}],
            "expires_at": "2030-01-01T00:00:00.000000Z",
            "issued_at": "2029-12-31T00:00:00.000000Z",
            "audit_ids": ["a"],
            "methods": ["password"],
            "catalog": [
                {"type": "identity", "endpoints": [
                    {"interface": "admin", "region_id": "R", "url": "http://admin"},
                    {"interface": "public", "region_id": "R", "url": "http://public"},
                ]},
                {"type": "volumev3", "endpoints": [{"interface": "public", "region_id": null, "url": "x"}]},
            ],
        }));
        assert_eq!(
            *token.context,
            Context {
                user_id: "u".to_owned(),
                user_domain_id: Some("default".to_owned()),
                project_id: Some("p".to_owned()),
                project_domain_id: Some("d".to_owned()),
                roles: vec!["member".to_owned(), "reader".to_owned()],
                ..Context::default()
            }
        );
        assert!(token.has_expired(token.expires_at) && !token.has_expired(token.issued_at));
        assert_eq!(token.keystones, [("R".to_owned(), "http://public".to_owned())]);
    }

    /// Any JSON.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(json!("admin")),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key =
                prop_oneof![Just("id".to_owned()), Just("name".to_owned()), Just("all".to_owned()), any::<String>()];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// An answer in which something is not as it should be is no answer, or says what it says and no more.
        #[test]
        fn an_answer_is_read_or_refused(
            key in prop::sample::select(vec!["user", "project", "domain", "system", "roles", "expires_at", "issued_at",
                                             "audit_ids", "catalog", "something"]),
            value in anything(),
            roles in prop::collection::vec("[A-Za-z]{1,6}|admin|ADMIN", 0..3),
        ) {
            let mut body = json!({
                "user": {"id": "u", "domain": {"id": "d"}},
                "project": {"id": "p"},
                "roles": roles.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
                "expires_at": "2030-01-01T00:00:00Z",
                "issued_at": "2029-01-01T00:00:00Z",
            });
            body[key] = value.clone();
            let Ok(answer) = serde_json::from_value::<Answer>(json!({ "token": body.clone() })) else {
                prop_assert_ne!(key, "something");
                return Ok(());
            };
            let token = Token::from(answer);
            // the reader takes a list of an object's values for the object
            let of = |value: &Value, key: &str| {
                value.get(key).or_else(|| value.get(0)).and_then(Value::as_str).map(str::to_owned)
            };
            prop_assert_eq!(&token.context.user_id, &of(&body["user"], "id").unwrap());
            prop_assert_eq!(token.context.project_id.clone(), of(&body["project"], "id"));
            let named: Vec<String> = body["roles"]
                .as_array()
                .unwrap()
                .iter()
                .map(|role| of(role, "name").unwrap().to_lowercase())
                .collect();
            prop_assert_eq!(token.context.is_admin, named.iter().any(|name| name == "admin"));
            prop_assert_eq!(&token.context.roles, &named);
            prop_assert!(token.context.service.is_none());
        }
    }

    #[test]
    fn of_nothing_or_of_the_system() {
        let base =
            json!({"user": {"id": "u"}, "expires_at": "2030-01-01T00:00:00Z", "issued_at": "2030-01-01T00:00:00Z"});
        let token = read(&base);
        assert_eq!((token.context.project_id.as_deref(), token.context.is_admin), (None, false));
        let mut system = base;
        system["system"] = json!({"all": true});
        system["roles"] = json!([{"name": "ADMIN"}]);
        let token = read(&system);
        assert_eq!((token.context.system_scope.as_deref(), token.context.is_admin), (Some("all"), true));
    }
}
