"""Two people (often one) with two screens: a phone that began a journey, a computer that reads."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.patient.site import Site, Visitor, read_request
from zaitaku import wire
from zaitaku.core.ids import JourneyId
from zaitaku.facilities.model import Channel
from zaitaku.identity.handover_model import HandOver, Stage
from zaitaku.sandbox.profile import Signer

ORIGIN = "http://localhost:8000"


@dataclass
class Pair:
    """A phone at the card page of its journey, and a computer that knows nothing."""

    site: Site
    phone: Visitor
    computer: Visitor
    journey: str
    """The journey's path."""

    @property
    def page(self) -> str:
        """The phone's page of the hand-over."""
        return f"{self.journey}/hand-over"

    @property
    def kept(self) -> HandOver:
        """The hand-over as the store has it."""
        found = self.site.services.hand_overs.of_journey(self.journey_id)
        assert found
        return found

    @property
    def journey_id(self) -> JourneyId:
        return JourneyId(self.journey.removeprefix("/j/"))

    @property
    def stage(self) -> Stage:
        return self.site.services.hand_overs.stage(self.kept)

    @property
    def address(self) -> str:
        """Where the QR code leads."""
        return f"/h/{self.kept.id}"

    def show_code(self) -> None:
        """Open the phone's page and have it show the code."""
        self.phone.get(self.page)
        press(self.phone, "begin")

    def take(self) -> None:
        """Open the code's address at the computer and take the hand-over."""
        self.computer.get(self.address)
        press(self.computer, "claim")

    def agree(self) -> None:
        """Say on both screens that the numbers are the same."""
        self.phone.get(self.page)
        press(self.phone, "same")
        press(self.computer, "same")

    def walk_to_reading(self) -> None:
        """Go as far as the computer's card page."""
        self.show_code()
        self.take()
        self.agree()
        self.computer.get(self.address)

    def ask(self, **values: str) -> wire.CardRequest:
        """Press the computer's button and return what the bridge is asked."""
        fields = self.computer.hidden() | {"act": "read"} | values
        answer = self.computer.client.post(self.address, data=fields, base_url=ORIGIN)
        assert answer.status_code == 303, answer.text
        return read_request(answer.location)

    def signed(self, card: Signer) -> str:
        """Have ``card`` sign and return the address to which the bridge sends the browser."""
        return self.computer.prove(self.ask(), card)

    def read_card(self, card: Signer) -> int:
        """Read ``card`` at the computer and come back."""
        return self.computer.get(self.signed(card))

    def state_on_phone(self) -> str:
        """Return what the phone's script is told."""
        return str(self._state(self.phone, f"{self.page}/state"))

    def state_at_computer(self) -> str:
        """Return what the computer's script is told."""
        return str(self._state(self.computer, f"{self.address}/state"))

    def is_registered(self) -> bool:
        return self.site.services.consent.receipt_of(self.journey_id) is not None

    def _state(self, visitor: Visitor, path: str) -> object:
        answer = visitor.client.get(path, base_url=ORIGIN)
        assert answer.status_code == 200, answer.text
        assert answer.json
        return answer.json["state"]


def pair_of(site: Site, channel: Channel = Channel.HOME_VISIT, language: str = "") -> Pair:
    """Return a phone that has answered everything, and a computer."""
    phone = site.visitor()
    if language:
        phone.get(f"/e?lang={language}")
    return Pair(site, phone, site.visitor(), phone.walk_to_card(channel))


def press(visitor: Visitor, act: str, **values: str) -> int:
    """Press a button of the page that ``visitor`` sees."""
    path = urlsplit(visitor.location).path
    return visitor.post(path, visitor.hidden() | {"act": act} | values)


def shown_code(visitor: Visitor) -> str:
    """Return the four digits that the page shows to compare."""
    shown = next(e for e in visitor.page.iter("p") if e.attrib.get("class") == "pairing")
    return "".join(next(shown.iter("strong")).itertext()).replace(" ", "")
