//! The routes, one module for each kind of record, one handler in each file.

mod attachments;
mod backups;
mod cindervault;
mod extensions;
mod limits;
mod messages;
mod nothing_here;
mod quota_sets;
mod resource_filters;
mod services;
mod snapshots;
mod transfers;
mod types;
mod volumes;

use crate::router::Routes;

/// Every route.
pub(crate) fn all() -> Routes {
    Routes::new()
        .merge(attachments::routes())
        .merge(backups::routes())
        .merge(cindervault::routes())
        .merge(extensions::routes())
        .merge(limits::routes())
        .merge(messages::routes())
        .merge(nothing_here::routes())
        .merge(quota_sets::routes())
        .merge(resource_filters::routes())
        .merge(services::routes())
        .merge(snapshots::routes())
        .merge(transfers::routes())
        .merge(types::routes())
        .merge(volumes::routes())
}
