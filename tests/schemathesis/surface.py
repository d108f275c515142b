"""Thousands of requests made up from the served description: all are answered, and as the description says."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from conformance.wire import MAX_VERSION, Client
from stock import Stock

HERE = Path(__file__).parent
SCHEMATHESIS = Path(os.environ.get("SCHEMATHESIS_VENV", ".venv-schemathesis")).absolute() / "bin" / "st"
# So many requests are made up for each operation, besides those at the borders of what its schema says.
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "8"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))
# A run that is asked for more is given the time for it.
PATIENCE = 600 + 60 * EXAMPLES


def explore(stock: Stock, client: Client, directory: Path, *options: str) -> int:
    """Runs Schemathesis and returns how many requests it made, once it has found nothing."""
    report = directory / "report.json"
    command = [str(SCHEMATHESIS), "--config-file", str(HERE / "schemathesis.toml"),
               "run", f"{client.base}/openapi.json",
               "--seed", str(SEED), "--max-examples", str(EXAMPLES), "--max-response-time", "10",
               "--continue-on-failure", "--report", "json", "--report-json-path", str(report), *options]
    if client.version is not None:
        command += ["--header", f"OpenStack-API-Version: volume {client.version}"]
    if client.token is not None:
        command += ["--header", f"X-Auth-Token: {client.token}"]
    # who is nobody changes nothing that would have to be mended
    told = stock.environment(remade=client.token is not None)
    variables = os.environ | told | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
    done = subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=PATIENCE, cwd=directory)
    (directory / "output").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, f"seed {SEED}\n{done.stdout[-20000:]}\n{done.stderr[-4000:]}"
    made = json.loads(report.read_text())
    assert made["operations"]["tested"] == made["operations"]["total"] > 80, made["operations"]
    print(f"{made['test_cases']['generated']} requests in {made['running_time']:.0f} s, seed {SEED}")
    return made["test_cases"]["generated"]


def test_an_administrator_at_the_newest_version(stock: Stock, tmp_path: Path) -> None:
    """Every key of every version is known: what the schemas refuse is refused, and nothing else."""
    assert explore(stock, stock.people.admin.at(MAX_VERSION), tmp_path) > 3000


def test_a_member_at_any_version(stock: Stock, tmp_path: Path) -> None:
    """Keys that are not there yet may be refused or ignored; every answer is still a described one."""
    options = ("--phases", "fuzzing", "--exclude-checks", "negative_data_rejection")
    assert explore(stock, stock.people.member, tmp_path, *options) > 400


def test_nobody(stock: Stock, tmp_path: Path) -> None:
    """Without a token nothing is done and nothing told, whatever is sent."""
    options = ("--phases", "fuzzing", "--exclude-checks", "negative_data_rejection,positive_data_acceptance")
    before = stock.state()
    assert explore(stock, stock.people.nobody, tmp_path, *options) > 400
    assert stock.state() == before
