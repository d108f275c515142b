//! May they?

mod expression;
mod file;
mod parser;
mod rules;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

pub use file::PolicyError;

use crate::policy::expression::Question;
use crate::policy::file::Stamp;
use crate::policy::rules::Rules;
use crate::{Context, Rule};

/// How often a policy file is looked at.
const POLL: Duration = Duration::from_secs(2);

/// What a rule is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Target<'a> {
    /// The project that the thing belongs to; `None` for what belongs to nobody.
    pub project_id: Option<&'a str>,
    /// The user who made it; `None` where that is nobody.
    pub user_id: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Something that belongs to this project.
    pub fn project(project: &'a str) -> Self {
        Self { project_id: Some(project), user_id: None }
    }

    /// The same, made by this user.
    pub fn of_user(self, user: Option<&'a str>) -> Self {
        Self { user_id: user, ..self }
    }

    /// What the caller makes or lists for itself: it belongs to the caller and the caller's project.
    pub fn own(context: &'a Context) -> Self {
        Self { project_id: context.project_id.as_deref(), user_id: Some(&context.user_id) }
    }
}

/// A rule that refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Policy doesn't allow {0} to be performed.")]
pub struct Denied(pub Rule);

/// Where the rules come from.
#[derive(Debug, Clone)]
pub struct PolicySettings {
    /// An operator's file, whose rules stand instead of the defaults of the same names.
    pub file: Option<PathBuf>,
    /// Whether the defaults ask for the roles `member` and `reader`. If not, every user of a project passes
    /// as well, whatever their role, as in releases of OpenStack before these roles.
    pub enforce_new_defaults: bool,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self { file: None, enforce_new_defaults: true }
    }
}

/// A rule in force, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyEntry {
    /// The rule's name.
    pub name: String,
    /// Who passes, in the policy language.
    pub check: String,
    /// Whether that is from an operator's file.
    pub overridden: bool,
}

/// The rules in force. Clones share them, and see a changed file at the same time.
#[derive(Debug, Clone)]
pub struct Policy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: PolicySettings,
    rules: RwLock<Arc<Rules>>,
    /// Of the file when it was last read.
    read: RwLock<Option<Stamp>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::defaults()
    }
}

impl Policy {
    /// The reference's default rules.
    #[expect(clippy::missing_panics_doc, reason = "a test shows that the default rules can be used")]
    pub fn defaults() -> Self {
        #[expect(clippy::expect_used, reason = "as above")]
        let rules = Rules::new(&[], true).expect("the default rules can be used");
        Self::of(PolicySettings::default(), rules, None)
    }

    /// The rules that the settings name.
    ///
    /// # Errors
    /// The file can not be used.
    pub fn load(settings: PolicySettings) -> Result<Self, PolicyError> {
        let stamp = settings.file.as_deref().and_then(Stamp::of);
        let rules = match &settings.file {
            Some(file) => file::read(file, settings.enforce_new_defaults)?,
            None => file::nothing(settings.enforce_new_defaults)?,
        };
        Ok(Self::of(settings, rules, stamp))
    }

    fn of(settings: PolicySettings, rules: Rules, read: Option<Stamp>) -> Self {
        for oddity in &rules.oddities {
            tracing::warn!("policy: {oddity}");
        }
        Self { shared: Arc::new(Shared { settings, rules: RwLock::new(Arc::new(rules)), read: RwLock::new(read) }) }
    }

    /// Lets the caller pass or names the rule that does not.
    ///
    /// # Errors
    /// The rule refuses.
    pub fn check(&self, rule: Rule, context: &Context, target: Target<'_>) -> Result<(), Denied> {
        if self.allows(rule, context, target) { Ok(()) } else { Err(Denied(rule)) }
    }

    /// Whether the rule lets the caller pass, for what is merely left out of an answer otherwise.
    pub fn allows(&self, rule: Rule, context: &Context, target: Target<'_>) -> bool {
        self.rules().allow(rule, Question { context, is_admin: context.is_admin, target })
    }

    /// Whether the caller is an administrator of the whole cloud, by the rule `context_is_admin`.
    pub fn is_admin(&self, context: &Context) -> bool {
        self.rules().admin(Question { context, is_admin: false, target: Target::own(context) })
    }

    /// Whether the rule of this name, one of ours or of an operator's file, lets the caller pass; `None` if
    /// there is no such rule.
    pub fn decide(&self, rule: &str, context: &Context, target: Target<'_>) -> Option<bool> {
        self.rules().by_name(rule, Question { context, is_admin: context.is_admin, target })
    }

    /// What is odd about the rules and does not keep them from being used.
    pub fn oddities(&self) -> Vec<String> {
        self.rules().oddities.clone()
    }

    /// Every rule in force.
    pub fn entries(&self) -> Vec<PolicyEntry> {
        let rules = self.rules();
        let entries = rules.entries().iter().map(|entry| PolicyEntry {
            name: entry.name.to_string(),
            check: entry.text.to_string(),
            overridden: entry.overridden,
        });
        entries.collect()
    }

    /// Looks after the file, as long as it is polled: a changed one is in force within seconds. One that can
    /// not be used changes nothing and is told in the log.
    pub async fn follow(&self) {
        if self.shared.settings.file.is_none() {
            return std::future::pending().await;
        }
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.reload();
        }
    }

    /// Reads the file again if it changed since it was read. A look at a small local file is not worth a thread.
    pub fn reload(&self) {
        let Shared { settings: PolicySettings { file: Some(file), enforce_new_defaults }, .. } = &*self.shared else {
            return;
        };
        let now = Stamp::of(file);
        let before = std::mem::replace(&mut *self.shared.read.write().unwrap_or_else(PoisonError::into_inner), now);
        if now == before {
            return;
        }
        match file::read(file, *enforce_new_defaults) {
            Ok(rules) => {
                for oddity in &rules.oddities {
                    tracing::warn!("policy: {oddity}");
                }
                *self.shared.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
                tracing::info!(file = %file.display(), "the changed policy file is in force");
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the changed policy file is not used; the rules stay as they were"
                );
            }
        }
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.shared.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(roles: &[&str], project: Option<&str>) -> Context {
        Context {
            user_id: "u".to_owned(),
            project_id: project.map(str::to_owned),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            is_admin: roles.contains(&"admin"),
            ..Context::default()
        }
    }

    #[test]
    fn defaults() {
        let policy = Policy::defaults();
        let (own, other, nobody) = (Target::project("p"), Target::project("q"), Target::default());
        let reader = context(&["reader"], Some("p"));
        let member = context(&["member", "reader"], Some("p"));
        let admin = context(&["admin"], Some("q"));
        assert!(policy.allows(Rule::BackupGet, &reader, own));
        assert!(!policy.allows(Rule::BackupGet, &reader, other));
        assert!(!policy.allows(Rule::BackupCreate, &reader, own));
        assert!(policy.allows(Rule::BackupCreate, &member, own));
        assert!(!policy.allows(Rule::BackupImport, &member, own));
        for &rule in Rule::ALL {
            assert!(policy.allows(rule, &admin, own), "{rule}");
            assert!(!policy.allows(rule, &context(&[], Some("p")), own), "{rule}");
            assert!(!policy.allows(rule, &context(&["member", "reader"], None), nobody), "{rule}");
        }
    }

    #[test]
    fn legacy_defaults_let_every_user_of_the_project_pass() {
        let settings = PolicySettings { enforce_new_defaults: false, ..PolicySettings::default() };
        let policy = Policy::load(settings).unwrap();
        let anybody = context(&["whatever"], Some("p"));
        assert!(policy.allows(Rule::BackupCreate, &anybody, Target::project("p")));
        assert!(!policy.allows(Rule::BackupCreate, &anybody, Target::project("q")));
        assert!(!policy.allows(Rule::BackupImport, &anybody, Target::project("p")));
    }

    #[test]
    fn a_refusal_names_the_rule() {
        let denied = Policy::defaults().check(Rule::BackupGet, &context(&[], None), Target::project("p"));
        assert_eq!(denied.unwrap_err().to_string(), "Policy doesn't allow backup:get to be performed.");
    }
}
