//! The caller.

/// Who is asking, as far as we were convinced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The user's id.
    pub user_id: String,
    /// The project that the token is for. A token may be for none.
    pub project_id: Option<String>,
    /// The roles in that project, lower-case.
    pub roles: Vec<String>,
    /// Whether the caller is an administrator of the whole cloud.
    pub is_admin: bool,
}

impl Context {
    /// Whether the caller has the role, in whatever case it is written.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own.eq_ignore_ascii_case(role))
    }
}
