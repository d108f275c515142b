//! Who serves: services, hosts, zones, pools and their capabilities (API spec 10.3, 11.3).

mod availability_zones;
mod capabilities;
mod freeze;
mod hosts;
mod list;
mod pools;
mod set_enabled;

use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/os-services", Microversion::MIN, list::list)
        .put("/os-services/enable", Microversion::MIN, set_enabled::enable)
        .put("/os-services/disable", Microversion::MIN, set_enabled::disable)
        .put("/os-services/disable-log-reason", Microversion::MIN, set_enabled::disable_with_reason)
        .put("/os-services/freeze", Microversion::MIN, freeze::refuse)
        .put("/os-services/thaw", Microversion::MIN, freeze::refuse)
        .get("/os-availability-zone", Microversion::MIN, availability_zones::list)
        .get("/os-hosts", Microversion::MIN, hosts::list)
        .get("/os-hosts/{host}", Microversion::MIN, hosts::show)
        .get("/scheduler-stats/get_pools", Microversion::MIN, pools::list)
        .get("/capabilities/{host}", Microversion::MIN, capabilities::show)
}
