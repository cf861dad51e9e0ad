"""Settings that are chosen but not saved: kept for the account, outside its session.

Saving logs everybody of the facility out. So a draft outlives the session of the administrator
who was not the first to save, and is found again after the next login.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, NewType
from uuid import UUID

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_staff
from zaitaku.core.ids import new_uuid
from zaitaku.facilities.model import Channel, EnvironmentSettings

DraftId = NewType("DraftId", UUID)

LIFETIME: Final = timedelta(hours=2)


@dataclass(frozen=True)
class Draft:
    """What somebody wants to save in place of the settings that they saw."""

    id: DraftId
    seen_version: int
    settings: EnvironmentSettings
    accepted: Mapping[Channel, int]
    """The version of the terms of use to which they said OK."""

    def accepting(self, channel: Channel, version: int) -> "Draft":
        """Return the draft with one more OK."""
        return replace(self, accepted={**self.accepted, channel: version})


def begin_draft(seen_version: int, settings: EnvironmentSettings) -> Draft:
    """Keep new settings under a new name.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    draft = Draft(DraftId(new_uuid()), seen_version, settings, {})
    services().ephemeral.create(_key(draft.id), _fields(draft), LIFETIME)
    return draft


def find_draft(draft_id: UUID) -> Draft | None:
    """Return the account's own draft, or ``None`` when none lives under this name.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    fields = services().ephemeral.read(_key(draft_id))
    if fields is None:
        return None
    accepted = json.loads(fields["accepted"])
    return Draft(
        id=DraftId(draft_id),
        seen_version=int(fields["seen"]),
        settings=EnvironmentSettings.from_mapping(json.loads(fields["settings"])),
        accepted={Channel(channel): version for channel, version in accepted.items()},
    )


def keep_draft(draft: Draft) -> None:
    """Write a draft that was found before.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    services().ephemeral.merge(_key(draft.id), _fields(draft), LIFETIME)


def drop_draft(draft: Draft) -> None:
    """Forget a draft.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    services().ephemeral.delete(_key(draft.id))


def _key(draft_id: UUID) -> str:
    return f"settings-draft:{current_staff().account.id}:{draft_id}"


def _fields(draft: Draft) -> dict[str, str]:
    return {
        "seen": str(draft.seen_version),
        "settings": json.dumps(draft.settings.to_mapping()),
        "accepted": json.dumps(dict(draft.accepted)),
    }
