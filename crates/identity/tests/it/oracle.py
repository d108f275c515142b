"""Decisions of Python's oslo.policy, for the test of the same name.

A line of JSON has `rules` (name: expression), the names of those that are `asked`, and `callers` with their
`creds` and the `target`. A line answers: for each caller, the decisions in the order of the names.
"""

import json
import logging
import sys

from oslo_config import cfg
from oslo_policy import policy

logging.disable()  # it tells of every rule that is none
conf = cfg.ConfigOpts()
conf([])
for line in sys.stdin:
    asked = json.loads(line)
    enforcer = policy.Enforcer(conf, use_conf=False)
    enforcer.set_rules(policy.Rules.load(json.dumps(asked["rules"]), "default"), overwrite=True, use_conf=False)
    decisions = [[bool(enforcer.enforce(name, caller["target"], dict(caller["creds"]))) for name in asked["asked"]]
                 for caller in asked["callers"]]
    print(json.dumps(decisions), flush=True)
