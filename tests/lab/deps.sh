#!/usr/bin/env bash
# Install what building and testing need and this machine lacks. Asks for nothing; takes a moment when all is there.
#
#   VENV            where the OpenStack clients and pytest go (default .venv)
#   AUTH=keystone   a Keystone of one's own as well, which goes to KEYSTONE_VENV (default .venv-keystone)
#   SCHEMATHESIS=yes  Schemathesis as well, which goes to SCHEMATHESIS_VENV (default .venv-schemathesis)
#   TEMPEST=yes     OpenStack's test suite as well, which goes to TEMPEST_VENV (default .venv-tempest)
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=${VENV:-.venv}

packages=(
  ceph-mon ceph-osd ceph-common         # the private cluster, and the rbd and ceph commands
  librbd-dev librados-dev gcc libc6-dev pkg-config
  python3 python3-venv python3-rbd python3-rados
  postgresql
  curl ca-certificates
  wrk                                   # make bench-api
)

# shellcheck disable=SC2016  # ${...} is dpkg-query's own language
installed=$(dpkg-query --show --showformat '${Package} ${db:Status-Abbrev}\n' "${packages[@]}" 2>/dev/null |
  awk '$2 == "ii" { print $1 }' || true)
missing=()
for package in "${packages[@]}"; do
  grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done

if [ "${#missing[@]}" -gt 0 ]; then
  echo "deps: installing ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    echo "deps: there is no apt-get here. Install what gives these Debian packages' contents: ${missing[*]}" >&2
    exit 1
  fi
  root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "deps: run as root, or install sudo, or install yourself: ${missing[*]}" >&2; exit 1; }
    root=(sudo)
  fi
  apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 -o Acquire::Retries=3)
  "${apt[@]}" update
  "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"
fi

# ---- Rust
needed=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml | head -n 1)
if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
  echo "deps: cargo and rustc ${needed:+$needed or newer }are needed and not in PATH: install them from https://rustup.rs" >&2
  exit 1
fi
have=$(rustc --version | awk '{ print $2 }')
if [ -n "$needed" ] && [ "$(printf '%s\n' "$needed" "${have%%-*}" | sort -V | head -n 1)" != "$needed" ]; then
  echo "deps: rustc $have is too old, $needed or newer is needed: rustup update stable" >&2
  exit 1
fi

# ---- Python: the OpenStack clients as a user installs them, and pytest
python_home() {
  local venv=$1 requirements=$2 what=$3 stamp
  stamp=$venv/installed-$(sha256sum "$requirements" | cut -c 1-16)
  [ ! -e "$stamp" ] || return 0
  echo "deps: making $venv with $what"
  rm -rf "$venv"
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
  touch "$stamp"
}
python_home "$venv" tests/requirements.txt "the OpenStack clients"
if [ "${AUTH:-noauth}" = keystone ]; then
  python_home "${KEYSTONE_VENV:-.venv-keystone}" tests/lab/keystone-requirements.txt "Keystone"
fi
if [ "${SCHEMATHESIS:-no}" = yes ]; then
  python_home "${SCHEMATHESIS_VENV:-.venv-schemathesis}" tests/schemathesis/requirements.txt "Schemathesis"
fi
if [ "${TEMPEST:-no}" = yes ]; then
  python_home "${TEMPEST_VENV:-.venv-tempest}" tests/tempest/requirements.txt "tempest"
fi
