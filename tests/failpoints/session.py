"""One `psql` that stays: starting it takes longer than what it is asked."""

from __future__ import annotations

import subprocess

END = "---- the end of an answer ----"


class Session:
    def __init__(self, url: str) -> None:
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", url], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def ask(self, statement: str) -> str:
        """What it prints for one statement."""
        self.psql.stdin.write(f"{statement}\n;\n\\echo {END}\n")
        self.psql.stdin.flush()
        lines: list[str] = []
        while (line := self.psql.stdout.readline()) != f"{END}\n":
            lines.append(line)
            assert line, f"{statement}\n{''.join(lines)}"  # it has ended, and said why
        return "".join(lines).strip()

    def close(self) -> None:
        self.psql.communicate()
