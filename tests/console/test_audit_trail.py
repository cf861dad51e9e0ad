"""操作履歴照会: what was done here, searched, exported, proved."""

import csv
import io

from tests.console.office import Browser, Office
from zaitaku.audit.model import FIRST_LINK, Act
from zaitaku.audit.store import append


def note(office: Office, subject: str = "ippan", actor: str = "kanri みどり") -> None:
    with office.services.database.transaction() as connection:
        append(
            connection,
            office.world.facility.id,
            Act.RESET_PASSWORD,
            actor=actor,
            at=office.clock.now(),
            subject=subject,
            detail={"理由": "本人の申し出"},
        )


def walk(browser: Browser) -> None:
    browser.get("/console/audit-trail/check")
    hidden = browser.hidden(next(browser.page.iter("form")))
    browser.post("/console/audit-trail/walk", hidden)


def compare(browser: Browser, **values: str) -> int:
    browser.get("/console/audit-trail/check")
    hidden = browser.hidden(next(browser.page.iter("form")))
    return browser.post("/console/audit-trail/check", {**hidden, **values})


def test_acts_are_listed_newest_first_and_searched(office: Office) -> None:
    browser = office.logged_in()
    note(office, "ippan")
    note(office, "=cmd")
    browser.get("/console/audit-trail?act=reset_password")
    assert browser.heading == "操作履歴照会"
    assert [row[4] for row in browser.rows()] == ["=cmd", "ippan"]
    browser.get("/console/audit-trail?q=ippan&from=2026-11-20T09:00&to=2026-11-20")
    assert {row[4] for row in browser.rows()} >= {"ippan"}
    browser.get("/console/audit-trail?from=2026-11-21")
    assert "条件に合う操作の記録はありません" in browser.text


def test_the_file_is_harmless_and_its_making_is_recorded(office: Office) -> None:
    browser = office.logged_in()
    note(office, "=cmd")
    browser.get("/console/audit-trail/export?act=reset_password")
    rows = list(csv.reader(io.StringIO(browser.answer.data.decode("utf-8-sig"))))
    assert rows[0][:3] == ["番号", "日時", "操作"]
    assert rows[1][2:6] == ["パスワード再発行", "kanri みどり", "'=cmd", "理由：本人の申し出"]
    assert "%E6%93%8D%E4%BD%9C%E5%B1%A5%E6%AD%B4_" in browser.answer.headers["Content-Disposition"]
    browser.get("/console/audit-trail?act=export_audit")
    assert len(browser.rows()) == 1


def test_the_chain_is_proved_and_compared_with_what_was_written_down(office: Office) -> None:
    browser = office.logged_in()
    note(office)
    head = office.services.audit.head(office.world.facility.id)
    walk(browser)
    assert "つながりに切れ目はありません" in browser.text
    compare(browser, sequence=str(head.sequence), digest=f" {head.digest.upper()} ")
    assert "書き留めた値と合いました" in browser.text
    compare(browser, sequence=str(head.sequence), digest=FIRST_LINK)
    assert "書き留めた値と合いません" in browser.text
    for sequence in ("二", "９" * 30, "9" * 5000, "0", "-1"):
        assert compare(browser, sequence=sequence, digest=FIRST_LINK) == 422
    assert compare(browser, sequence="1", digest="abc") == 422


def test_a_break_is_told_with_its_place(office: Office) -> None:
    browser = office.logged_in()
    note(office)
    head = office.services.audit.head(office.world.facility.id)
    with office.services.database.transaction() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_entry_no_update")
        connection.exec_driver_sql(
            f"UPDATE audit_entry SET subject = 'x' WHERE sequence = {head.sequence}"
        )
    walk(browser)
    assert f"{head.sequence}番の記録が、前の記録とつながりません" in browser.text


def test_addresses_that_make_no_sense_are_answered(office: Office) -> None:
    browser = office.logged_in()
    for query in ("from=x", "to=x", "act=x", "page=-1", "page=99999999999"):
        assert browser.get(f"/console/audit-trail?{query}") == 422
        assert browser.get(f"/console/audit-trail/export?{query}") == 422
