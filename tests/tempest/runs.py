"""Running a list of tempest's tests, and what came of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LISTS = Path(__file__).parent / "lists"
# A test that takes longer than this many seconds has failed.
TEST_TIMEOUT = 180


def venv() -> Path:
    path = ROOT / (os.environ.get("TEMPEST_VENV") or ".venv-tempest")
    assert (path / "bin/stestr").exists(), f"there is no tempest in {path}: run `make deps TEMPEST=yes`"
    return path


def listed(name: str) -> list[str]:
    """The lines of a list, without comments."""
    lines = (line.strip() for line in (LISTS / f"{name}.txt").read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@dataclass
class Outcome:
    """What came of one list."""

    name: str
    seconds: float = 0.0
    passed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def summary(self) -> list[str]:
        said = [f"{self.name}: {len(self.passed)} passed, {len(self.skipped)} skipped, {len(self.failed)} failed "
                f"({self.seconds:.0f} s)"]
        return said + [f"  {count} skipped: {reason}" for reason, count in sorted(Counter(self.skipped.values()).items())]


class Tempest:
    """Tempest's tests in one directory, with one configuration."""

    def __init__(self, directory: Path, conf: Path | None = None) -> None:
        self.dir = directory
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        packages = next((venv() / "lib").glob("python3*/site-packages"))
        (directory / ".stestr.conf").write_text(
            f"[DEFAULT]\ntest_path={packages}/tempest/test_discover\ntop_dir={packages}\n"
            "group_regex=([^\\.]*\\.)*\n")  # a class stays with one worker
        self.environment = os.environ | {"OS_TEST_TIMEOUT": str(TEST_TIMEOUT)}
        if conf:
            self.environment |= {"TEMPEST_CONFIG_DIR": str(conf.parent), "TEMPEST_CONFIG": conf.name}

    def known(self) -> list[str]:
        """The ids of all tests that there are."""
        self._stestr("init")
        found = self._stestr("list").decode().splitlines()
        return [line for line in found if re.fullmatch(r"[\w.]+\[[^]]+\]", line)]

    def run(self, name: str, workers: int) -> Outcome:
        """Run the list of this name."""
        began = time.monotonic()
        tests = self.dir / "tests.txt"
        tests.write_text("\n".join(listed(name)) + "\n")
        self._stestr("run", "--load-list", str(tests), "--concurrency", str(workers), fails=True)
        stream = self._stestr("last", "--subunit", fails=True)
        reader = [str(venv() / "bin/python"), str(Path(__file__).with_name("outcomes.py"))]
        read = subprocess.run(reader, input=stream, stdout=subprocess.PIPE, check=True)
        outcome = Outcome(name, time.monotonic() - began)
        for test in json.loads(read.stdout):
            if test["status"] == "success":
                outcome.passed.append(test["id"])
            elif test["status"] == "skip":
                outcome.skipped[test["id"]] = test["reason"]
            else:
                outcome.failed[test["id"]] = test["reason"] or test["status"]
        return outcome

    def _stestr(self, *arguments: str, fails: bool = False) -> bytes:
        """What it writes. Whoever interrupts this ends its workers, too."""
        with open(self.dir / "stestr.log", "ab") as log:
            process = subprocess.Popen([str(venv() / "bin/stestr"), *arguments], cwd=self.dir, env=self.environment,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
            try:
                said, _ = process.communicate()
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        assert fails or process.returncode == 0, f"stestr {arguments[0]} ended with {process.returncode}: {log.name}"
        return said
