#!/usr/bin/env bash
# Everything that CI runs, in order; goes on after a failure, except where nothing could follow from it.
# Starts what it needs in LAB_DIR (default .lab-test) and ends it again.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export LAB_DIR=${LAB_DIR:-.lab-test}
export FAILPOINTS_BIN=${CARGO_TARGET_DIR:-target}/cindervault-failpoints # for tests/failpoints
export PATH=$PATH:$PWD/target/tools/bin
export CARGO_INCREMENTAL=0 # everything is built once
. tests/stage.sh

finish() {
  if [ "${#failed[@]}" -eq 0 ]; then
    printf '\ntest: everything passed (%d s)\n' "$SECONDS"
    exit 0
  fi
  printf '\ntest: FAILED after %d s:\n' "$SECONDS"
  printf '  %s\n' "${failed[@]}"
  exit 1
}

with_fail_points() {
  cargo build --locked --package cindervault --features failpoints &&
    cp "${CARGO_TARGET_DIR:-target}/debug/cindervault" "$FAILPOINTS_BIN"
}

trap 'exit 130' INT TERM
stage "dependencies" env AUTH=keystone SCHEMATHESIS=yes TEMPEST=yes tests/lab/deps.sh || finish
stage "tools" tests/tools.sh cargo-nextest || finish
# before the tests of the crates, whose program would be overwritten by it
stage "build with fail points" with_fail_points || finish
stage "build of the tests" cargo nextest run --workspace --locked --no-run || finish
stage "tests in the documentation" cargo test --workspace --locked --doc
stage "release build" cargo build --release --locked --package cindervault || finish
# Most of what follows waits most of the time, for leases to run out: two run at once, each with a Ceph and a Postgres of its
# own, those first that take longest, and with what is left of the processors the code is looked at. What has a pytest.ini is
# a suite of its own, and starts its own services.
first=(failpoints crates takeover conformance keystone faults clients)
suites=("${first[@]}")
for suite in outside walk walk-with-keystone tests/*/pytest.ini; do
  suite=${suite%/pytest.ini} suite=${suite#tests/}
  [[ " ${first[*]} " == *" $suite "* ]] || suites+=("$suite")
done
mkdir -p "$LAB_DIR"
results=$(mktemp)
nice -n 19 ionice -c 3 tests/suite.sh lint "$results" &
printf '%s\n' "${suites[@]}" | xargs -P 2 -I SUITE tests/suite.sh SUITE "$results"
wait
for suite in lint "${suites[@]}"; do
  grep -qx "$suite" "$results" || failed+=("$suite")
done
rm -f "$results"
finish
