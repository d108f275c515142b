//! The REST surface: Cinder's v3 API as far as backups and their neighbours go.
//!
//! [`router`] makes a service of an [`Api`], [`serve`] runs it on a socket. The crate knows HTTP and nothing of
//! SQL, Ceph or Keystone: it asks [`catalog`] and [`identity`] and puts what they say into the words of the
//! specification, which are the words of the reference.
//!
//! # The way of a request
//!
//! 1. `front`: request id, body within its bound, path split into project and resource, caller recognised.
//!    The versions document is answered here, without a token.
//! 2. `router`: one table serves the paths with a project and those without. What it does not know is a 404
//!    that is no JSON fault, whatever the method.
//! 3. `endpoint`: version header, content type, action name, JSON, the URL's project against the token's,
//!    the route's first version. The order of checks of the specification (1.5) is there, once.
//! 4. The handler gets a `Call`: caller, version, query, body, links. It checks the body against a schema,
//!    looks records up in the caller's scope, asks the policy, calls one function of the catalogue, and
//!    renders what comes back.
//!
//! # How to add a route
//!
//! A kind of record is a module under `routes`, with `routes()` in its root and one file for each handler:
//!
//! ```ignore
//! // routes/widgets.rs
//! mod create;
//! mod list;
//! mod views;
//!
//! pub(super) fn routes() -> Routes {
//!     Routes::new()
//!         .get("/widgets", Microversion::MIN, list::summary, &list::SUMMARY)
//!         .get("/widgets/detail", Microversion::MIN, list::detail, &list::DETAIL)
//!         .post("/widgets", Microversion::v3(9), create::create, &create::CREATE) // 404 to older requests
//!         .actions(
//!             "/widgets/{id}/action",
//!             Actions::new().on("os-reset_status", Microversion::MIN, reset::reset, &reset::RESET),
//!         )
//! }
//! ```
//!
//! and `routes::all` merges it. A handler is an `async fn(Call) -> Result<Reply, ApiError>`, and beside it stands
//! what the description says of it:
//!
//! ```ignore
//! // routes/widgets/create.rs
//! static SCHEMA: Schema = Schema::Object(&Object::strict(
//!     &[Key::new("widget", Schema::Object(&Object::strict(
//!         &[
//!             Key::new("volume_id", Schema::Uuid { nullable: false }),
//!             Key::new("name", Schema::NAME),
//!             Key::since("metadata", Microversion::v3(43), Schema::Metadata { nullable: true }),
//!         ],
//!         &["volume_id"],
//!     )))],
//!     &["widget"],
//! ));
//!
//! pub(super) static CREATE: Operation =
//!     Operation::json("Makes a widget.", StatusCode::ACCEPTED, &views::SUMMARY_BODY).takes(&SCHEMA);
//!
//! /// `POST /widgets` (API spec 99.1).
//! pub(super) async fn create(call: Call) -> Result<Reply, ApiError> {
//!     let body = &call.body()?["widget"];                  // 400 in the reference's words
//!     let project = call.project(Rule::WidgetCreate)?;     // 403 for a token without a project
//!     call.allow(Rule::WidgetCreate, &project)?;           // 403
//!     let made = call.catalog().create_widget(/* … */).await?;   // database away: 503, broken: 500
//!     match made {
//!         Ok(widget) => Reply::json(StatusCode::ACCEPTED, &json!({ "widget": views::summary(&call, &widget) })),
//!         Err(rejection) => Err(refuse(rejection)),        // a rule of the catalogue: code and message
//!     }
//! }
//! ```
//!
//! * Records are looked up by `exact_uuid(call.param("id"))` and `call.scope()`: what is not there, not an id,
//!   or somebody else's is the same 404. Ask the policy after that, with the record's project.
//! * The description (`docs/openapi.json`, `GET /openapi.json`) is made of the route table: an `Operation` says what a
//!   handler takes, answers and refuses. What it takes is what `call.body()` checks, so the two can not differ; the
//!   form of what it answers stands beside the view that renders it. A test tells when the committed file is old.
//! * Parts of an answer that appeared later are put in by `call.has(minor)`; parts that need a rule by
//!   `call.may(rule, project)`.
//! * A list has a `Listing`: `let query = LISTING.query(&call)?` reads paging, sort order and filters and asks the
//!   policy, the catalogue's function runs it, and `LISTING.reply(…)` renders the page with its links.
//! * Errors are made by the functions of `ApiError`; only `fault` puts them into bodies. Nothing of an
//!   internal error reaches a client.
//! * Nothing here panics on input: no `unwrap`, no indexing of what a client sent unless its schema was checked
//!   (indexing a JSON value by a key never panics, a missing key reads as null).

mod base64;
mod call;
mod connection;
mod endpoint;
mod fault;
mod filters;
mod front;
mod links;
mod listing;
mod metadata_body;
mod metadata_filter;
mod microversion;
mod openapi;
mod over_quota;
mod path;
mod placement;
mod python;
mod query;
mod reply;
mod request_id;
mod router;
mod routes;
mod schema;
mod server;
mod state;
mod throttle;
mod time_filter;
mod unroutable;
mod versions;
mod wording;

pub use connection::Connection;
pub use filters::ResourceFilters;
pub use openapi::openapi;
pub use router::router;
pub use server::serve;
pub use state::{Api, Settings, SettingsError};
