"""What the list looks for is right from the first moment, without being looked up again."""

from sqlalchemy import true

from tests.consent.world import Card, World
from zaitaku.consent.grams import index_names
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.tables import consent, consent_gram
from zaitaku.facilities.model import Channel


def test_what_a_registration_writes_is_what_would_be_found_anew(any_world: World) -> None:
    any_world.register()
    any_world.register(decisions={ConsentItem.SURGERY: Decision.REFUSE})
    any_world.register(Channel.ONLINE, decision=Decision.REFUSE)
    any_world.register(Channel.ONLINE, Card.named("hanako"))
    any_world.register(card=Card.named("hanako"), decision=Decision.REFUSE)
    any_world.register(card=Card.named("stranger"), decision=Decision.REFUSE)
    written = _lines(any_world)
    with any_world.database.transaction() as connection:
        index_names(connection, true())
    assert _lines(any_world) == written
    assert len(written[0]) == 5


def _lines(world: World) -> tuple[list[str], list[str]]:
    tables = (consent, consent_gram)
    lines, letters = (sorted(map(str, world.rows(table))) for table in tables)
    return lines, letters
