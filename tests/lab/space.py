"""A Ceph that has no space left, and has again.

A pool's quota would not do: it is the manager's figures that it is compared with, and a lab has no manager.
"""

from __future__ import annotations

import json
from typing import Any

# None of them counts below the ones before. As Ceph sets them by itself.
RATIOS = {"nearfull": 0.85, "backfillfull": 0.90, "full": 0.95}


def mon(ceph: Any, **command: Any) -> dict[str, Any]:
    """What the monitors answer."""
    code, out, said = ceph.mon_command(json.dumps(command | {"format": "json"}), b"")
    assert code == 0, (command, said)
    return json.loads(out) if out else {}


def fill_up(ceph: Any) -> None:
    """Whatever the OSD holds is too much; it says so after a while."""
    for ratio in RATIOS:
        mon(ceph, prefix=f"osd set-{ratio}-ratio", ratio=0.00001)


def make_room(ceph: Any) -> None:
    for ratio, usual in RATIOS.items():
        mon(ceph, prefix=f"osd set-{ratio}-ratio", ratio=usual)


def is_full(ceph: Any) -> bool:
    return "full" in mon(ceph, prefix="osd dump")["osds"][0]["state"]
