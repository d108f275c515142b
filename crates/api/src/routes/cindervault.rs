//! What Cinder does not have: a look at a backup's work and data, and what may be done about them.

mod cancel;
mod show;
mod verify;

use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/cindervault/backups/{id}", Microversion::MIN, show::show, &show::SHOW)
        .post_empty("/cindervault/backups/{id}/cancel", Microversion::MIN, cancel::cancel, &cancel::CANCEL)
        .post_empty("/cindervault/backups/{id}/verify", Microversion::MIN, verify::verify, &verify::VERIFY)
}
