#!/usr/bin/env bash
# suite.sh SUITE RESULTS: one suite, with a lab of its own beside LAB_DIR if it needs one. What it says is told in one
# piece at its end; its name is added to the file RESULTS when it passed, and its lab is removed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
suite=$1 results=$2 began=$SECONDS
export LAB_DIR=$LAB_DIR-$suite
said=$(mktemp)
pytest=${VENV:-.venv}/bin/pytest
# A Postgres that is stopped for a while must not find its port taken by the other suite's.
PG_PORT=${PG_PORT:-$((15000 + $(printf %s "$suite" | cksum | cut -d' ' -f1) % 1000))}
export PG_PORT

# The tests' databases live for seconds: nothing is gained by forcing them to the disk.
in_lab() { PG_FSYNC=off tests/lab/lab.py run "$@"; }

run() {
  case $suite in
    lint) tests/lint.sh ;;
    crates) in_lab -- cargo nextest run --workspace --locked --no-fail-fast ;;
    # They compare all snapshots before and after, and a volume's are thinned out some time after a backup.
    outside) CINDERVAULT__WORKER__SOURCE_SNAPSHOTS=all in_lab --service -- "$pytest" -q tests/test_*.py ;;
    walk) tests/lab/lab.py walk ;;
    walk-with-keystone) AUTH=keystone tests/lab/lab.py walk ;;
    *) in_lab -- "$pytest" -q "tests/$suite" ;;
  esac
}

run >"$said" 2>&1
code=$?
(
  flock 9
  printf '\n==== %s\n' "$suite"
  cat "$said"
  if [ "$code" -eq 0 ]; then
    printf '==== %s: passed (%d s)\n' "$suite" $((SECONDS - began))
    echo "$suite" >>"$results"
    rm -rf "$LAB_DIR"
  else
    printf '==== %s: FAILED (%d s)\n' "$suite" $((SECONDS - began))
  fi
) 9>>"$results"
rm -f "$said"
exit 0
