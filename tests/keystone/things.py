"""What a project has, one of each kind, as rows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from conformance.people import People


@dataclass
class Things:
    volume: str
    snapshot: str
    backup: str
    message: str

    @classmethod
    def of(cls, people: People) -> Things:
        rows = people.rows
        volume = rows.volume(name="theirs")
        backup = rows.backup(volume, name="theirs")
        message = rows.insert("messages", project_id=people.project, resource_type="VOLUME_BACKUP", resource_uuid=backup,
                              action_id="013", detail_id="020")
        return cls(volume, rows.snapshot(volume, name="theirs"), backup, message)

    @classmethod
    def nowhere(cls) -> Things:
        """Ids that nothing has."""
        return cls(*(str(uuid.uuid4()) for _ in range(4)))
