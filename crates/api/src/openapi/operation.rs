//! What one operation takes and answers: a table beside its handler, from which the description is made.

use axum::http::StatusCode;

use super::shape::Shape;
use crate::listing::Listing;
use crate::microversion::Microversion;
use crate::schema::Schema;

/// An operation as its route declares it. The body's schema is the one that validates bodies: a handler has no
/// other way to one.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(super) summary: &'static str,
    pub(crate) body: Option<&'static Schema>,
    pub(super) parameters: &'static [Parameter],
    pub(super) answer: Option<(StatusCode, Answer)>,
    pub(super) refusals: &'static [StatusCode],
}

/// The content of a successful answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// None.
    Empty,
    /// JSON.
    Json(&'static Shape),
    /// A page of a list.
    Page(&'static Listing, &'static Shape),
    /// JSON for those who accept it, a text for others.
    JsonOrText(&'static Shape),
}

impl Operation {
    const fn new(summary: &'static str, answer: Option<(StatusCode, Answer)>) -> Self {
        Self { summary, body: None, parameters: &[], answer, refusals: &[] }
    }

    /// Answers with a JSON body.
    pub(crate) const fn json(summary: &'static str, status: StatusCode, shape: &'static Shape) -> Self {
        Self::new(summary, Some((status, Answer::Json(shape))))
    }

    /// Answers with 200 and a JSON body.
    pub(crate) const fn ok(summary: &'static str, shape: &'static Shape) -> Self {
        Self::json(summary, StatusCode::OK, shape)
    }

    /// Answers without a body.
    pub(crate) const fn empty(summary: &'static str, status: StatusCode) -> Self {
        Self::new(summary, Some((status, Answer::Empty)))
    }

    /// Answers with a page of a list; the query is the list's.
    pub(crate) const fn page(summary: &'static str, listing: &'static Listing, row: &'static Shape) -> Self {
        Self::new(summary, Some((StatusCode::OK, Answer::Page(listing, row))))
    }

    /// Answers with 200 and JSON, or a text for those who do not accept JSON.
    pub(crate) const fn json_or_text(summary: &'static str, shape: &'static Shape) -> Self {
        Self::new(summary, Some((StatusCode::OK, Answer::JsonOrText(shape))))
    }

    /// Is never done: it only tells why not.
    pub(crate) const fn refused(summary: &'static str) -> Self {
        Self::new(summary, None)
    }

    /// The same with a body of this schema.
    pub(crate) const fn takes(mut self, body: &'static Schema) -> Self {
        self.body = Some(body);
        self
    }

    /// The same with parameters, besides those of a list.
    pub(crate) const fn asks(mut self, parameters: &'static [Parameter]) -> Self {
        self.parameters = parameters;
        self
    }

    /// The same with refusals, besides those of every operation.
    pub(crate) const fn refuses(mut self, refusals: &'static [StatusCode]) -> Self {
        self.refusals = refusals;
        self
    }
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Query,
    Header,
}

/// What a parameter's text must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Any text.
    Text,
    /// One of the words for a boolean.
    Boolean,
    /// As [`Form::Boolean`], from this version on; any text before.
    BooleanSince(Microversion),
    /// A whole number that is not negative.
    Count,
}

/// A parameter in the query or a header. None is required.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) form: Form,
    pub(super) since: Microversion,
    pub(super) description: &'static str,
}

impl Parameter {
    /// A parameter in the query.
    pub(crate) const fn query(name: &'static str, form: Form, description: &'static str) -> Self {
        Self { name, place: Place::Query, form, since: Microversion::MIN, description }
    }

    /// A header.
    pub(crate) const fn header(name: &'static str, description: &'static str) -> Self {
        Self { name, place: Place::Header, form: Form::Text, since: Microversion::MIN, description }
    }

    /// The same, known from a version on.
    pub(crate) const fn since(mut self, since: Microversion) -> Self {
        self.since = since;
        self
    }
}
