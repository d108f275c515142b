#!/usr/bin/env bash
# Everything that CI runs, in order; goes on after a failure, except where nothing could follow from it.
# Starts what it needs in LAB_DIR (default .lab-test) and ends it again.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export LAB_DIR=${LAB_DIR:-.lab-test}
venv=${VENV:-.venv}
export PATH=$PATH:$PWD/target/tools/bin
# The tests' databases live for seconds: nothing is gained by forcing them to the disk.
in_lab() { PG_FSYNC=off tests/lab/lab.py run "$@"; }

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

rust_tests() {
  cargo nextest run --workspace --locked --no-run && in_lab -- cargo nextest run --workspace --locked
}

# The database of vulnerabilities is on GitHub, which not every machine reaches: then nothing is known, and that is said.
advisories() {
  if ! timeout 60 git ls-remote --quiet https://github.com/rustsec/advisory-db HEAD >/dev/null 2>&1; then
    echo "NOT CHECKED: https://github.com/rustsec/advisory-db can not be reached from here"
    return 0
  fi
  cargo deny --locked check advisories
}

trap 'exit 130' INT TERM
stage "dependencies" env AUTH=keystone SCHEMATHESIS=yes TEMPEST=yes tests/lab/deps.sh || finish
stage "tools" tests/tools.sh || finish
stage "formatting" cargo fmt --all -- --check
stage "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
stage "licences and sources" cargo deny --locked check bans licenses sources
stage "known vulnerabilities" advisories
stage "documentation" env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
stage "tests of the crates" rust_tests
stage "tests in the documentation" cargo test --workspace --locked --doc
stage "release build" cargo build --release --locked --package cindervault || finish
# They compare all snapshots before and after, and a volume's are thinned out some time after a backup.
stage "tests from outside" env CINDERVAULT__WORKER__SOURCE_SNAPSHOTS=all PG_FSYNC=off \
  tests/lab/lab.py run --service -- "$venv/bin/pytest" -q tests/test_*.py
# What has a pytest.ini is a suite of its own, and starts its own services. Most of them wait most of the time, for leases
# to run out: two run at once, each with a Ceph and a Postgres of its own, those first that take longest.
first=(failpoints conformance takeover keystone faults)
suites=("${first[@]}")
for suite in tests/*/pytest.ini; do
  suite=$(basename "$(dirname "$suite")")
  [[ " ${first[*]} " == *" $suite "* ]] || suites+=("$suite")
done
mkdir -p "$LAB_DIR"
results=$(mktemp)
printf '%s\n' "${suites[@]}" | xargs -P 2 -I SUITE tests/suite.sh SUITE "$results"
for suite in "${suites[@]}"; do
  grep -qx "$suite" "$results" || failed+=("tests/$suite")
done
rm -f "$results"
stage "the walk" tests/lab/lab.py walk
stage "the walk, with Keystone" env AUTH=keystone tests/lab/lab.py walk
finish
