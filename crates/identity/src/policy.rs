//! May they?

use crate::rule::Default as By;
use crate::{Context, Rule};

/// What a rule is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// The project that the thing belongs to; `None` for what belongs to nobody.
    pub project_id: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Something that belongs to this project.
    pub fn project(project: &'a str) -> Self {
        Self { project_id: Some(project) }
    }

    /// What the caller makes or lists for itself: it belongs to the caller's project.
    pub fn own(context: &'a Context) -> Self {
        Self { project_id: context.project_id.as_deref() }
    }
}

/// A rule that refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Policy doesn't allow {0} to be performed.")]
pub struct Denied(pub Rule);

/// The rules in force.
#[derive(Debug, Clone, Default)]
pub struct Policy {}

impl Policy {
    /// The reference's default rules.
    pub fn defaults() -> Self {
        Self {}
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
        let in_project = |role: &str| {
            context.has_role(role) && context.project_id.is_some() && target.project_id == context.project_id.as_deref()
        };
        match rule.default() {
            By::Admin => context.is_admin,
            By::Member => context.has_role("admin") || in_project("member"),
            By::Reader => context.has_role("admin") || in_project("reader"),
        }
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
        }
    }

    #[test]
    fn defaults() {
        let policy = Policy::defaults();
        let (own, other, nobody) = (Target::project("p"), Target::project("q"), Target { project_id: None });
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
    fn a_refusal_names_the_rule() {
        let denied = Policy::defaults().check(Rule::BackupGet, &context(&[], None), Target::project("p"));
        assert_eq!(denied.unwrap_err().to_string(), "Policy doesn't allow backup:get to be performed.");
    }
}
