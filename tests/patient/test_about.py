"""Every page of a patient says who runs the site and what becomes of what is told there."""

from dataclasses import replace

import pytest

from tests.patient.site import Visitor
from zaitaku.core.site_operator import SiteOperator
from zaitaku.services import Services

NAMED = SiteOperator("<みどり>医師会", "03-1234-5678", "https://midori.example/privacy?a=1&b=2")


@pytest.fixture(params=[NAMED, SiteOperator("みどり医師会"), SiteOperator()])
def operator(request: pytest.FixtureRequest) -> SiteOperator:
    found: SiteOperator = request.param
    return found


@pytest.fixture
def services(services: Services, operator: SiteOperator) -> Services:
    return replace(services, settings=replace(services.settings, operator=operator))


def _told(visitor: Visitor) -> SiteOperator:
    """Return who the page says runs the site."""
    [about] = (
        each for each in visitor.page.iter("details") if "あなたの情報" in "".join(each.itertext())
    )
    links = [link.attrib["href"] for link in about.iter("a")]
    named = (text.partition("この受付を運営しているところ：")[2] for text in about.itertext())
    return SiteOperator(
        next((name.strip() for name in named if name), ""),
        next((link.removeprefix("tel:") for link in links if link.startswith("tel:")), ""),
        next((link for link in links if link.startswith("https:")), ""),
    )


def test_every_page_says_who_runs_the_site(visitor: Visitor, operator: SiteOperator) -> None:
    visitor.get(visitor.site.path())
    assert _told(visitor) == operator
    journey = visitor.walk_to_card()
    assert _told(visitor) == operator
    visitor.get(f"{journey}/help/reader")
    assert _told(visitor) == operator


def test_whoever_came_by_a_wrong_address_is_told_too(
    visitor: Visitor, operator: SiteOperator
) -> None:
    assert visitor.get("/nowhere") == 404
    assert _told(visitor) == operator
