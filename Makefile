# Everything here works on a machine that has nothing but Rust and a network: what is missing is installed.

export VENV
# rustup puts cargo into the one, tests/tools.sh its helpers into the other.
export PATH := $(PATH):$(HOME)/.cargo/bin:$(CURDIR)/target/tools/bin

VENV ?= .venv

.DEFAULT_GOAL := help
.PHONY: help deps build lab serve stop test lint bench bench-api fuzz-chains chaos kills

help: ## show this
	@echo "make …"
	@sed -n 's/^\([a-z-]*\):[^#=]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo
	@echo "Variables, as in \`make serve LAB_DIR=.lab2 API_PORT=9000\` (two labs run side by side):"
	@echo "  LAB_DIR          where a lab keeps everything            .lab"
	@echo "  AUTH             who may ask: noauth or keystone         noauth"
	@echo "  API_PORT         Cindervault                             8776, or the next free one"
	@echo "  KEYSTONE_PORT    Keystone                                5000, or the next free one"
	@echo "  PG_PORT          Postgres                                5433, or the next free one"
	@echo "  CEPH_MON_PORT_V2, CEPH_MON_PORT_V1                       3300 and 6789, or the next free ones"
	@echo "  CEPH_OSD_PORTS   a range, shared by labs                 6800-6999"
	@echo "  CEPH_OSD_GIB     size of the OSD (a sparse file)         20"
	@echo "  CEPH_OBJECTSTORE bluestore or memstore                   bluestore"
	@echo "  LAB_SEED         repeats the writes of a walk"
	@echo "  VENV             the OpenStack clients                   .venv"
	@echo "  KEYSTONE_VENV    Keystone, for AUTH=keystone             .venv-keystone"
	@echo "  SCHEMATHESIS     whether \`make deps\` installs Schemathesis   no"
	@echo "  SCHEMATHESIS_VENV                                        .venv-schemathesis"
	@echo "  SCHEMATHESIS_EXAMPLES, SCHEMATHESIS_SEED                 for tests/schemathesis: requests an operation, and which"
	@echo "  TEMPEST          whether \`make deps\` installs tempest       no"
	@echo "  TEMPEST_VENV     tempest                                 .venv-tempest"
	@echo "  CHAIN_HISTORIES, CHAIN_STEPS, CHAIN_SEED                 for fuzz-chains"
	@echo "  FAILPOINTS_ONLY  part of the fail points that \`make test\` tries, as in Full/point: quicker"
	@echo "  MINUTES, SEED, PEOPLE                                    for chaos: how long, which, how many projects"

deps: ## install what this machine lacks: Ceph, librbd, Postgres, the OpenStack clients, Keystone if asked for
	@tests/lab/deps.sh

build: deps ## the service, optimised
	cargo build --release --locked --package cindervault

lab: build ## start a lab, walk through all it does, stop it (with a real Keystone: AUTH=keystone)
	@tests/lab/lab.py walk

serve: build ## start a lab and leave it running in the background
	@tests/lab/lab.py serve

stop: ## end every process of the lab, by pid
	@tests/lab/lab.py stop

test: ## everything that CI runs
	@tests/run.sh

lint: deps ## formatting, clippy, documentation, licences
	@tests/lint.sh

bench: export LAB_DIR ?= .lab-bench
bench: export CEPH_OSD_GIB ?= 40
bench: build ## Cindervault against rbd export-diff | rbd import-diff
	@tests/lab/lab.py run --service -- tests/bench/bench.py

bench-api: export LAB_DIR ?= .lab-bench-api
bench-api: build ## requests with a thousand backups in the catalogue, and with a million
	@tests/lab/lab.py run -- tests/bench/bench_api.py

fuzz-chains: export LAB_DIR ?= .lab-fuzz
fuzz-chains: export CHAIN_HISTORIES ?= 200
fuzz-chains: export CHAIN_STEPS ?= 20
fuzz-chains: deps ## many random histories of backup chains against a real Ceph
	@tests/tools.sh cargo-nextest
	@tests/lab/lab.py run -- cargo nextest run --release --locked --package cindervault-chain --no-capture \
		-E 'test(random_histories_)'

kills: export LAB_DIR ?= .lab-chaos
kills: export CEPH_OSD_GIB ?= 40
kills: build ## workers killed at random moments of full backups, increments, restores and deletes (KILLS=200)
	@PG_FSYNC=on PYTHONPATH=tests tests/lab/lab.py run -- /usr/bin/python3 -m chaos.kills

chaos: export LAB_DIR ?= .lab-chaos
chaos: export CEPH_OSD_GIB ?= 40
chaos: build ## people at work while workers, APIs, Postgres and the OSD are killed, stopped and cut off
	@PG_FSYNC=on PYTHONPATH=tests tests/lab/lab.py run -- /usr/bin/python3 -m chaos
