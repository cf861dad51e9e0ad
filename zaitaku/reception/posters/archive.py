"""Every poster of a facility in one ZIP file, made by a worker (ux.md "Poster and hand-out")."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from zaitaku.core.archives import ARCHIVE_TYPE, zipped
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.errors import InvalidField
from zaitaku.facilities.channels import SHORT_CHANNEL_NAMES
from zaitaku.facilities.model import Channel, Facility
from zaitaku.facilities.service import FacilityService
from zaitaku.jobs.context import JobContext
from zaitaku.jobs.model import Job
from zaitaku.reception.model import UrlVersion
from zaitaku.reception.posters.model import NO_POSTER, Poster
from zaitaku.reception.posters.service import PosterService, TakenFile
from zaitaku.reception.printing import PrintKind, PrintService, file_name
from zaitaku.reception.service import ReceptionService

MADE: Final = "made"
_KINDS: Final = "kinds"
_SEPARATOR: Final = " "
_PRACTICE: Final = "practice"


def parameters_of(kinds: Sequence[str]) -> dict[str, str]:
    """Return the job's parameters for the chosen kinds of file.

    Raises:
        InvalidField: rule ``required`` (none is chosen) or ``unknown``.
    """
    if not kinds:
        raise InvalidField(_KINDS, "required")
    if not set(kinds) <= set(PrintKind):
        raise InvalidField(_KINDS, "unknown")
    return {_KINDS: _SEPARATOR.join(sorted(set(kinds)))}


def kinds_of(parameters: Mapping[str, str]) -> tuple[PrintKind, ...]:
    """Return the kinds of file that a job makes."""
    return tuple(PrintKind(kind) for kind in parameters.get(_KINDS, "").split())


def has_practice_mark(job: Job) -> bool:
    """Tell whether the files that a job made carry a sandbox's mark."""
    return _PRACTICE in job.counts


@dataclass(frozen=True)
class _Sheet:
    """One file of the archive."""

    kind: PrintKind
    version: UrlVersion
    named: Poster | None

    @property
    def taken(self) -> TakenFile:
        """What is noted about it."""
        return TakenFile(self.version, self.named.number if self.named else NO_POSTER, self.kind)


class PosterArchive:
    """Handles the jobs of ``JobKind.POSTER_ARCHIVE``."""

    def __init__(
        self,
        *,
        facilities: FacilityService,
        reception: ReceptionService,
        posters: PosterService,
        prints: PrintService,
        clock: Clock,
    ) -> None:
        self._facilities = facilities
        self._reception = reception
        self._posters = posters
        self._prints = prints
        self._clock = clock

    def __call__(self, context: JobContext) -> None:
        """Make all chosen files of all posters in use, note them as printed, and keep the ZIP.

        It is good for the versions that were current at the beginning; that they still are at
        the end, the record of the print, and the job's end are one transaction.

        Raises:
            JobLost, StoreUnavailable: as the context's methods do.
            NotFound: the facility has no URLs.
            UrlChanged: a URL was changed meanwhile; no file is handed out, none is noted.
        """
        facility = self._facilities.get(context.job.facility_id)
        sheets = self._sheets(facility, kinds_of(context.parameters))
        name = f"ポスター一式_{facility.code}_{japan_date(self._clock.now()):%Y%m%d}.zip"
        files = self._files(facility, sheets, context.progress)
        chunks = zipped(files, at=self._clock.now())
        context.write_result(name, ARCHIVE_TYPE, chunks)
        practice = {_PRACTICE: 1} if self._prints.is_practice else {}
        context.outcome(MADE, {"files": len(sheets), **_versions(sheets), **practice})
        taken = [sheet.taken for sheet in sheets]
        with context.transaction() as connection:
            self._posters.note_prints(connection, facility.id, taken, actor=context.job.actor)
            context.finish(connection)

    def _sheets(self, facility: Facility, kinds: Sequence[PrintKind]) -> list[_Sheet]:
        current = {
            channel: self._reception.show(facility.id, channel).current for channel in Channel
        }
        return [
            _Sheet(kind, current[channel], named)
            for channel in Channel
            for named in (None, *self._in_use(facility, channel))
            for kind in kinds
        ]

    def _in_use(self, facility: Facility, channel: Channel) -> list[Poster]:
        kept = self._posters.all(facility.id, channel)
        return [each for each in kept if not each.is_archived]

    def _files(
        self, facility: Facility, sheets: list[_Sheet], progress: Callable[[int, int], None]
    ) -> Iterator[tuple[str, Iterable[bytes]]]:
        for done, sheet in enumerate(sheets):
            progress(done, len(sheets))
            content = self._prints.file(sheet.kind, facility, sheet.version, sheet.named)
            yield _path_of(facility, sheet), [content]


def _versions(sheets: Iterable[_Sheet]) -> dict[str, int]:
    return {sheet.version.channel.value: sheet.version.number for sheet in sheets}


def _path_of(facility: Facility, sheet: _Sheet) -> str:
    name = file_name(sheet.kind, facility, sheet.version, sheet.named)
    return f"{SHORT_CHANNEL_NAMES[sheet.version.channel]}/{name}"
