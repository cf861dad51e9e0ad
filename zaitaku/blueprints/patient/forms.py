"""What the wizard's forms take; words for what is wrong are chosen where they are shown.

They read the fields of a form and nothing else: a JSON body could carry values that are no text.
The token that keeps other sites from sending them is checked before any view (``CSRFProtect``).
A form of one or two fields is read as it is: WTForms would build its fields for every page anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from zaitaku.blueprints.edge import the_request

LONGEST_TYPED: Final = 40


@dataclass(frozen=True)
class Field:
    """What was sent in one field."""

    data: str
    """Empty: nothing was sent."""


class Form:
    """A form that asks for nothing but to go on."""

    def __init__(self, *, is_fresh: bool = False) -> None:
        self._request = the_request()
        self._is_sent = self._request.method == "POST" and not is_fresh

    def is_submitted(self) -> bool:
        """Tell whether this very form was sent."""
        return self._is_sent

    def validate_on_submit(self) -> bool:
        """Tell whether it was sent and holds what it asks for."""
        return self._is_sent and self.validate()

    def validate(self) -> bool:
        """Tell whether it holds what it asks for."""
        return True

    def field(self, name: str) -> Field:
        """Return what was sent under a name; nothing when the form was not sent."""
        return Field(self._request.form.get(name, "") if self._is_sent else "")


class ChoiceForm(Form):
    """One choice among a few."""

    def __init__(self, choices: Iterable[StrEnum]) -> None:
        super().__init__()
        self.answer: Final = self.field("answer")
        self._choices = choices

    def validate(self) -> bool:
        """Tell whether one of the choices was sent."""
        return any(self.answer.data == choice.value for choice in self._choices)


class VisitForm(ChoiceForm):
    """What the consent is for and, for a booked day, which day."""

    def typed_date(self) -> Mapping[str, str]:
        """Return year, month and day as they were typed; ``visit_dates`` reads their meaning."""
        parts = ("year", "month", "day")
        return {part: self.field(f"visit_date-{part}").data for part in parts}


class NumberForm(Form):
    """The number that is printed on posters."""

    def __init__(self) -> None:
        super().__init__()
        self.number: Final = self.field("number")

    def validate(self) -> bool:
        """Tell whether something was typed that is not too long to be a number."""
        return 0 < len(self.number.data) <= LONGEST_TYPED


class CheckForm(Form):
    """The confirmation of the check page."""

    @property
    def revision(self) -> Field:
        """Of which answers it was the page."""
        return self.field("revision")

    def validate(self) -> bool:
        """Tell whether the page said what it showed."""
        return bool(self.revision.data)


class ActForm(Form):
    """Which of a page's buttons was pressed."""

    @property
    def act(self) -> Field:
        """The button's value."""
        return self.field("act")


class HandOverForm(ActForm):
    """What one of the two screens of a hand-over answers."""

    @property
    def hand_over(self) -> Field:
        """The one that it shows."""
        return self.field("hand_over")
