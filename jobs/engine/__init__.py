"""How any sharded job runs on Ray: plan, hand out, commit, resume, verify."""

import os

# Ray prints each lost worker on standard output; here that is expected, counted and recorded.
# It reads this once, when it is imported.
os.environ.setdefault(
    "RAY_DEDUP_LOGS_SKIP_REGEX", r"worker died or was killed|killed due to memory pressure"
)
