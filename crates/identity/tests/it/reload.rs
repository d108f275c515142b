//! A policy file changes under a running service.

use std::fs;
use std::path::PathBuf;

use identity::{Context, Policy, PolicySettings, Rule, Target};

/// A file for the time of a test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let file = std::env::temp_dir().join(format!("cindervault-policy-{}-{name}.yaml", std::process::id()));
        fs::write(&file, text).unwrap();
        Self(file)
    }

    fn settings(&self) -> PolicySettings {
        PolicySettings { file: Some(self.0.clone()), ..PolicySettings::default() }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn reader_gets(policy: &Policy) -> bool {
    let context = Context {
        user_id: "u".to_owned(),
        project_id: Some("p".to_owned()),
        roles: vec!["reader".to_owned()],
        ..Context::default()
    };
    policy.allows(Rule::BackupGet, &context, Target::own(&context))
}

#[test]
fn a_changed_file_is_in_force_and_a_broken_one_is_not() {
    let file = File::new("changes", "");
    let policy = Policy::load(file.settings()).unwrap();
    let other = policy.clone();
    assert!(reader_gets(&policy));
    for (text, gets) in [
        ("backup:get: role:admin", false),
        ("backup:get: role:admin and", false),
        ("backup:get: [", false),
        ("backup:get: ''", true),
        ("backup:get: rule:backup:get", true),
        ("backup:get: '!'", false),
        ("# nothing", true),
    ] {
        fs::write(&file.0, text).unwrap();
        policy.reload();
        assert_eq!(reader_gets(&other), gets, "{text}");
    }
    fs::write(&file.0, "backup:get: '!'").unwrap();
    policy.reload();
    fs::remove_file(&file.0).unwrap();
    policy.reload();
    assert!(!reader_gets(&policy), "a file that is gone leaves the rules as they were");
    fs::write(&file.0, "{}").unwrap();
    policy.reload();
    assert!(reader_gets(&policy));
}

#[tokio::test(start_paused = true)]
async fn it_is_looked_at_by_itself() {
    let file = File::new("follow", "");
    let policy = Policy::load(file.settings()).unwrap();
    let changed = async {
        fs::write(&file.0, "backup:get: '!'").unwrap();
        while reader_gets(&policy) {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await; // of a paused clock
        }
    };
    tokio::select! {
        () = policy.follow() => unreachable!("it never ends"),
        () = changed => {}
    }
}

#[test]
fn a_broken_file_at_start_is_an_error_that_names_every_rule() {
    let file = File::new("broken", "backup:get: role:admin and\nbackup:create: nobody\nvolume:get: role:x");
    let error = Policy::load(file.settings()).unwrap_err().to_string();
    for part in [file.0.to_str().unwrap(), "rule backup:get: ", "rule backup:create: `nobody`"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!error.contains("volume:get"), "{error}");
    let missing = PolicySettings { file: Some("/no/such/policy.yaml".into()), ..PolicySettings::default() };
    assert!(Policy::load(missing).unwrap_err().to_string().contains("/no/such/policy.yaml"));
}
