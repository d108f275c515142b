//! All rules together: the defaults, what an operator's file says instead, and what they refer to.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::Rule;
use crate::policy::expression::{Check, Question};
use crate::policy::parser::{ParseError, parse, parse_lists};
use crate::rule::Default as By;

/// The rule that says who is an administrator of the whole cloud.
const ADMIN: &str = "context_is_admin";
/// What stands for rules that are referred to and are not there.
const FALLBACK: &str = "default";

/// Names that the reference's rules are made of, and that operators' files refer to.
const BUILDING_BLOCKS: [(&str, &str); 6] = [
    (ADMIN, "role:admin"),
    ("admin_api", "is_admin:True or (role:admin and is_admin_project:True)"),
    ("admin_or_owner", "is_admin:True or (role:admin and is_admin_project:True) or project_id:%(project_id)s"),
    ("xena_system_admin_or_project_reader", "(role:admin) or (role:reader and project_id:%(project_id)s)"),
    ("xena_system_admin_or_project_member", "(role:admin) or (role:member and project_id:%(project_id)s)"),
    (
        "system_or_domain_or_project_admin",
        "(role:admin and system_scope:all) or (role:admin and domain_id:%(domain_id)s) or (role:admin and \
         project_id:%(project_id)s)",
    ),
];

/// How deep expressions may be nested, those that they refer to included: evaluation needs that much stack.
const MAX_DEPTH: usize = 200;
/// How many checks a decision may take, those of rules that are referred to included. Rules that name each
/// other twice double it with each step; a site's own stay below a hundred.
const MAX_CHECKS: usize = 10_000;

/// What a file says of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    Text(String),
    Lists(Vec<Vec<String>>),
}

impl Written {
    fn parse(&self) -> Result<Check, ParseError> {
        match self {
            Self::Text(text) => parse(text),
            Self::Lists(lists) => parse_lists(lists),
        }
    }

    /// As one expression.
    fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Lists(lists) => {
                let all: Vec<String> = lists
                    .iter()
                    .filter(|list| !list.is_empty())
                    .map(|list| format!("({})", list.join(" and ")))
                    .collect();
                match (lists.is_empty(), all.is_empty()) {
                    (true, _) => String::new(),
                    (false, true) => "!".to_owned(),
                    (false, false) => all.join(" or "),
                }
            }
        }
    }
}

/// One rule in force.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: Cow<'static, str>,
    /// The expression, as text.
    pub(crate) text: Cow<'static, str>,
    /// Whether an operator's file says so.
    pub(crate) overridden: bool,
    check: Check,
}

/// The rules in force. The first are [`Rule::ALL`], in that order.
#[derive(Debug)]
pub(crate) struct Rules {
    entries: Vec<Entry>,
    places: HashMap<Cow<'static, str>, usize>,
    /// Where [`ADMIN`] is.
    admin: usize,
    /// What is odd about them and does not keep them from being used.
    pub(crate) oddities: Vec<String>,
}

impl Rules {
    /// Puts the defaults and a file's rules together.
    ///
    /// # Errors
    /// Everything about the file's rules that keeps them from being used.
    pub(crate) fn new(written: &[(String, Written)], new_defaults: bool) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut rules = Self { entries: Vec::new(), places: HashMap::new(), admin: 0, oddities: Vec::new() };
        for &rule in Rule::ALL {
            rules.put(rule.name().into(), default_text(rule, new_defaults).into(), &mut problems);
        }
        rules.admin = rules.entries.len();
        for (name, text) in BUILDING_BLOCKS {
            rules.put(name.into(), text.into(), &mut problems);
        }
        for (name, written) in written {
            match written.parse() {
                Ok(check) => rules.override_with(name, written.shown(), check),
                Err(error) => problems.push(format!("rule {name}: {error}")),
            }
        }
        rules.resolve();
        rules.look_for_strangers();
        if let Err(more) = rules.measure() {
            problems.extend(more);
        }
        if problems.is_empty() { Ok(rules) } else { Err(problems) }
    }

    fn put(&mut self, name: Cow<'static, str>, text: Cow<'static, str>, problems: &mut Vec<String>) {
        let check = parse(&text).unwrap_or_else(|error| {
            problems.push(format!("rule {name}: {error}"));
            Check::Never
        });
        self.places.insert(name.clone(), self.entries.len());
        self.entries.push(Entry { name, text, overridden: false, check });
    }

    fn override_with(&mut self, name: &str, text: String, check: Check) {
        let entry = Entry { name: name.to_owned().into(), text: text.into(), overridden: true, check };
        if let Some(&place) = self.places.get(name) {
            self.entries[place] = entry;
        } else {
            self.places.insert(entry.name.clone(), self.entries.len());
            self.entries.push(entry);
        }
    }

    /// Looks up what every `rule:…` refers to.
    fn resolve(&mut self) {
        let Self { entries, places, oddities, .. } = self;
        let fallback = places.get(FALLBACK).copied();
        for entry in entries {
            each_reference(&mut entry.check, &mut |name, place| {
                *place = places.get(name).copied().or(fallback);
                if place.is_none() {
                    oddities
                        .push(format!("rule {} refers to {name}, which is not there: nobody passes that", entry.name));
                }
            });
        }
    }

    /// Names what a file says of rules that nothing asks: a slip of the pen, or a rule for what is not here.
    fn look_for_strangers(&mut self) {
        let ours = self.admin + BUILDING_BLOCKS.len();
        let referred: HashSet<usize> = self.entries.iter().flat_map(|entry| references(&entry.check)).collect();
        let strangers: Vec<&str> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(place, entry)| *place >= ours && entry.name != FALLBACK && !referred.contains(place))
            .map(|(_, entry)| entry.name.as_ref())
            .collect();
        if !strangers.is_empty() {
            let names = strangers.join(", ");
            self.oddities.push(format!("there are no rules of these names, and no other refers to them: {names}"));
        }
    }

    /// Bounds what a decision can cost, which rules that refer to themselves would make endless.
    fn measure(&self) -> Result<(), Vec<String>> {
        let references: Vec<Vec<usize>> = self.entries.iter().map(|entry| references(&entry.check)).collect();
        let mut waits_for: Vec<usize> = references.iter().map(Vec::len).collect();
        let mut wanted_by = vec![Vec::new(); references.len()];
        for (place, references) in references.iter().enumerate() {
            for &reference in references {
                wanted_by[reference].push(place);
            }
        }
        let mut ready: Vec<usize> = (0..waits_for.len()).filter(|&place| waits_for[place] == 0).collect();
        let mut sizes: Vec<Option<Size>> = vec![None; references.len()];
        let mut problems = Vec::new();
        while let Some(place) = ready.pop() {
            let size = Size::of(&self.entries[place].check, &sizes);
            if size.depth > MAX_DEPTH || size.checks > MAX_CHECKS {
                problems.push(format!(
                    "rule {}: with all that it refers to it is nested more than {MAX_DEPTH} deep or has more than \
                     {MAX_CHECKS} checks",
                    self.entries[place].name
                ));
            }
            sizes[place] = Some(size);
            for &user in &wanted_by[place] {
                waits_for[user] -= 1;
                if waits_for[user] == 0 {
                    ready.push(user);
                }
            }
        }
        for (entry, _) in self.entries.iter().zip(sizes).filter(|(_, size)| size.is_none()) {
            problems.push(format!("rule {}: it refers to itself, perhaps by way of others", entry.name));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Whether a rule lets a request pass.
    pub(crate) fn allow(&self, rule: Rule, question: Question<'_>) -> bool {
        self.decide(rule as usize, question)
    }

    /// Whether the caller is an administrator, going by the roles.
    pub(crate) fn admin(&self, question: Question<'_>) -> bool {
        self.decide(self.admin, question)
    }

    /// Whether the rule of this name lets a request pass; `None` if there is none.
    pub(crate) fn by_name(&self, name: &str, question: Question<'_>) -> Option<bool> {
        Some(self.decide(*self.places.get(name)?, question))
    }

    fn decide(&self, place: usize, question: Question<'_>) -> bool {
        let check = |place: usize| self.entries.get(place).map(|entry| &entry.check);
        check(place).is_some_and(|one| one.passes(question, &check))
    }

    /// The rules, in order.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn default_text(rule: Rule, new_defaults: bool) -> &'static str {
    match (rule.default(), new_defaults) {
        (By::Admin, _) => "rule:admin_api",
        (By::Reader, true) => "rule:xena_system_admin_or_project_reader",
        (By::Member, true) => "rule:xena_system_admin_or_project_member",
        (By::Reader, false) => "rule:xena_system_admin_or_project_reader or rule:admin_or_owner",
        (By::Member, false) => "rule:xena_system_admin_or_project_member or rule:admin_or_owner",
    }
}

/// Calls a function with the name and the place of every reference.
fn each_reference(check: &mut Check, visit: &mut impl FnMut(&str, &mut Option<usize>)) {
    match check {
        Check::Rule { name, place } => visit(name, place),
        Check::Not(inner) => each_reference(inner, visit),
        Check::All(checks) | Check::Any(checks) => checks.iter_mut().for_each(|check| each_reference(check, visit)),
        Check::Always | Check::Never | Check::Role(_) | Check::Caller { .. } | Check::Constant { .. } => {}
    }
}

fn references(check: &Check) -> Vec<usize> {
    let mut found = Vec::new();
    each_reference(&mut check.clone(), &mut |_, place| found.extend(*place));
    found
}

/// What a decision can cost at most.
#[derive(Debug, Clone, Copy)]
struct Size {
    depth: usize,
    checks: usize,
}

impl Size {
    const ONE: Self = Self { depth: 1, checks: 1 };

    fn of(check: &Check, known: &[Option<Self>]) -> Self {
        let around =
            |inner: Self| Self { depth: inner.depth.saturating_add(1), checks: inner.checks.saturating_add(1) };
        match check {
            Check::Rule { place, .. } => around(place.and_then(|place| known[place]).unwrap_or(Self::ONE)),
            Check::Not(inner) => around(Self::of(inner, known)),
            Check::All(checks) | Check::Any(checks) => around(checks.iter().map(|check| Self::of(check, known)).fold(
                Self { depth: 0, checks: 0 },
                |sum, one| Self { depth: sum.depth.max(one.depth), checks: sum.checks.saturating_add(one.checks) },
            )),
            Check::Always | Check::Never | Check::Role(_) | Check::Caller { .. } | Check::Constant { .. } => Self::ONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(written: &[(&str, &str)]) -> Result<Rules, Vec<String>> {
        let written: Vec<_> =
            written.iter().map(|&(name, text)| (name.to_owned(), Written::Text(text.to_owned()))).collect();
        Rules::new(&written, true)
    }

    #[test]
    fn rules_are_where_they_are_looked_for() {
        let rules = rules(&[]).unwrap();
        for &rule in Rule::ALL {
            assert_eq!(rules.entries[rule as usize].name, rule.name());
        }
        assert_eq!(rules.entries[rules.admin].name, ADMIN);
        assert!(rules.oddities.is_empty(), "{:?}", rules.oddities);
    }

    #[test]
    fn every_mistake_is_named_with_its_rule() {
        let problems = rules(&[("backup:get", "role:"), ("backup:create", "role"), ("mine", "(")]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("rule backup:create: `role` is no check"), "{problems:?}");
        assert!(problems[1].starts_with("rule mine: "), "{problems:?}");
    }

    #[test]
    fn circles_are_refused() {
        let problems = rules(&[("a", "rule:b"), ("b", "not rule:a"), ("c", "role:x")]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("rule a: it refers to itself"), "{problems:?}");
        assert!(rules(&[("a", "rule:a")]).is_err());
        assert!(rules(&[("admin_api", "rule:backup:get_all"), ("backup:get_all", "rule:admin_api")]).is_err());
    }

    #[test]
    fn what_a_decision_costs_is_bounded() {
        let chain = |length: usize, text: fn(usize) -> String| -> Vec<(String, Written)> {
            let mut written: Vec<_> =
                (0..length).map(|step| (format!("r{step}"), Written::Text(text(step + 1)))).collect();
            written.push((format!("r{length}"), Written::Text("role:a".to_owned())));
            written
        };
        let straight = |step: usize| format!("rule:r{step}");
        let doubled = |step: usize| format!("rule:r{step} or rule:r{step}");
        assert!(Rules::new(&chain(100, straight), true).is_ok());
        assert!(Rules::new(&chain(100_000, straight), true).is_err());
        assert!(Rules::new(&chain(10, doubled), true).is_ok());
        assert!(Rules::new(&chain(60, doubled), true).is_err());
    }

    #[test]
    fn references_to_nothing() {
        let odd = rules(&[("backup:get", "rule:nowhere")]).unwrap();
        assert_eq!(odd.oddities, ["rule backup:get refers to nowhere, which is not there: nobody passes that"]);
        let with_fallback = rules(&[("backup:get", "rule:nowhere"), ("default", "!")]).unwrap();
        assert!(with_fallback.oddities.is_empty());
    }

    #[test]
    fn names_that_nothing_asks() {
        let odd =
            rules(&[("backup:gets", "role:a"), ("mine", "role:b"), ("backup:get", "rule:mine"), ("x", "!")]).unwrap();
        assert_eq!(odd.oddities, ["there are no rules of these names, and no other refers to them: backup:gets, x"]);
    }

    #[test]
    fn lists_are_shown_as_expressions() {
        let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        for (lists, text) in [
            (vec![], ""),
            (vec![list(&[])], "!"),
            (vec![list(&["role:a"]), list(&["role:b", "role:c"])], "(role:a) or (role:b and role:c)"),
        ] {
            assert_eq!(Written::Lists(lists).shown(), text);
        }
    }
}
