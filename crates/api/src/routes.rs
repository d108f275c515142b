//! The routes, one module for each kind of record, one handler in each file.

mod backups;
mod messages;
mod resource_filters;

use crate::router::Routes;

/// Every route.
pub(crate) fn all() -> Routes {
    Routes::new().merge(backups::routes()).merge(messages::routes()).merge(resource_filters::routes())
}
