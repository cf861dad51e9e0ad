"""Pages on which a number is typed, for who cannot read a QR code; only mistakes count."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import redirect, render_template, request

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.i18n import mark, page_text
from zaitaku.blueprints.patient.forms import NumberForm
from zaitaku.blueprints.patient.stepping import Answer
from zaitaku.core.addresses import address_bucket
from zaitaku.core.attempts import FailureLimit
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.limits import Limit

_MISSING: Final = mark("番号を入力してください。")


@dataclass(frozen=True)
class NumberPage:
    """A kind of number: its page, where it leads, and how often it may be mistyped."""

    limit: Limit
    """On mistakes of one network address."""
    template: str
    find: Callable[[str], str]
    """Gives the address that a typed number leads to, or raises ``unknown``."""
    unknown: type[ZaitakuError]
    not_found: str
    """What is said of a number that leads nowhere."""

    def answer(self) -> Answer:
        """Show the page, or take the number that was typed on it.

        Raises:
            TooManyAttempts: this address has mistyped too often.
        """
        form = NumberForm()
        if not form.is_submitted():
            return self._shown(form)
        limit = self._limit()
        attempt = limit.begin(address_bucket(request.remote_addr or ""))
        if not form.validate():
            return self._shown(form, _MISSING), 422
        try:
            with limit.unless_away(attempt):
                address = self.find(form.number.data)
        except self.unknown:
            return self._shown(form, self.not_found), 422
        limit.give_back(attempt)
        return redirect(address, 303)

    def _shown(self, form: NumberForm, wrong: str = "") -> str:
        error = page_text(wrong) if wrong else ""
        return render_template(self.template, form=form, error=error)

    def _limit(self) -> FailureLimit:
        return FailureLimit.of(self.limit, ephemeral=services().ephemeral, clock=services().clock)
