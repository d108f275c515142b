//! An operator's policy file: YAML, or JSON, which is YAML.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::policy::parser::ParseError;
use crate::policy::rules::{Rules, Written};

/// The largest file that is read. The reference's own, with every rule and its documentation, has 60 KiB.
const MAX_SIZE: u64 = 1 << 20;

/// Why a policy file is not used. All that is wrong with its rules is named.
#[derive(Debug, thiserror::Error)]
#[error("the policy file {} can not be used:{}", file.display(), list(problems))]
pub struct PolicyError {
    file: PathBuf,
    problems: Vec<String>,
}

fn list(problems: &[String]) -> String {
    problems.iter().fold(String::new(), |text, problem| text + "\n  - " + problem)
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    inode: u64,
}

impl Stamp {
    /// Of the file as it is; `None` when there is none.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;

        let metadata = std::fs::metadata(file).ok()?;
        Some(Self { modified: metadata.modified().ok(), size: metadata.len(), inode: metadata.ino() })
    }
}

/// Reads the rules in a file.
pub(crate) fn read(file: &Path, new_defaults: bool) -> Result<Rules, PolicyError> {
    let refuse = |problems| PolicyError { file: file.to_owned(), problems };
    let size = std::fs::metadata(file).map_err(|error| refuse(vec![error.to_string()]))?.len();
    if size > MAX_SIZE {
        return Err(refuse(vec![format!("it has {size} bytes, more than {MAX_SIZE}")]));
    }
    let text = std::fs::read_to_string(file).map_err(|error| refuse(vec![error.to_string()]))?;
    parse(&text, new_defaults).map_err(refuse)
}

/// The rules without a file.
pub(crate) fn nothing(new_defaults: bool) -> Result<Rules, PolicyError> {
    Rules::new(&[], new_defaults).map_err(|problems| PolicyError { file: PathBuf::new(), problems })
}

/// Reads the rules in a text.
pub(crate) fn parse(text: &str, new_defaults: bool) -> Result<Rules, Vec<String>> {
    let document: Option<Map<String, Value>> = serde_saphyr::from_str(text)
        .map_err(|error| vec![format!("it is no YAML that maps names to rules: {error}")])?;
    let mut written = Vec::new();
    let mut problems = Vec::new();
    for (name, value) in document.unwrap_or_default() {
        match one(value) {
            Ok(rule) => written.push((name, rule)),
            Err(error) => problems.push(format!("rule {name}: {error}")),
        }
    }
    match Rules::new(&written, new_defaults) {
        Ok(rules) if problems.is_empty() => Ok(rules),
        Ok(_) => Err(problems),
        Err(more) => Err(problems.into_iter().chain(more).collect()),
    }
}

fn one(value: Value) -> Result<Written, ParseError> {
    match value {
        Value::String(text) => Ok(Written::Text(text)),
        Value::Array(lists) => lists
            .into_iter()
            .map(|list| match list {
                Value::String(text) => Ok(vec![text]),
                Value::Array(texts) => texts
                    .into_iter()
                    .map(|text| match text {
                        Value::String(text) => Ok(text),
                        other => Err(ParseError::NotText(other.to_string())),
                    })
                    .collect(),
                other => Err(ParseError::NotText(other.to_string())),
            })
            .collect::<Result<_, _>>()
            .map(Written::Lists),
        other => Err(ParseError::NotText(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(String, String)> {
        let rules = parse(text, true).unwrap();
        let own = rules.entries().iter().filter(|entry| entry.overridden);
        own.map(|entry| (entry.name.to_string(), entry.text.to_string())).collect()
    }

    #[test]
    fn yaml_and_json() {
        let get = |text: &str| vec![("backup:get".to_owned(), text.to_owned())];
        assert_eq!(texts(""), []);
        assert_eq!(texts("# nothing\n"), []);
        assert_eq!(texts("{}"), []);
        assert_eq!(texts("backup:get: role:x"), get("role:x"));
        assert_eq!(texts("# said\n\"backup:get\": \"role:x or\n  role:y\"\n"), get("role:x or role:y"));
        assert_eq!(
            texts(r#"{"backup:get": [["role:x", "role:y"], "role:z"]}"#),
            get("(role:x and role:y) or (role:z)")
        );
        assert_eq!(texts("'backup:get': ''"), get(""));
    }

    proptest::proptest! {
        /// A file that is used says what stands in it; one that is not says why.
        #[test]
        fn any_text_is_a_policy_or_says_what_is_wrong(text in "(\\PC|\n){0,80}", check in "role:[a-z]{1,8}( or role:[a-z]{1,8}){0,3}", odd in "[!-~ ]{0,12}") {
            let said = |text: &str| match parse(text, true) {
                Ok(_) => true,
                Err(problems) => !problems.is_empty() && problems.iter().all(|problem| !problem.is_empty()),
            };
            proptest::prop_assert!(said(&text));
            let of_one_rule = format!("backup:get: {odd}");
            proptest::prop_assert!(said(&of_one_rule));
            proptest::prop_assert_eq!(texts(&format!("\"backup:get\": \"{check}\"\n")), vec![("backup:get".to_owned(), check)]);
        }
    }

    #[test]
    fn what_is_no_policy() {
        for (text, part) in [
            ("- role:x", "no YAML that maps"),
            ("backup:get: [", "no YAML that maps"),
            ("backup:get: role:x\nbackup:get: role:y", "no YAML that maps"),
            ("backup:get:", "rule backup:get: `null` is neither"),
            ("backup:get: true", "rule backup:get: `true` is neither"),
            ("backup:get: [[1]]", "rule backup:get: `1` is neither"),
            ("backup:get: {a: b}", "rule backup:get: "),
        ] {
            let problems = parse(text, true).unwrap_err();
            assert!(problems.iter().any(|problem| problem.contains(part)), "{text}: {problems:?}");
        }
        let deep = format!("backup:get: {}", "[".repeat(100_000));
        assert!(parse(&deep, true).is_err());
    }
}
