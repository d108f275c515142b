//! Bodies, and what is said of them.

use proptest::prelude::*;
use serde_json::json;

use super::check::is_uuid;
use super::*;
use crate::python;

static BACKUP: Object = Object::strict(
    &[
        Key::new("volume_id", Schema::Uuid { nullable: false }),
        Key::new("name", Schema::NAME),
        Key::new("description", Schema::DESCRIPTION),
        Key::new("force", Schema::Boolean { nullable: false }),
        Key::new("snapshot_id", Schema::Uuid { nullable: true }),
        Key::since("metadata", Microversion::v3(43), Schema::Metadata { nullable: true }),
        Key::new("size", Schema::Integer { min: 1, max: 100, or_digits: true, nullable: true }),
    ],
    &["volume_id"],
);
static BODY: Schema = Schema::Object(&Object::strict(&[Key::new("backup", Schema::Object(&BACKUP))], &["backup"]));
const V: &str = "150524bd-8634-46c9-b4bd-2fbcd3a38638";

fn message(body: &Value) -> String {
    validate(&BODY, body, Microversion::v3(43)).err().unwrap_or_default()
}

fn field(name: &str, value: &Value) -> String {
    message(&json!({ "backup": { "volume_id": V, name: value } }))
}

#[test]
fn recorded_messages() {
    assert_eq!(message(&json!(null)), "None is not of type 'object'");
    assert_eq!(message(&json!({"x": 1})), "'backup' is a required property");
    assert_eq!(
        message(&json!({"backup": {"name": "x"}})),
        "Invalid input for field/attribute backup. Value: {'name': 'x'}. 'volume_id' is a required property"
    );
    assert_eq!(
        message(&json!({"backup": {"volume_id": "abc"}})),
        "Invalid input for field/attribute volume_id. Value: abc. 'abc' is not a 'uuid'"
    );
    assert_eq!(
        field("bogus", &json!(1)),
        format!(
            "Invalid input for field/attribute backup. Value: {{'volume_id': '{V}', 'bogus': 1}}. \
             Additional properties are not allowed ('bogus' was unexpected)"
        )
    );
    let long = "n".repeat(256);
    assert_eq!(
        field("name", &json!(long)),
        format!("Invalid input for field/attribute name. Value: {long}. '{long}' is too long")
    );
    let early = validate(&BODY, &json!({"backup": {"volume_id": V, "metadata": {"a": "b"}}}), Microversion::v3(42));
    assert_eq!(
        early.unwrap_err(),
        format!(
            "Invalid input for field/attribute backup. Value: {{'volume_id': '{V}', 'metadata': {{'a': 'b'}}}}. \
             Additional properties are not allowed ('metadata' was unexpected)"
        )
    );
}

#[test]
fn types() {
    let reason = |name: &str, value: Value| field(name, &value).rsplit_once(". ").map(|(_, reason)| reason.to_owned());
    assert_eq!(reason("name", json!(5)).unwrap(), "5 is not of type 'string', 'null'");
    assert_eq!(reason("volume_id", json!(null)).unwrap(), "None is not of type 'string'");
    assert_eq!(reason("snapshot_id", json!("")).unwrap(), "'' is not valid under any of the given schemas");
    assert_eq!(reason("force", json!(1)).unwrap(), "1 is not of type 'boolean', 'string'");
    assert!(reason("force", json!("maybe")).unwrap().starts_with("'maybe' is not one of [True, 'True', 'TRUE'"));
    assert_eq!(reason("size", json!(0)).unwrap(), "0 is less than the minimum of 1");
    assert_eq!(reason("size", json!(u64::MAX)).unwrap(), "18446744073709551615 is greater than the maximum of 100");
    let parsed = |text: &str| reason("size", serde_json::from_str(text).unwrap()).unwrap();
    assert_eq!(parsed("-0"), "0 is less than the minimum of 1");
    assert_eq!(parsed("100000000000000000000"), "1e+20 is greater than the maximum of 100");
    assert_eq!(parsed("-100000000000000000000"), "-1e+20 is less than the minimum of 1");
    assert_eq!(reason("size", json!("x")).unwrap(), "'x' does not match '^[0-9]+$'");
    assert_eq!(reason("size", json!(1.0)).unwrap(), "1.0 is not of type 'integer', 'string', 'null'");
    assert_eq!(reason("metadata", json!([])).unwrap(), "[] is not of type 'object', 'null'");
    assert_eq!(
        field("metadata", &json!({"k": null})),
        "Invalid input for field/attribute k. Value: None. None is not of type 'string'"
    );
    assert_eq!(
        field("metadata", &json!({"a#b": "x"})),
        "Invalid input for field/attribute metadata. Value: {'a#b': 'x'}. \
         'a#b' does not match any of the regexes: '^[a-zA-Z0-9-_:. /]{1,255}$'"
    );
}

#[test]
fn what_is_accepted() {
    for (name, value) in [
        ("name", json!("\u{1f600}\n\t")),
        ("name", json!("é".repeat(255))),
        ("name", json!(null)),
        ("description", json!("a\u{a0}b\n")),
        ("force", json!("true")),
        ("force", json!("n")),
        ("snapshot_id", json!(null)),
        ("snapshot_id", json!("{150524bd863446c9b4bd2fbcd3a38638}")),
        ("volume_id", json!("urn:uuid:150524BD-8634-46C9-B4BD-2FBCD3A38638")),
        ("metadata", json!({})),
        ("metadata", json!({"a-Z_0:. /": ""})),
        ("size", json!("7")),
        ("size", json!(null)),
    ] {
        assert_eq!(field(name, &value), "", "{name} {value}");
    }
}

#[test]
fn what_is_not() {
    for (name, value) in [
        ("name", json!("a\0b")),
        ("description", json!("a\nb")),
        ("description", json!("\u{1f600}")),
        ("description", json!("a\u{200b}b")),
        ("description", json!("a\u{2028}b")),
        ("description", json!("a\u{e000}")),
        ("force", json!("Y")),
        ("force", json!(null)),
        ("metadata", json!({"": "x"})),
        ("metadata", json!({"k": "v".repeat(256)})),
        ("metadata", json!({"k": 1})),
        ("type", json!("x")),
    ] {
        assert_ne!(field(name, &value), "", "{name} {value}");
    }
}

/// Bodies that look a little like ours.
fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!(V)),
    ];
    let key = || {
        prop_oneof![
            Just("backup".to_owned()),
            Just("volume_id".to_owned()),
            Just("name".to_owned()),
            Just("description".to_owned()),
            Just("metadata".to_owned()),
            Just("force".to_owned()),
            any::<String>(),
        ]
    };
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_that_is_sent_panics(body in body(), minor in 0_u16..=71) {
        let verdict = validate(&BODY, &body, Microversion::v3(minor));
        if verdict.is_ok() {
            // what passes can be read by its keys
            prop_assert!(body["backup"]["volume_id"].as_str().is_some_and(is_uuid));
            prop_assert!(body["backup"]["metadata"].is_null() || metadata(body["backup"].get("metadata")).is_some());
        }
        python::repr(&body);
    }
}
