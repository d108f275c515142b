//! A request as a handler sees it.

use axum::http::HeaderMap;
use catalog::backups::{Backup, BackupView};
use catalog::messages::Message;
use catalog::page::Scope;
use catalog::snapshots::Snapshot;
use catalog::volumes::{Volume, VolumeView};
use catalog::{Catalog, ProjectId, UserId};
use identity::{Context, Rule, Target};
use serde_json::Value;
use uuid::Uuid;

use crate::fault::ApiError;
use crate::links::Links;
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::query::Pairs;
use crate::request_id::RequestId;
use crate::schema;
use crate::state::{Api, Settings};

/// A request of a recognised caller in a known version, with a body that is JSON or none.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) api: Api,
    /// Who is asking.
    pub(crate) context: Context,
    /// The version that the request speaks.
    pub(crate) version: Microversion,
    /// What its route says of itself.
    pub(crate) operation: &'static Operation,
    pub(crate) request_id: RequestId,
    /// Makes the links of the answer.
    pub(crate) links: Links,
    /// The query string.
    pub(crate) query: Pairs,
    /// The request's headers.
    pub(crate) headers: HeaderMap,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
}

/// What belongs to a project, and perhaps to a user of it.
pub(crate) trait Owned {
    /// The project.
    fn project(&self) -> &ProjectId;

    /// The user.
    fn user(&self) -> Option<&UserId>;
}

impl Owned for ProjectId {
    fn project(&self) -> &ProjectId {
        self
    }

    fn user(&self) -> Option<&UserId> {
        None
    }
}

impl Owned for Message {
    fn project(&self) -> &ProjectId {
        &self.project_id
    }

    fn user(&self) -> Option<&UserId> {
        None
    }
}

macro_rules! owned {
    ($($record:ty),+) => {$(
        impl Owned for $record {
            fn project(&self) -> &ProjectId {
                &self.project_id
            }

            fn user(&self) -> Option<&UserId> {
                Some(&self.user_id)
            }
        }
    )+};
}

owned!(Backup, BackupView, Volume, VolumeView, Snapshot);

impl Call {
    /// The catalogue.
    pub(crate) fn catalog(&self) -> &Catalog {
        self.api.catalog()
    }

    /// The API's settings.
    pub(crate) fn settings(&self) -> &Settings {
        self.api.settings()
    }

    /// Whether the request's version has what appeared with `3.minor`.
    pub(crate) fn has(&self, minor: u16) -> bool {
        self.version >= Microversion::v3(minor)
    }

    /// A part of the path: `param("id")` for a route with `{id}`.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.iter().find_map(|(own, value)| (own == name).then_some(value.as_str())).unwrap_or_default()
    }

    /// The body, once it fits the schema of the operation.
    pub(crate) fn body(&self) -> Result<&Value, ApiError> {
        let schema = self.operation.body.ok_or_else(|| ApiError::internal("this operation takes no body"))?;
        let body = self.body.as_ref().ok_or_else(ApiError::malformed)?;
        schema::validate(schema, body, self.version).map_err(ApiError::bad_request)?;
        Ok(body)
    }

    /// Asks the policy, for a record, or for something of a project's that is none.
    pub(crate) fn allow(&self, rule: Rule, thing: &impl Owned) -> Result<(), ApiError> {
        Ok(self.api.policy().check(rule, &self.context, self.target(thing))?)
    }

    /// Asks the policy, for something of the caller's own or that belongs to nobody.
    pub(crate) fn allow_own(&self, rule: Rule) -> Result<(), ApiError> {
        Ok(self.api.policy().check(rule, &self.context, Target::own(&self.context))?)
    }

    /// Whether the policy lets the caller pass, for what is merely left out otherwise.
    pub(crate) fn may(&self, rule: Rule, thing: &impl Owned) -> bool {
        self.api.policy().allows(rule, &self.context, self.target(thing))
    }

    /// What is nobody's in particular counts as the caller's, as in the reference.
    fn target<'a>(&'a self, thing: &'a impl Owned) -> Target<'a> {
        let user = thing.user().map_or(self.context.user_id.as_str(), UserId::as_str);
        Target::project(thing.project().as_str()).of_user(Some(user))
    }

    /// The records that the caller can see by id: an administrator everybody's, others their project's
    /// (API spec 9.4). A caller without a project sees those of the project without a name, which has none.
    pub(crate) fn scope(&self) -> Scope {
        if self.context.is_admin { Scope::Every } else { Scope::Project(self.project_or_none()) }
    }

    /// The caller's project, or the rule's refusal for a caller that has none.
    pub(crate) fn project(&self, rule: Rule) -> Result<ProjectId, ApiError> {
        let project = self.context.project_id.as_deref().map(ProjectId::from);
        project.ok_or_else(|| identity::Denied(rule).into())
    }

    pub(crate) fn project_or_none(&self) -> ProjectId {
        ProjectId(self.context.project_id.clone().unwrap_or_default())
    }

    /// How a project is told who did something to what is its own: the user, where that is one of its people. Who
    /// else it was is for the log.
    pub(crate) fn name_for(&self, project: &ProjectId) -> String {
        if self.context.project_id.as_deref() == Some(project.as_str()) {
            return format!("user {}", self.context.user_id);
        }
        tracing::info!(user.id = %self.context.user_id, project.id = %project, "somebody else acts on what is this project's");
        "an administrator".to_owned()
    }

    /// The caller.
    pub(crate) fn user(&self) -> UserId {
        UserId(self.context.user_id.clone())
    }
}

/// An id in a path or a body: only the canonical form is one, anything else names nothing (API spec 2).
pub(crate) fn exact_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)
}
