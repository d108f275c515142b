#!/usr/bin/env bash
# What can be told of the code without running it; goes on after a failure. In a target directory of its own, so that
# the tests of the crates, which Cargo would keep waiting for the directory's lock, can run beside it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/lint
export PATH=$PATH:$PWD/target/tools/bin
. tests/stage.sh

# The database of vulnerabilities is on GitHub, which not every machine reaches: then nothing is known, and that is said.
advisories() {
  if ! timeout 60 git ls-remote --quiet https://github.com/rustsec/advisory-db HEAD >/dev/null 2>&1; then
    echo "NOT CHECKED: https://github.com/rustsec/advisory-db can not be reached from here"
    return 0
  fi
  cargo deny --locked check advisories
}

stage "formatting" cargo fmt --all -- --check
stage "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
stage "documentation" env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
stage "cargo-deny" tests/tools.sh cargo-deny
stage "licences and sources" cargo deny --locked check bans licenses sources
stage "known vulnerabilities" advisories
[ "${#failed[@]}" -eq 0 ] && exit
printf '\nlint: FAILED:\n'
printf '  %s\n' "${failed[@]}"
exit 1
