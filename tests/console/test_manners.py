"""Manners that all pages of the console share: the menu, lists, the footer, and what a GET does."""

from importlib.metadata import version

import pytest

from tests.console.office import Office
from tests.console.test_foreign_ids import call, head, neighbour
from tests.console.test_permissions import EXAMPLES, console_rules
from tests.patient.lint import words
from zaitaku.accounts.model import Permission, Role
from zaitaku.audit.model import Act
from zaitaku.audit.store import AuditTrail
from zaitaku.blueprints.console.menu_items import MENU
from zaitaku.blueprints.permissions import requirement_of

__all__ = ["neighbour"]

GROUPS = [
    "訪問診療等・オンライン診療等",
    "マイナ在宅受付web管理",
    "マイナ資格確認アプリ管理",
    "アカウント情報管理",
    "環境設定情報管理",
    "問い合わせ管理",
]
READING = {
    *(Act.LOGIN, Act.CHECK_ELIGIBILITY),
    *(Act.EXPORT_PATIENTS, Act.EXPORT_VIEW_HISTORY, Act.EXPORT_AUDIT),
}
"""Acts that are nothing but seeing something: they may be a GET, and are recorded all the same."""


def test_the_menu_has_the_manuals_groups(office: Office) -> None:
    browser = office.logged_in()
    main = next(browser.page.iter("main"))
    assert [words(each) for each in main.iter("h2")] == GROUPS
    shown = {words(each) for each in main.iter("a")}
    assert shown == {item.label for group in MENU for item in group.items}


def test_opening_a_page_changes_nothing(office: Office, neighbour: dict[str, object]) -> None:
    """Whatever is dangerous is a POST: every GET of the console is opened, with ids that exist."""
    owner, facility = office.logged_in(), office.world.facility
    before, opened = head(office), 0
    for rule in console_rules(office):
        asks_staff = isinstance(requirement_of(office.app, rule.endpoint), Permission)
        if asks_staff and "GET" in (rule.methods or ()):
            values = {name: neighbour.get(name, EXAMPLES[name]) for name in rule.arguments}
            path = office.app.url_map.bind("localhost").build(rule.endpoint, values, "GET")
            opened += call(office, owner, "GET", path).status_code == 200
    assert opened > 60
    with office.services.database.reading() as connection:
        since = list(AuditTrail(connection, facility.id).entries())[before.sequence :]
    acts = {entry.act for entry in since}
    assert Act.EXPORT_AUDIT in acts
    assert acts <= READING


@pytest.mark.parametrize("path", ["accounts", "consented-patients", "activation-codes"])
def test_a_list_says_by_what_it_is_sorted(office: Office, path: str) -> None:
    office.world.register()
    office.services.devices.issue(office.world.facility, "携帯1", actor="test")
    browser = office.logged_in()
    browser.get(f"/console/{path}")
    (heading,) = [each for each in browser.page.iter("th") if "aria-sort" in each.attrib]
    before = heading.attrib["aria-sort"]
    (link,) = heading.iter("a")
    browser.get(link.attrib["href"])
    assert "sort=" in browser.path
    (heading,) = [each for each in browser.page.iter("th") if "aria-sort" in each.attrib]
    assert {before, heading.attrib["aria-sort"]} == {"ascending", "descending"}


def test_the_footer_leads_to_help_and_to_what_is_new(office: Office) -> None:
    news = f"zaitaku {version('zaitaku')}版のお知らせ"
    for role in (Role.ADMIN, Role.MASTER_RESET):
        browser = office.logged_in(role)
        footer = next(browser.page.iter("footer"))
        links = {words(each): each.attrib["href"] for each in footer.iter("a")}
        for label, heading in (("使い方・困ったときは",) * 2, (news, "この版のお知らせ")):
            assert browser.get(links[label]) == 200
            assert browser.heading == heading


def test_help_keeps_the_menu_of_whoever_is_logged_in(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/help")
    assert "ログアウト" in browser.links()
    visitor = office.browser()
    visitor.get("/console/help")
    assert "ログアウト" not in visitor.links()
