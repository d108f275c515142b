#!/usr/bin/env bash
# tools.sh TOOL …: Cargo's helpers that testing needs: those of PATH, or else built once into target/tools (a few minutes
# each). What is run once, for seconds, is not worth being optimised.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:$PWD/target/tools/bin

while read -r tool version how; do
  [[ " $* " == *" $tool "* ]] || continue
  command -v "$tool" >/dev/null && continue
  echo "tools: building $tool $version"
  cargo install --quiet --locked --root target/tools --version "$version" ${how:+"$how"} "$tool"
done <<'LIST'
cargo-nextest 0.9.143
cargo-deny 0.20.2 --debug
LIST
