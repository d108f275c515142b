"""Reads a subunit stream and writes what became of each test, as JSON. Run by tempest's own Python."""

import json
import sys

import testtools
from subunit import ByteStreamToStreamResult


def reason(test: dict) -> str:
    """Why it was skipped, or how it failed."""
    return "\n".join(detail.as_text().strip() for name, detail in sorted(test["details"].items())
                     if name.startswith(("reason", "traceback")))


def main() -> None:
    found: list[dict] = []

    def note(test: dict) -> None:
        # a stream also tells which tests there are, before any of them has run
        if test["status"] != "exists":
            found.append({"id": test["id"], "status": test["status"], "reason": reason(test)})

    result = testtools.StreamToDict(note)
    result.startTestRun()
    ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout").run(result)
    result.stopTestRun()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
