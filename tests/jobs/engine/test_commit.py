from __future__ import annotations

import json
from pathlib import Path

from jobs.engine.commit import forget_failure, quarantined, read_failures, write_failure
from jobs.engine.shards import ShardFailure
from jobs.engine.storage import Storage
from tests.jobs.engine.outputs import finished_output


def test_record_holds_what_readers_rely_on(tmp_path: Path) -> None:
    output = finished_output(tmp_path, members=3)
    record = json.loads((output / "_job/commits/000-000000.json").read_text())
    part = record["parts"]["files"]
    assert record["rows"] == {"files": 3, "lines": 3}
    assert record["statuses"] == {"ok": 3}
    assert record["attempts"] == 1
    assert part["bytes"] == (output / part["path"]).stat().st_size
    assert len(part["sha256"]) == 64


def test_failures_are_read_back_until_forgotten(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    failure = ShardFailure("000-000003", "why", 4, 7, "ä.jpg", "Traceback ...")
    write_failure(storage, failure)
    assert list(read_failures(storage, quarantined(storage))) == [failure]
    forget_failure(storage, "000-000003")
    assert quarantined(storage) == set()
