"""What can go wrong when appointments are told."""

from dataclasses import dataclass
from datetime import date
from http import HTTPStatus

from zaitaku.core.errors import ZaitakuError


@dataclass(frozen=True)
class RowMistake:
    """What is wrong in one row of a file."""

    row: int
    """As the spreadsheet counts: the headings are row 1."""
    field: str
    rule: str


class UnfitRows(ZaitakuError):
    """Rows of a file break a rule; nothing of the file is kept."""

    code = "unfit-rows"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, mistakes: tuple[RowMistake, ...]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = mistakes


class TooManyAppointments(ZaitakuError):
    """A day would have more appointments than its page can show; nothing was kept."""

    code = "too-many-appointments"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, day: date) -> None:
        super().__init__(day.isoformat())
        self.day = day
