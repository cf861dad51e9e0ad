"""What the wizard's forms take; words for what is wrong are chosen where they are shown."""

from collections.abc import Iterable
from enum import StrEnum

from flask import request
from flask_wtf import FlaskForm
from wtforms import Form as PlainForm
from wtforms import FormField, RadioField, StringField
from wtforms.validators import InputRequired, Length

LONGEST_TYPED = 40


class Form(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no type information
    """A form with the token that keeps other sites from sending it.

    It reads the fields of a form and nothing else: a JSON body could carry values that are no text.
    """

    def __init__(self, *, is_fresh: bool = False) -> None:
        is_sent = request.method == "POST" and not is_fresh
        super().__init__(formdata=request.form if is_sent else None)


class ChoiceForm(Form):
    """One choice among a few."""

    answer = RadioField(validators=[InputRequired()])

    def __init__(self, choices: Iterable[StrEnum]) -> None:
        super().__init__()
        self.answer.choices = [(choice.value, choice.value) for choice in choices]


class DatePartsForm(PlainForm):  # type: ignore[misc]  # WTForms has no type information
    """Year, month and day as they were typed; their meaning is read in ``visit_dates``."""

    year = StringField(default="")
    month = StringField(default="")
    day = StringField(default="")


class VisitForm(ChoiceForm):
    """What the consent is for and, for a booked day, which day."""

    visit_date = FormField(DatePartsForm)


class NumberForm(Form):
    """The number that is printed on posters."""

    number = StringField(validators=[InputRequired(), Length(max=LONGEST_TYPED)])


class CheckForm(Form):
    """The confirmation of the check page."""

    revision = StringField(validators=[InputRequired()])


class PortForm(Form):
    """At which port the bridge is asked."""

    port = StringField()


class ActForm(Form):
    """Which of a page's buttons was pressed."""

    act = StringField()


class HandOverForm(ActForm):
    """What one of the two screens of a hand-over answers; ``hand_over`` names the one it shows."""

    hand_over = StringField()
