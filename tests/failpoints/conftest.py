"""A program with fail points, and the crew that tries them.

The Ceph and the Postgres are those of `tests/lab/lab.py run`; the Cindervaults on them are started and ended here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.conftest import lab, pytest_configure  # noqa: E402, F401 - fixtures of ours, too
from conformance.server import Lab  # noqa: E402

from .crew import Crew  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def program(lab: Lab) -> Path:  # noqa: F811
    """Built as it is developed, with the points; FAILPOINTS_BIN names one that is built already."""
    if given := os.environ.get("FAILPOINTS_BIN"):
        return Path(given).resolve()
    build = ["cargo", "build", "--locked", "--package", "cindervault", "--features", "failpoints"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    # A build without the feature would take its place.
    return Path(shutil.copy(target / "debug/cindervault", lab.dir / "cindervault-failpoints"))


@pytest.fixture(scope="session")
def crew(lab: Lab, program: Path) -> Iterator[Crew]:  # noqa: F811
    import rados

    with rados.Rados(conffile=str(lab.cluster.conf), name="client.admin") as ceph:
        yield Crew(lab, program, ceph)
