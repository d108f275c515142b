//! The caller.

/// Who is asking, as far as we were convinced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The user's id.
    pub user_id: String,
    /// The domain that the user belongs to, where the identity service told.
    pub user_domain_id: Option<String>,
    /// The project that the token is for. A token may be for none.
    pub project_id: Option<String>,
    /// The domain that the project belongs to.
    pub project_domain_id: Option<String>,
    /// The domain that the token is for, when it is for one instead of a project.
    pub domain_id: Option<String>,
    /// What part of the whole cloud the token is for (`all`), when it is for that instead of a project.
    pub system_scope: Option<String>,
    /// The roles there, lower-case.
    pub roles: Vec<String>,
    /// Whether the caller is an administrator of the whole cloud.
    pub is_admin: bool,
    /// The service on whose way the request came, if one vouched for it.
    pub service: Option<Service>,
}

/// A service that passed a user's request on with a token of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// The service user's id.
    pub user_id: String,
    /// The project that its token is for.
    pub project_id: Option<String>,
    /// Its roles there, lower-case.
    pub roles: Vec<String>,
}

impl Context {
    /// Whether the caller has the role, in whatever case it is written.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| same(own, role))
    }
}

/// Roles are the same in whatever case they are written.
fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!(one.is_ascii() && other.is_ascii()) && one.to_lowercase() == other.to_lowercase())
}
