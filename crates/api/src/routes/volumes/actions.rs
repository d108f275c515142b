//! `POST /volumes/{id}/action` (API spec 11.1).

mod attach;
mod detach;
mod detaching;
mod extend;
mod force_delete;
mod image_metadata;
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
        .on("os-extend", Microversion::MIN, extend::extend, &extend::EXTEND)
        .on("os-retype", Microversion::MIN, retype::retype, &retype::RETYPE)
        .on("os-reserve", Microversion::MIN, reserve::reserve, &reserve::RESERVE)
        .on("os-unreserve", Microversion::MIN, reserve::unreserve, &reserve::UNRESERVE)
        .on("os-reset_status", Microversion::MIN, reset_status::reset_status, &reset_status::RESET_STATUS)
        .on("os-force_delete", Microversion::MIN, force_delete::force_delete, &force_delete::FORCE_DELETE)
        .on("os-set_bootable", Microversion::MIN, set_bootable::set_bootable, &set_bootable::SET_BOOTABLE)
        .on(
            "os-update_readonly_flag",
            Microversion::MIN,
            update_readonly::update_readonly,
            &update_readonly::UPDATE_READONLY,
        )
        .on("os-attach", Microversion::MIN, attach::attach, &attach::ATTACH)
        .on("os-detach", Microversion::MIN, detach::detach, &detach::DETACH)
        .on("os-begin_detaching", Microversion::MIN, detaching::begin, &detaching::BEGIN)
        .on("os-roll_detaching", Microversion::MIN, detaching::roll, &detaching::ROLL)
        .on("os-set_image_metadata", Microversion::MIN, image_metadata::set, &image_metadata::SET)
        .on("os-unset_image_metadata", Microversion::MIN, image_metadata::unset, &image_metadata::UNSET)
        .on("os-show_image_metadata", Microversion::MIN, image_metadata::show, &image_metadata::SHOW);
    Routes::new().actions("/volumes/{id}/action", actions)
}
