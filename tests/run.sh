#!/usr/bin/env bash
# Everything that CI runs, in order; goes on after a failure, except where nothing could follow from it.
# Starts what it needs in LAB_DIR (default .lab-test) and ends it again.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export LAB_DIR=${LAB_DIR:-.lab-test}
export FAILPOINTS_BIN=${CARGO_TARGET_DIR:-target}/cindervault-failpoints # for tests/failpoints
export PATH=$PATH:$PWD/target/tools/bin
failed=()
stage() {
  local name=$1 began=$SECONDS
  shift
  printf '\n==== %s\n' "$name"
  if "$@"; then
    printf '==== %s: passed (%d s)\n' "$name" $((SECONDS - began))
  else
    printf '==== %s: FAILED (%d s)\n' "$name" $((SECONDS - began))
    failed+=("$name")
    return 1
  fi
}

finish() {
  if [ "${#failed[@]}" -eq 0 ]; then
    printf '\ntest: everything passed (%d s)\n' "$SECONDS"
    exit 0
  fi
  printf '\ntest: FAILED after %d s:\n' "$SECONDS"
  printf '  %s\n' "${failed[@]}"
  exit 1
}

# The database of vulnerabilities is on GitHub, which not every machine reaches: then nothing is known, and that is said.
advisories() {
  if ! timeout 60 git ls-remote --quiet https://github.com/rustsec/advisory-db HEAD >/dev/null 2>&1; then
    echo "NOT CHECKED: https://github.com/rustsec/advisory-db can not be reached from here"
    return 0
  fi
  cargo deny --locked check advisories
}

with_fail_points() {
  cargo build --locked --package cindervault --features failpoints &&
    cp "${CARGO_TARGET_DIR:-target}/debug/cindervault" "$FAILPOINTS_BIN"
}

trap 'exit 130' INT TERM
stage "dependencies" env AUTH=keystone SCHEMATHESIS=yes TEMPEST=yes tests/lab/deps.sh || finish
stage "tools" tests/tools.sh || finish
stage "formatting" cargo fmt --all -- --check
stage "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
stage "licences and sources" cargo deny --locked check bans licenses sources
stage "known vulnerabilities" advisories
stage "documentation" env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
stage "tests in the documentation" cargo test --workspace --locked --doc
# before the tests of the crates, whose program would be overwritten by it
stage "build with fail points" with_fail_points || finish
stage "build of the crates' tests" cargo nextest run --workspace --locked --no-run
stage "release build" cargo build --release --locked --package cindervault || finish
# Most of what follows waits most of the time, for leases to run out: two run at once, each with a Ceph and a Postgres of its
# own, those first that take longest. What has a pytest.ini is a suite of its own, and starts its own services.
first=(failpoints crates takeover conformance keystone faults clients)
suites=("${first[@]}")
for suite in outside walk walk-with-keystone tests/*/pytest.ini; do
  suite=${suite%/pytest.ini} suite=${suite#tests/}
  [[ " ${first[*]} " == *" $suite "* ]] || suites+=("$suite")
done
mkdir -p "$LAB_DIR"
results=$(mktemp)
printf '%s\n' "${suites[@]}" | xargs -P 2 -I SUITE tests/suite.sh SUITE "$results"
for suite in "${suites[@]}"; do
  grep -qx "$suite" "$results" || failed+=("$suite")
done
rm -f "$results"
finish
