"""Every key changes in the steps of ``docs/operations.md`` while somebody is in the middle."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from sqlalchemy import text

from tests.patient.conftest import Cards
from tests.patient.site import Site, Visitor
from zaitaku.app import build_app
from zaitaku.core.signing import Keyring
from zaitaku.identity.keys import RequestKeys
from zaitaku.services import build_services

RINGS = ("url_keys", "session_keys", "subject_keys")


@pytest.fixture
def changing(site: Site) -> Iterator["Changing"]:
    """The clinic's deployment, whose processes are replaced by ones with other settings."""
    deployment = Changing(site)
    yield deployment
    deployment.end()


class Changing:
    """A deployment that is restarted with other keys while a patient walks."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._opened = [site.services]

    def restart(self, visitor: Visitor, **settings: Any) -> None:
        """Replace the processes; browsers keep what they have."""
        changed = replace(self.site.services.settings, **settings)
        self.site.services = build_services(changed, self.site.clock)
        self._opened.append(self.site.services)
        self.site.app = build_app(self.site.services)
        visitor.client.application = self.site.app

    def end(self) -> None:
        """Close what was opened."""
        for services in self._opened[1:]:
            services.close()

    def add(self, visitor: Visitor, *rings: str) -> dict[str, str]:
        """Step 1: everybody understands a new key, nobody uses it yet. Return the new keys."""
        new = {ring: secrets.token_urlsafe(32) for ring in rings}
        old = {ring: getattr(self.site.services.settings, ring).keys for ring in rings}
        self.restart(visitor, **{ring: Keyring((*old[ring], new[ring])) for ring in rings})
        return new

    def use(self, visitor: Visitor, new: dict[str, str]) -> None:
        """Step 2: everybody uses the new key and still understands the old one."""
        settings = self.site.services.settings
        rings = {
            ring: Keyring((key, *(old for old in getattr(settings, ring).keys if old != key)))
            for ring, key in new.items()
        }
        self.restart(visitor, **rings)

    def drop_old(self, visitor: Visitor, new: dict[str, str]) -> None:
        """Long after: the old key goes."""
        self.restart(visitor, **{ring: Keyring((key,)) for ring, key in new.items()})

    def count(self, table: str) -> int:
        with self.site.services.database.reading() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_patient_in_the_middle_of_both_steps_ends_registered(
    changing: Changing, visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.start()
    visitor.prepare()
    new = changing.add(visitor, *RINGS)
    visitor.send("self")
    visitor.send()
    visitor.send("all")
    visitor.send()
    asked = visitor.ask(journey)
    changing.use(visitor, new)
    assert visitor.get(visitor.prove(asked, cards.good)) == HTTPStatus.OK
    assert visitor.location.endswith("/done")
    assert changing.count("consent_record") == 1


def test_the_same_card_is_the_same_patient_under_the_new_key(
    changing: Changing, visitor: Visitor, cards: Cards
) -> None:
    visitor.read_card(visitor.walk_to_card(), cards.good)
    changing.use(visitor, changing.add(visitor, "subject_keys"))
    again = changing.site.visitor()
    again.read_card(again.walk_to_card(), cards.good)
    assert changing.count("consent_record") == 2
    assert changing.count("patient") == 1


def test_a_poster_hangs_until_its_key_is_gone(changing: Changing, visitor: Visitor) -> None:
    poster = changing.site.path()
    new = changing.add(visitor, "url_keys")
    assert visitor.get(poster) == HTTPStatus.OK
    changing.use(visitor, new)
    assert changing.site.path() != poster  # what is printed now is signed by the new key
    assert visitor.get(poster) == HTTPStatus.OK
    changing.drop_old(visitor, new)
    assert visitor.get(poster) == HTTPStatus.NOT_FOUND
    assert visitor.get(changing.site.path()) == HTTPStatus.OK


def test_whoever_is_in_the_middle_when_the_old_session_key_goes_begins_again(
    changing: Changing, visitor: Visitor
) -> None:
    visitor.walk_to_check()
    new = changing.add(visitor, "session_keys")
    changing.use(visitor, new)
    changing.drop_old(visitor, new)
    assert visitor.get(visitor.location) == HTTPStatus.NOT_FOUND
    visitor.walk_to_check()
    assert visitor.status == HTTPStatus.OK


def test_a_card_request_of_the_old_key_is_answered_after_the_change(
    changing: Changing, visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    asked = visitor.ask(journey)
    RequestKeys.roll_over(changing.site.services.settings.request_key_file)
    changing.restart(visitor)
    assert visitor.get(visitor.prove(asked, cards.good)) == HTTPStatus.OK
    again = changing.site.visitor()
    assert again.read_card(again.walk_to_card(), cards.good) == HTTPStatus.OK
    assert changing.count("consent_record") == 2
