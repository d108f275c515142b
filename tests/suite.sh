#!/usr/bin/env bash
# suite.sh SUITE RESULTS: one suite with a lab of its own beside LAB_DIR. What it says is told in one piece at its end;
# its name is added to the file RESULTS when it passed, and its lab is removed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
suite=$1 results=$2 began=$SECONDS
export LAB_DIR=$LAB_DIR-$suite
said=$(mktemp)
PG_FSYNC=off tests/lab/lab.py run -- "${VENV:-.venv}/bin/pytest" -q "tests/$suite" >"$said" 2>&1
code=$?
(
  flock 9
  printf '\n==== tests/%s\n' "$suite"
  cat "$said"
  if [ "$code" -eq 0 ]; then
    printf '==== tests/%s: passed (%d s)\n' "$suite" $((SECONDS - began))
    echo "$suite" >>"$results"
    rm -rf "$LAB_DIR"
  else
    printf '==== tests/%s: FAILED (%d s)\n' "$suite" $((SECONDS - began))
  fi
) 9>>"$results"
rm -f "$said"
exit 0
