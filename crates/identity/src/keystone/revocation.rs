//! Tokens that were revoked while we remember them as valid.
//!
//! Keystone lists what was revoked: a token by its audit id, or all of a user, a project, a domain or a trust
//! up to a moment. We ask for what is new every few seconds, which costs one small request, and forget the
//! tokens that it may be about; whoever shows one of these makes us ask Keystone about it. What Keystone does
//! not list, such as a role that was taken away, is seen when we would have asked again anyway.

use jiff::Timestamp;
use serde::Deserialize;

use super::token::Token;

#[derive(Debug, Deserialize)]
pub(crate) struct Events {
    pub(crate) events: Vec<Event>,
}

/// Something that was revoked: all tokens that fit what it names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct Event {
    audit_id: Option<String>,
    audit_chain_id: Option<String>,
    user_id: Option<String>,
    project_id: Option<String>,
    domain_id: Option<String>,
    issued_before: Timestamp,
}

impl Event {
    /// Whether it may be about a token. What it names that we do not know of tokens does not count, so that
    /// rather too many are asked about than too few.
    pub(crate) fn concerns(&self, token: &Token) -> bool {
        let named = |named: &Option<String>, own: &[Option<&str>]| {
            named.as_deref().is_none_or(|named| own.contains(&Some(named)))
        };
        let context = &token.context;
        let audit = |at: usize| token.audit_ids.get(at).map(String::as_str);
        token.issued_at <= self.issued_before
            && named(&self.audit_id, &[audit(0)])
            && named(&self.audit_chain_id, &[audit(0), audit(1)])
            && named(&self.user_id, &[Some(&context.user_id)])
            && named(&self.project_id, &[context.project_id.as_deref()])
            && named(
                &self.domain_id,
                &[
                    context.domain_id.as_deref(),
                    context.user_domain_id.as_deref(),
                    context.project_domain_id.as_deref(),
                ],
            )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Context;

    #[test]
    fn what_it_names_has_to_fit() {
        let issued: Timestamp = "2030-01-01T00:00:10Z".parse().unwrap();
        let token = Token {
            context: Arc::new(Context {
                user_id: "u".to_owned(),
                project_id: Some("p".to_owned()),
                user_domain_id: Some("d".to_owned()),
                ..Context::default()
            }),
            expires_at: issued,
            issued_at: issued,
            audit_ids: vec!["own".to_owned(), "first".to_owned()],
            keystones: Vec::new(),
        };
        let concerns = |event: serde_json::Value| serde_json::from_value::<Event>(event).unwrap().concerns(&token);
        let at = "2030-01-01T00:00:10.000000Z";
        for (event, fits) in [
            (serde_json::json!({"issued_before": at, "audit_id": "own"}), true),
            (serde_json::json!({"issued_before": at, "audit_id": "first"}), false),
            (serde_json::json!({"issued_before": at, "audit_chain_id": "first"}), true),
            (serde_json::json!({"issued_before": at, "user_id": "u"}), true),
            (serde_json::json!({"issued_before": at, "user_id": "u", "project_id": "q"}), false),
            (serde_json::json!({"issued_before": at, "domain_id": "d"}), true),
            (serde_json::json!({"issued_before": at, "domain_id": "e"}), false),
            (serde_json::json!({"issued_before": at, "OS-TRUST:trust_id": "t"}), true),
            (serde_json::json!({"issued_before": "2030-01-01T00:00:09Z", "user_id": "u"}), false),
        ] {
            assert_eq!(concerns(event.clone()), fits, "{event}");
        }
    }
}
