"""The clients' own commands, each in a process of its own, as in somebody's shell."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any


class Said:
    """What a command says, and how it ends: it runs from the beginning on, and who asks waits for its end.

    So commands that have nothing to do with each other run side by side if they are begun before the first is asked.
    """

    def __init__(self, command: str, process: subprocess.Popen) -> None:
        self.command = command
        self.process = process

    @cached_property
    def _both(self) -> tuple[str, str]:
        return self.process.communicate()

    @property
    def out(self) -> str:
        return self._both[0]

    @property
    def err(self) -> str:
        return self._both[1]

    @property
    def code(self) -> int:
        assert self._both is not None  # the end was waited for
        return self.process.returncode

    def ok(self) -> str:
        """What it printed, once it has ended well."""
        assert self.code == 0, self
        return self.out

    def json(self) -> Any:
        return json.loads(self.ok())

    def table(self) -> list[dict[str, str]]:
        """The rows of a table for people's eyes."""
        lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in self.ok().splitlines()
                 if line.startswith("|")]
        return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]

    def failed(self, says: str) -> None:
        """It has ended with an error, and this is the last line that it said about it."""
        assert self.code != 0, self
        assert self.err.strip().splitlines()[-1:] == [says], self

    def __repr__(self) -> str:
        return f"`{self.command}` ended with {self.code}: {self.out}{self.err}"


def run(program: str, *arguments: str, more: dict[str, str] | None = None) -> Said:
    """A program of this venv. Of the caller's shell nothing says who it is: only `more` does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")} | (more or {})
    process = subprocess.Popen([Path(sys.executable).with_name(program), *arguments], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    return Said(shlex.join((program, *arguments)), process)
