//! The policy language beside its original: the same decisions as Python's oslo.policy, for rules, callers
//! and targets that are made up.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use identity::{Context, Policy, PolicyError, PolicySettings, Service, Target};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

/// How many sets of rules are made up, and how many callers ask each.
const SETS: usize = 600;
const CALLERS: usize = 6;
/// The rules of a set: each may refer to those behind it.
const RULES: usize = 8;

/// The Python that has oslo.policy: Keystone's.
fn python() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let venv = env::var_os("KEYSTONE_VENV").filter(|name| !name.is_empty()).unwrap_or(".venv-keystone".into());
    let python = root.join(venv).join("bin/python");
    assert!(python.exists(), "there is no {}: run `make deps AUTH=keystone`", python.display());
    python
}

fn check(rule: usize) -> impl Strategy<Value = String> {
    let side = prop_oneof![
        Just("user_id"),
        Just("project_id"),
        Just("user_domain_id"),
        Just("project_domain_id"),
        Just("domain_id"),
        Just("system_scope"),
        Just("roles"),
        Just("is_admin"),
        Just("is_admin_project"),
        Just("service_roles"),
        Just("service_user_id"),
        Just("nothing"),
        Just("'u1'"),
        Just("'p1'"),
        Just("\"\""),
        Just("True"),
        Just("None"),
        Just("1"),
    ];
    let wanted = prop_oneof![
        Just("%(project_id)s"),
        Just("%(user_id)s"),
        Just("%(target.project_id)s"),
        Just("%(nothing)s"),
        Just("u1"),
        Just("p1"),
        Just("p2"),
        Just("d1"),
        Just("member"),
        Just("all"),
        Just("True"),
        Just("False"),
        Just("None"),
        Just("1"),
        Just(""),
        Just("p%(user_id)s"),
        Just("u%%"),
        Just("service"),
    ];
    let role = prop_oneof![
        Just("admin"),
        Just("member"),
        Just("Reader"),
        Just("SERVICE"),
        Just("%(user_id)s"),
        Just("%(nothing)s"),
        Just(""),
    ];
    let reference = prop_oneof![
        3 => (rule + 1..RULES + 1).prop_map(|rule| format!("rule:r{rule}")),
        1 => prop_oneof![Just("rule:admin_api"), Just("rule:xena_system_admin_or_project_member"), Just("rule:nowhere")]
            .prop_map(str::to_owned),
    ];
    prop_oneof![
        4 => role.prop_map(|role| format!("role:{role}")),
        5 => (side, wanted).prop_map(|(side, wanted)| format!("{side}:{wanted}")),
        2 => reference,
        1 => prop_oneof![Just("@"), Just("!")].prop_map(str::to_owned),
    ]
}

/// An expression as somebody might write it.
fn expression(rule: usize) -> impl Strategy<Value = String> {
    let blank = || prop_oneof![4 => Just(" "), 1 => Just("  "), 1 => Just("\n\t")];
    check(rule).prop_recursive(5, 24, 4, move |inner| {
        let operator = prop_oneof![Just("and"), Just("or"), Just("AND"), Just("Or")];
        prop_oneof![
            3 => (inner.clone(), blank(), operator, blank(), inner.clone())
                .prop_map(|(left, before, operator, after, right)| format!("{left}{before}{operator}{after}{right}")),
            1 => (prop_oneof![Just("not"), Just("NOT")], blank(), inner.clone())
                .prop_map(|(not, blank, inner)| format!("{not}{blank}{inner}")),
            2 => (prop_oneof![Just(("(", ")")), Just(("( ", " )")), Just(("((", "))"))], inner)
                .prop_map(|((open, close), inner)| format!("{open}{inner}{close}")),
        ]
    })
}

/// Words in any order: most are no expression.
fn words(rule: usize) -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => check(rule),
        3 => prop_oneof![Just("and"), Just("or"), Just("not"), Just("("), Just(")")].prop_map(str::to_owned),
    ];
    proptest::collection::vec(word, 1..6).prop_map(|words| words.join(" "))
}

fn written(rule: usize) -> impl Strategy<Value = Value> {
    let list = proptest::collection::vec(check(rule), 0..3);
    let lists = prop_oneof![3 => list.prop_map(Value::from), 1 => check(rule).prop_map(Value::from)];
    prop_oneof![
        12 => expression(rule).prop_map(Value::from),
        4 => words(rule).prop_map(Value::from),
        2 => proptest::collection::vec(lists, 0..4).prop_map(Value::from),
        1 => Just(json!("")),
    ]
}

fn some(words: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(proptest::sample::select(words).prop_map(str::to_owned))
}

fn roles() -> impl Strategy<Value = Vec<String>> {
    proptest::sample::subsequence(vec!["admin", "member", "reader", "service", "u1"], 0..4)
        .prop_map(|roles| roles.into_iter().map(str::to_owned).collect())
}

fn context() -> impl Strategy<Value = Context> {
    let service = (some(&["u2"]), some(&["p2"]), roles())
        .prop_map(|(user, project_id, roles)| user.map(|user_id| Service { user_id, project_id, roles }));
    let domains = (some(&["d1", "d2"]), some(&["d1", "d2"]), some(&["d1"]), some(&["all"]));
    (proptest::sample::select(vec!["u1", "u2", "1"]), some(&["p1", "p2"]), domains, roles(), any::<bool>(), service)
        .prop_map(
            |(
                user,
                project_id,
                (user_domain_id, project_domain_id, domain_id, system_scope),
                roles,
                is_admin,
                service,
            )| Context {
                user_id: user.to_owned(),
                user_domain_id,
                project_id,
                project_domain_id,
                domain_id,
                system_scope,
                roles,
                is_admin,
                service,
            },
        )
}

/// What the original is told of a caller: what is not there has no name.
fn creds(context: &Context) -> Value {
    let mut creds = Map::new();
    let mut put = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            creds.insert(name.to_owned(), json!(value));
        }
    };
    put("user_id", &Some(context.user_id.clone()));
    put("user_domain_id", &context.user_domain_id);
    put("project_id", &context.project_id);
    put("project_domain_id", &context.project_domain_id);
    put("domain_id", &context.domain_id);
    put("system_scope", &context.system_scope);
    if let Some(service) = &context.service {
        put("service_user_id", &Some(service.user_id.clone()));
        put("service_project_id", &service.project_id);
        creds.insert("service_roles".to_owned(), json!(service.roles));
    }
    creds.insert("roles".to_owned(), json!(context.roles));
    creds.insert("is_admin".to_owned(), json!(context.is_admin));
    creds.insert("is_admin_project".to_owned(), json!(true));
    Value::Object(creds)
}

/// A set of rules, and who asks about what.
struct Case {
    policy: Policy,
    rules: Map<String, Value>,
    /// The names of the rules that are asked.
    asked: Vec<String>,
    callers: Vec<Caller>,
}

struct Caller {
    context: Context,
    project: Option<String>,
    user: Option<String>,
}

impl Caller {
    fn target(&self) -> Target<'_> {
        Target { project_id: self.project.as_deref(), user_id: self.user.as_deref() }
    }

    /// As the original is told.
    fn json(&self) -> Value {
        let mut target = Map::new();
        for (name, value) in [("project_id", &self.project), ("user_id", &self.user)] {
            if let Some(value) = value {
                target.insert(name.to_owned(), json!(value));
                target.insert(format!("target.{name}"), json!(value));
            }
        }
        json!({ "creds": creds(&self.context), "target": target })
    }
}

fn one<T>(strategy: impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).unwrap().current()
}

/// A policy with these rules in its file.
fn policy(rules: &Map<String, Value>, enforce_new_defaults: bool) -> Result<Policy, PolicyError> {
    let file = env::temp_dir().join(format!("cindervault-oracle-{}.json", std::process::id()));
    fs::write(&file, json!(rules).to_string()).unwrap();
    let policy = Policy::load(PolicySettings { file: Some(file.clone()), enforce_new_defaults });
    fs::remove_file(&file).unwrap();
    policy
}

/// Makes up a case, and counts the expressions that are none: they are refused here and passed by nobody
/// there, so there is nothing to compare.
fn case(runner: &mut TestRunner, all: bool, refused: &mut usize) -> Case {
    let mut own = Map::new();
    for rule in 0..=RULES {
        let name = if rule == RULES { "default".to_owned() } else { format!("r{rule}") };
        for _ in 0..20 {
            own.insert(name.clone(), one(written(rule.min(RULES - 1)), runner));
            if policy(&own, true).is_ok() {
                break;
            }
            own.remove(&name);
            *refused += 1;
        }
    }
    let policy = policy(&own, one(any::<bool>(), runner)).unwrap();
    let mut rules: Map<String, Value> =
        policy.entries().into_iter().map(|entry| (entry.name, json!(entry.check))).collect();
    let asked = if all { rules.keys().cloned().collect() } else { own.keys().cloned().collect() };
    rules.extend(own);
    let callers = (0..CALLERS).map(|_| {
        let (context, project, user) = one((context(), some(&["p1", "p2"]), some(&["u1", "u2", "admin"])), runner);
        Caller { context, project, user }
    });
    Case { policy, rules, asked, callers: callers.collect() }
}

#[test]
fn the_same_decisions_as_oslo_policy() {
    let mut runner = TestRunner::deterministic();
    let mut refused = 0;
    // the defaults are the same in all of them
    let cases: Vec<Case> = (0..SETS).map(|number| case(&mut runner, number < 10, &mut refused)).collect();
    let (decisions, allowed) = compare(&cases);
    println!("{decisions} decisions, {allowed} of them allowed; {refused} expressions refused when they were read");
    assert!(allowed > decisions / 10 && allowed < decisions * 9 / 10, "{allowed} of {decisions}: that shows little");
    assert!(refused > SETS, "{refused}: too few are no expressions");
}

/// Asks the original, and compares; how many decisions there were, and how many passed.
fn compare(cases: &[Case]) -> (usize, usize) {
    let mut oracle = Command::new(python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/oracle.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = oracle.stdin.take().unwrap();
    let mut output = BufReader::new(oracle.stdout.take().unwrap());
    let (mut decisions, mut allowed) = (0, 0);
    for Case { policy, rules, asked, callers } in cases {
        let told: Vec<Value> = callers.iter().map(Caller::json).collect();
        writeln!(input, "{}", json!({ "rules": rules, "asked": asked, "callers": told })).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let theirs: Vec<Vec<bool>> = serde_json::from_str(&line).unwrap();
        for (caller, theirs) in callers.iter().zip(theirs) {
            for (name, theirs) in asked.iter().zip(theirs) {
                let ours = policy.decide(name, &caller.context, caller.target());
                let (context, target) = (&caller.context, caller.target());
                assert_eq!(ours, Some(theirs), "{name}: {}\n{context:?}\n{target:?}\n{rules:#?}", rules[name]);
                decisions += 1;
                allowed += usize::from(theirs);
            }
        }
    }
    drop(input);
    assert!(oracle.wait().unwrap().success());
    (decisions, allowed)
}
