"""Use cases on named posters; each change is one transaction with its entry in the audit trail."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import Conflict, InvalidField, NotFound
from zaitaku.core.ids import FacilityId, UrlVersionId
from zaitaku.facilities.channels import SHORT_CHANNEL_NAMES
from zaitaku.facilities.model import Channel
from zaitaku.reception.errors import UrlChanged
from zaitaku.reception.model import UrlVersion
from zaitaku.reception.posters.model import (
    MOST_POSTERS,
    Poster,
    PosterFields,
    PosterNumber,
    Print,
    Shelf,
    TooManyPosters,
    check_fields,
)
from zaitaku.reception.posters.store import PosterStore
from zaitaku.reception.store import ReceptionStore

_SHELF_ACTS: Final = {Shelf.ARCHIVE: Act.ARCHIVE_POSTER, Shelf.RESTORE: Act.RESTORE_POSTER}


class MistakenFields(InvalidField):
    """What was typed about a poster breaks rules; ``mistakes`` has all of them by field."""

    def __init__(self, mistakes: Mapping[str, InvalidField]) -> None:
        first = next(iter(mistakes.values()))
        super().__init__(first.field, first.rule)
        self.mistakes = mistakes


@dataclass(frozen=True)
class TakenFile:
    """A file of one version that somebody takes to be printed or published."""

    version: UrlVersion
    number: PosterNumber
    kind: str


class PosterService:
    """Named posters of all facilities."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def all(self, facility_id: FacilityId, channel: Channel) -> tuple[Poster, ...]:
        """Return every poster of a channel, archived ones too, in the order of their numbers."""
        with self._database.reading() as connection:
            return PosterStore(connection, facility_id).all(channel)

    def find(self, facility_id: FacilityId, channel: Channel, number: PosterNumber) -> Poster:
        """Return one poster.

        Raises:
            NotFound: the facility's channel has none of this number.
        """
        return _of_number(self.all(facility_id, channel), number)

    def add(
        self, facility_id: FacilityId, channel: Channel, *, name: str, note: str, actor: str
    ) -> Poster:
        """Make a poster under the next number.

        Raises:
            MistakenFields: see ``check_fields``; rule ``taken`` when another in use has the name.
            NotFound: no URL was issued to such a facility.
            TooManyPosters: the channel has 200 of them.
        """
        with self._database.transaction() as connection:
            kept = _locked(connection, facility_id, channel)
            fields = _checked(name, note, kept)
            if len(kept) >= MOST_POSTERS:
                raise TooManyPosters
            new = Poster(
                channel=channel,
                number=PosterNumber(len(kept) + 1),
                name=fields.name,
                note=fields.note,
                created_at=self._clock.now(),
                archived_at=None,
                revision=1,
            )
            PosterStore(connection, facility_id).insert(new)
            self._record(connection, facility_id, Act.ADD_POSTER, new, actor)
            return new

    def change(
        self,
        facility_id: FacilityId,
        channel: Channel,
        number: PosterNumber,
        *,
        seen: int,
        name: str,
        note: str,
        actor: str,
    ) -> Poster:
        """Give a poster another name and note; its mark and its counts stay.

        Raises:
            Conflict: ``seen`` is not its revision any more; nothing was changed.
            MistakenFields, NotFound: as for ``add``.
        """
        with self._database.transaction() as connection:
            kept = _locked(connection, facility_id, channel)
            present = _of_number(kept, number)
            fields = _checked(name, note, [each for each in kept if each.number != number])
            _check_seen(present, seen)
            changed = replace(
                present, name=fields.name, note=fields.note, revision=present.revision + 1
            )
            PosterStore(connection, facility_id).replace(changed)
            self._record(connection, facility_id, Act.CHANGE_POSTER, changed, actor)
            return changed

    def shelve(
        self,
        shelf: Shelf,
        facility_id: FacilityId,
        channel: Channel,
        number: PosterNumber,
        *,
        actor: str,
    ) -> Poster:
        """Take a poster out of use, or back; once it stands so, nothing more happens.

        Raises:
            MistakenFields: rule ``taken``: another poster in use has the name by now.
            NotFound: the facility's channel has none of this number.
        """
        with self._database.transaction() as connection:
            kept = _locked(connection, facility_id, channel)
            present = _of_number(kept, number)
            if present.is_archived is (shelf is Shelf.ARCHIVE):
                return present
            _check_free(present.name, [each for each in kept if each.number != number])
            moment = self._clock.now() if shelf is Shelf.ARCHIVE else None
            changed = replace(present, archived_at=moment, revision=present.revision + 1)
            PosterStore(connection, facility_id).replace(changed)
            self._record(connection, facility_id, _SHELF_ACTS[shelf], changed, actor)
            return changed

    def note_print(self, facility_id: FacilityId, taken: TakenFile, *, actor: str) -> None:
        """Record that a file was taken, so that a later rotation can say what hangs somewhere.

        Raises:
            UrlChanged: the file's version is no longer current; nothing was recorded.
        """
        with self._database.transaction() as connection:
            self.note_prints(connection, facility_id, [taken], actor=actor)

    def note_prints(
        self,
        connection: Connection,
        facility_id: FacilityId,
        taken: Iterable[TakenFile],
        *,
        actor: str,
    ) -> None:
        """Record, in the caller's transaction, that all of these files were taken.

        Raises:
            UrlChanged: one's version is no longer current.
        """
        every = list(taken)
        _hold_current(connection, facility_id, {each.version.id: each.version for each in every})
        store = PosterStore(connection, facility_id)
        for each in every:
            store.append_print(
                each.version.id, each.number, each.kind, at=self._clock.now(), actor=actor
            )

    def prints(self, facility_id: FacilityId, version_id: UrlVersionId) -> tuple[Print, ...]:
        """Return what was taken of a version, and when last."""
        with self._database.reading() as connection:
            return PosterStore(connection, facility_id).prints(version_id)

    def _record(
        self, connection: Connection, facility_id: FacilityId, act: Act, of: Poster, actor: str
    ) -> None:
        append(
            connection,
            facility_id,
            act,
            actor=actor,
            at=self._clock.now(),
            subject=f"{SHORT_CHANNEL_NAMES[of.channel]} {of.number}番",
            detail={"名前": of.name},
        )


def _hold_current(
    connection: Connection, facility_id: FacilityId, versions: Mapping[UrlVersionId, UrlVersion]
) -> None:
    urls = ReceptionStore(connection, facility_id)
    for version in sorted(versions.values(), key=lambda version: version.channel):
        urls.lock(version.channel)
        if urls.current_id(version.channel) != version.id:
            raise UrlChanged(f"version {version.number} of {version.channel}")


def _locked(
    connection: Connection, facility_id: FacilityId, channel: Channel
) -> tuple[Poster, ...]:
    urls = ReceptionStore(connection, facility_id)
    urls.lock(channel)
    if urls.current_id(channel) is None:
        raise NotFound("reception URL")
    return PosterStore(connection, facility_id).all(channel)


def _of_number(kept: tuple[Poster, ...], number: PosterNumber) -> Poster:
    found = next((each for each in kept if each.number == number), None)
    if found is None:
        raise NotFound("poster")
    return found


def _check_seen(present: Poster, seen: int) -> None:
    if present.revision != seen:
        raise Conflict(f"revision {present.revision} stands")


def _checked(name: str, note: str, others: tuple[Poster, ...] | list[Poster]) -> PosterFields:
    fields, mistakes = check_fields(name, note)
    if mistakes:
        raise MistakenFields(mistakes)
    _check_free(fields.name, others)
    return fields


def _check_free(name: str, others: tuple[Poster, ...] | list[Poster]) -> None:
    if any(each.name == name and not each.is_archived for each in others):
        raise MistakenFields({"name": InvalidField("name", "taken")})
