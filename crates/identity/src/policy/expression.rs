//! An expression of the policy language, and what it says about a request.

use std::borrow::Cow;

use crate::{Context, Target};

/// One expression. It is never nested deeper than the parser allows, so that walking it needs no care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    /// `@`, or an empty rule.
    Always,
    /// `!`
    Never,
    /// `not …`
    Not(Box<Check>),
    /// `… and …`
    All(Vec<Check>),
    /// `… or …`
    Any(Vec<Check>),
    /// `role:…`
    Role(Template),
    /// `rule:…`, and where that rule stands once it was looked up.
    Rule {
        /// The name as it is written.
        name: String,
        /// Its place among the rules; `None` while there is no such rule, which nobody passes.
        place: Option<usize>,
    },
    /// `user_id:…` and the like: something of the caller's is what the right side says.
    Caller {
        /// What of the caller's.
        attribute: Attribute,
        /// What it has to be.
        wanted: Template,
    },
    /// `'text':…`, `True:…`: a constant is what the right side says.
    Constant {
        /// The constant.
        text: String,
        /// What it has to be.
        wanted: Template,
    },
}

macro_rules! attributes {
    ($($variant:ident = $name:literal;)+) => {
        /// What an expression can ask about the caller.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Attribute {
            $($variant,)+
            /// Something that no caller has.
            Unknown,
        }

        impl Attribute {
            /// The attribute of this name.
            pub(crate) fn of(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    _ => Self::Unknown,
                }
            }
        }
    };
}

attributes! {
    UserId = "user_id";
    UserDomainId = "user_domain_id";
    ProjectId = "project_id";
    ProjectDomainId = "project_domain_id";
    DomainId = "domain_id";
    SystemScope = "system_scope";
    System = "system";
    Roles = "roles";
    IsAdmin = "is_admin";
    IsAdminProject = "is_admin_project";
    ServiceUserId = "service_user_id";
    ServiceProjectId = "service_project_id";
    ServiceRoles = "service_roles";
}

/// The right side of a check: text with places for what belongs to the target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Template(pub(crate) Vec<Piece>);

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Stands for itself.
    Text(String),
    /// `%(project_id)s`
    Project,
    /// `%(user_id)s`
    User,
    /// `%(…)s` of something that no target has: the check fails.
    Unknown,
}

impl Piece {
    /// What `%(key)s` stands for. `target.` may stand before the name, as in other services' policies.
    pub(crate) fn of(key: &str) -> Self {
        match key.strip_prefix("target.").unwrap_or(key) {
            "project_id" => Self::Project,
            "user_id" => Self::User,
            _ => Self::Unknown,
        }
    }

    fn value<'a>(&'a self, target: Target<'a>) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Project => target.project_id,
            Self::User => target.user_id,
            Self::Unknown => None,
        }
    }
}

impl Template {
    /// The text for a target; `None` if the target lacks something of it.
    fn fill<'a>(&'a self, target: Target<'a>) -> Option<Cow<'a, str>> {
        match self.0.as_slice() {
            [] => Some(Cow::Borrowed("")),
            [only] => only.value(target).map(Cow::Borrowed),
            pieces => {
                let mut text = String::new();
                for piece in pieces {
                    text.push_str(piece.value(target)?);
                }
                Some(Cow::Owned(text))
            }
        }
    }
}

/// What a rule is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) context: &'a Context,
    pub(crate) is_admin: bool,
    pub(crate) target: Target<'a>,
}

impl Check {
    /// Whether the request passes. `rules` are those that `rule:…` refers to.
    pub(crate) fn passes<'a>(&self, question: Question<'a>, rules: &impl Fn(usize) -> Option<&'a Check>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Not(inner) => !inner.passes(question, rules),
            Self::All(checks) => checks.iter().all(|check| check.passes(question, rules)),
            Self::Any(checks) => checks.iter().any(|check| check.passes(question, rules)),
            Self::Role(wanted) => wanted.fill(question.target).is_some_and(|role| question.context.has_role(&role)),
            Self::Rule { place, .. } => place.and_then(rules).is_some_and(|check| check.passes(question, rules)),
            Self::Caller { attribute, wanted } => {
                wanted.fill(question.target).is_some_and(|wanted| question.has(*attribute, &wanted))
            }
            Self::Constant { text, wanted } => wanted.fill(question.target).is_some_and(|wanted| wanted == *text),
        }
    }
}

impl Question<'_> {
    /// Whether the caller's attribute is, or has among its values, what is wanted. What is not there is
    /// nothing, not even an empty text.
    fn has(&self, attribute: Attribute, wanted: &str) -> bool {
        let Context { user_id, user_domain_id, project_id, project_domain_id, domain_id, system_scope, .. } =
            self.context;
        let service = self.context.service.as_ref();
        match attribute {
            Attribute::UserId => user_id == wanted,
            Attribute::UserDomainId => user_domain_id.as_deref() == Some(wanted),
            Attribute::ProjectId => project_id.as_deref() == Some(wanted),
            Attribute::ProjectDomainId => project_domain_id.as_deref() == Some(wanted),
            Attribute::DomainId => domain_id.as_deref() == Some(wanted),
            Attribute::SystemScope | Attribute::System => system_scope.as_deref() == Some(wanted),
            Attribute::Roles => self.context.roles.iter().any(|role| role == wanted),
            Attribute::IsAdmin => wanted == if self.is_admin { "True" } else { "False" },
            // what a cloud without a project for administrators says of every project
            Attribute::IsAdminProject => wanted == "True",
            Attribute::ServiceUserId => service.is_some_and(|service| service.user_id == wanted),
            Attribute::ServiceProjectId => service.is_some_and(|service| service.project_id.as_deref() == Some(wanted)),
            Attribute::ServiceRoles => service.is_some_and(|service| service.roles.iter().any(|role| role == wanted)),
            Attribute::Unknown => false,
        }
    }
}
