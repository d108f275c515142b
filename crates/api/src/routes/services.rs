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
        .get("/os-services", Microversion::MIN, list::list, &list::LIST)
        .put("/os-services/enable", Microversion::MIN, set_enabled::enable, &set_enabled::ENABLE)
        .put("/os-services/disable", Microversion::MIN, set_enabled::disable, &set_enabled::DISABLE)
        .put(
            "/os-services/disable-log-reason",
            Microversion::MIN,
            set_enabled::disable_with_reason,
            &set_enabled::DISABLE_WITH_REASON,
        )
        .put("/os-services/freeze", Microversion::MIN, freeze::refuse, &freeze::REFUSE)
        .put("/os-services/thaw", Microversion::MIN, freeze::refuse, &freeze::REFUSE)
        .get("/os-availability-zone", Microversion::MIN, availability_zones::list, &availability_zones::LIST)
        .get("/os-hosts", Microversion::MIN, hosts::list, &hosts::LIST)
        .get("/os-hosts/{host}", Microversion::MIN, hosts::show, &hosts::SHOW)
        .get("/scheduler-stats/get_pools", Microversion::MIN, pools::list, &pools::LIST)
        .get("/capabilities/{host}", Microversion::MIN, capabilities::show, &capabilities::SHOW)
}
