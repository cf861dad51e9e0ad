"""The demo's clinic is alive from its first minute."""

from datetime import timedelta
from pathlib import Path

from zaitaku.core.clock import SystemClock, japan_date
from zaitaku.demo.places import Places
from zaitaku.demo.setup import CODE, prepare
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.listing import ListQuery
from zaitaku.services import build_services
from zaitaku.settings import Settings


def test_people_have_consented_and_are_expected_and_a_second_start_adds_nothing(
    tmp_path: Path,
) -> None:
    places = Places.from_env({"ZAITAKU_DATA": str(tmp_path / "data")})
    prepare(places)
    ready = prepare(places)
    services = build_services(Settings.from_env(ready.environ))
    facility, now = services.facilities.find(CODE), SystemClock().now()
    with services.database.reading() as connection:
        page = ConsentedPatients(connection, facility.id).page(ListQuery(), now=now)
    assert len(page.rows) == 5
    assert all(row.name for row in page.rows)
    tomorrow = services.appointments.on(facility.id, japan_date(now) + timedelta(days=1))
    assert (len(tomorrow.expected), len(tomorrow.still_open)) == (5, 2)
    assert len(services.accounts.all_of(facility.id)) == 5
    services.close()
