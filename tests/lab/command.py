"""The clients' own commands, each in a process of its own, as in somebody's shell."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    command: str
    code: int
    out: str
    err: str

    def ok(self) -> str:
        """What it printed, once it has ended well."""
        if self.code:
            raise AssertionError(f"{self}")
        return self.out

    def json(self) -> Any:
        return json.loads(self.ok())

    def table(self) -> list[dict[str, str]]:
        """The rows of a table for people's eyes."""
        lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in self.ok().splitlines()
                 if line.startswith("|")]
        return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]

    def failed(self, says: str) -> None:
        """It has ended with an error, and says why in these words, and nothing else as its last ones."""
        assert self.code != 0, self
        assert self.err.strip().splitlines()[-1:] == [says], self

    def __str__(self) -> str:
        return f"`{self.command}` ended with {self.code}: {self.out}{self.err}"


def run(program: str, *arguments: str, more: dict[str, str] | None = None) -> Said:
    """A program of this venv. Of the caller's shell nothing says who it is: only `more` does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")} | (more or {})
    done = subprocess.run([Path(sys.executable).with_name(program), *arguments], capture_output=True, text=True,
                          env=environment, stdin=subprocess.DEVNULL)
    return Said(shlex.join((program, *arguments)), done.returncode, done.stdout, done.stderr)
