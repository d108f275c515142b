//! `POST /volumes/{id}/action` (API spec 11.1).

mod attach;
mod detach;
mod extend;
mod force_delete;
mod reserve;
mod reset_status;
mod retype;
mod set_bootable;
mod update_readonly;

use crate::endpoint::Actions;
use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    let actions = Actions::default()
        .on("os-extend", Microversion::MIN, extend::extend)
        .on("os-retype", Microversion::MIN, retype::retype)
        .on("os-reserve", Microversion::MIN, reserve::reserve)
        .on("os-unreserve", Microversion::MIN, reserve::unreserve)
        .on("os-reset_status", Microversion::MIN, reset_status::reset_status)
        .on("os-force_delete", Microversion::MIN, force_delete::force_delete)
        .on("os-set_bootable", Microversion::MIN, set_bootable::set_bootable)
        .on("os-update_readonly_flag", Microversion::MIN, update_readonly::update_readonly)
        .on("os-attach", Microversion::MIN, attach::attach)
        .on("os-detach", Microversion::MIN, detach::detach);
    Routes::new().actions("/volumes/{id}/action", actions)
}
