"""The conformance suite: one test a case of the contract, over plain HTTP, on a real Postgres and a real Ceph."""
