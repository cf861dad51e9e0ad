"""What a facility prints: the QR image and the posters of one version of its URL."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from sqlalchemy.exc import IntegrityError

from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.ids import UrlVersionId
from zaitaku.facilities.channels import SHORT_CHANNEL_NAMES
from zaitaku.facilities.model import Facility
from zaitaku.facilities.practice import marked_png
from zaitaku.reception.model import UrlVersion
from zaitaku.reception.poster import Layout, PosterContent, poster_pdf
from zaitaku.reception.posters.model import NO_POSTER, Poster, PosterNumber
from zaitaku.reception.qr import qr_modules, qr_png
from zaitaku.reception.service import ReceptionService
from zaitaku.reception.store import ImageStore
from zaitaku.settings import Mode, Settings


class PrintKind(StrEnum):
    """The kinds of file; the value is a part of the page's address."""

    QR_CODE = "qr-code"
    POSTER = "poster"
    CARD = "card"
    SHEET = "sheet"


KIND_NAMES: Final = MappingProxyType(
    {
        PrintKind.QR_CODE: "二次元コード",
        PrintKind.POSTER: "ポスター",
        PrintKind.CARD: "配布カード",
        PrintKind.SHEET: "配布カード10枚",
    }
)
_LAYOUTS: Final = {
    PrintKind.POSTER: Layout.A4,
    PrintKind.CARD: Layout.CARD,
    PrintKind.SHEET: Layout.SHEET,
}
_UNFIT_IN_NAMES: Final = str.maketrans(dict.fromkeys('/\\:*?"<>|.', "_"))


def file_name(
    kind: PrintKind, facility: Facility, version: UrlVersion, named: Poster | None = None
) -> str:
    """Return a name that tells kind, channel, poster, facility and version, on any system."""
    suffix = "png" if kind is PrintKind.QR_CODE else "pdf"
    parts = [KIND_NAMES[kind], SHORT_CHANNEL_NAMES[version.channel]]
    if named is not None:
        parts.append(f"{named.number}-{named.name.translate(_UNFIT_IN_NAMES)}")
    return "_".join([*parts, str(facility.code), f"第{version.number}版.{suffix}"])


class PrintService:
    """QR symbols (made once for each version and address) and posters that carry the same ones.

    In a sandbox (``is_practice``) every file carries the mark of ``facilities.practice``.
    """

    def __init__(
        self,
        *,
        database: Database,
        reception: ReceptionService,
        clock: Clock,
        by_phone: bool,
        is_practice: bool,
    ) -> None:
        self._database = database
        self._by_phone = by_phone
        self.is_practice = is_practice
        self._reception = reception
        self._clock = clock

    @classmethod
    def of(
        cls, settings: Settings, *, database: Database, reception: ReceptionService, clock: Clock
    ) -> Self:
        """Return the service of a deployment: everybody who prints says the same of it."""
        return cls(
            database=database,
            reception=reception,
            clock=clock,
            by_phone=settings.openid is not None,
            is_practice=settings.mode is Mode.SANDBOX,
        )

    def qr_png(self, version: UrlVersion, number: PosterNumber = NO_POSTER) -> bytes:
        """Return the QR code of a version, or of one of its posters, as PNG without any mark.

        It is made at the first call and kept. What is handed out comes from ``file``.
        """
        address = self._reception.address(version, number)
        with self._database.reading() as connection:
            kept = ImageStore(connection).find(version.id, address)
        return kept if kept is not None else self._make(version.id, address)

    def poster_content(
        self, facility: Facility, version: UrlVersion, named: Poster | None = None
    ) -> PosterContent:
        """Return what a poster of this version says, whichever is current by now."""
        number = named.number if named else NO_POSTER
        return PosterContent(
            facility_name=facility.name,
            channel=version.channel,
            phone=facility.phone,
            hours=facility.hours,
            address=self._reception.address(version, number),
            symbol=qr_modules(self.qr_png(version, number)),
            typed_address=self._reception.typed_address,
            typed_number=version.typed_number,
            version=version.number,
            issued_on=japan_date(version.created_at),
            by_phone=self._by_phone,
            is_practice=self.is_practice,
            poster_name=named.name if named else "",
        )

    def poster_pdf(
        self, facility: Facility, version: UrlVersion, layout: Layout, named: Poster | None = None
    ) -> bytes:
        """Return the PDF of a version, ready to print (see ``poster_content``)."""
        return poster_pdf(self.poster_content(facility, version, named), layout)

    def file(
        self, kind: PrintKind, facility: Facility, version: UrlVersion, named: Poster | None = None
    ) -> bytes:
        """Return a file of any kind of this version.

        Whoever hands it out calls ``PosterService.note_print`` first: it refuses a version that
        is no longer current.
        """
        if kind in _LAYOUTS:
            return self.poster_pdf(facility, version, _LAYOUTS[kind], named)
        png = self.qr_png(version, named.number if named else NO_POSTER)
        return marked_png(png) if self.is_practice else png

    def _make(self, version_id: UrlVersionId, address: str) -> bytes:
        png = qr_png(address)
        try:
            with self._database.transaction() as connection:
                ImageStore(connection).insert(version_id, address, png, self._clock.now())
        except IntegrityError:
            # Another process made the same image meanwhile: the code decides every pixel.
            return png
        return png
