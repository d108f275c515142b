//! Volumes on their way to another project (API spec 11.3), under the old name and, since 3.55, under the new one.
//!
//! Under the old name a volume's snapshots stay where they are; under the new one they go with it, unless the
//! request says otherwise.

mod accept;
mod create;
mod delete;
mod list;
mod show;
mod view;

use catalog::transfers::Transfer;
use catalog::{ProjectId, TransferId, UserId};
use identity::Rule;

use crate::call::{Call, Owned, exact_uuid};
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    let old = Routes::new().post(
        "/os-volume-transfer",
        Microversion::MIN,
        create::without_snapshots,
        &create::WITHOUT_SNAPSHOTS,
    );
    let new = old.post("/volume-transfers", RENAMED, create::create, &create::CREATE);
    [("/os-volume-transfer", Microversion::MIN), ("/volume-transfers", RENAMED)].into_iter().fold(
        new,
        |routes, (path, since)| {
            routes
                .get(path, since, list::summary, &list::SUMMARY)
                .get(&format!("{path}/detail"), since, list::detail, &list::DETAIL)
                .get(&format!("{path}/{{id}}"), since, show::show, &show::SHOW)
                .delete(&format!("{path}/{{id}}"), since, delete::delete, &delete::DELETE)
                .post(&format!("{path}/{{id}}/accept"), since, accept::accept, &accept::ACCEPT)
        },
    )
}

/// The version of the new name.
const RENAMED: Microversion = Microversion::v3(55);

impl Owned for Transfer {
    fn project(&self) -> &ProjectId {
        &self.source_project_id
    }

    fn user(&self) -> Option<&UserId> {
        None
    }
}

/// The transfer that the path names, if its volume is in the caller's sight, and the caller may do this with it.
async fn find(call: &Call, rule: Rule) -> Result<Transfer, ApiError> {
    let found = match exact_uuid(call.param("id")) {
        Some(id) => call.catalog().transfer(TransferId(id), &call.scope()).await?,
        None => None,
    };
    let found = found.ok_or_else(|| missing(call))?;
    call.allow(rule, &found)?;
    Ok(found)
}

/// 404 for the transfer in the path.
fn missing(call: &Call) -> ApiError {
    ApiError::not_found("Transfer", call.param("id"))
}
