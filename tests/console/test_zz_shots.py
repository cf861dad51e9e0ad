import sys, pathlib
sys.path.insert(0,'/work/main')
import pytest
from tests.console.test_browser import *
OUT=pathlib.Path('/tmp/w/shots-console'); OUT.mkdir(exist_ok=True)
def test_shots(desk):
    consent(desk.office)
    for i in range(4): desk.office.world.register(Channel.ONLINE, card=Card.named(f"x{i}"))
    desk.office.clock.advance(__import__("datetime").timedelta(days=2))
    desk.log_in()
    desk.office.world.register(Channel.ONLINE, card=HANAKOS_CARD, visit_date=__import__("datetime").date(2026,11,23))
    names={"menu":"/console/","help":"/console/help","password":"/console/password","urls":URLS,"history":f"{URLS}/online/history","download":f"{URLS}/online/poster","rotate":f"{URLS}/online/rotate","revert-none":f"{URLS}/home-visit/revert","list":LIST,"nohit":f"{LIST}?q=xx","listerr":f"{LIST}?from=yesterday","login":"/console/login","nowhere":"/console/nowhere"}
    for size,label in ((DESKTOP,"d"),(PHONE,"p")):
        desk.page.set_viewport_size(size)
        for n,p in names.items():
            desk.open(p); desk.page.screenshot(path=str(OUT/f"{label}-{n}.png"),full_page=True)
    desk.page.set_viewport_size(DESKTOP)
    p=desk.page
    desk.open(f"{URLS}/online/rotate"); p.get_by_role("checkbox").check(); p.get_by_role("button", name="次へ").click()
    p.screenshot(path=str(OUT/"d-warning.png"),full_page=True); p.get_by_role("button", name="OK").click()
    p.screenshot(path=str(OUT/"d-reason.png"),full_page=True); p.locator("textarea").fill("ポスターの貼り替え"); p.get_by_role("button", name="URLを変更する").click()
    p.screenshot(path=str(OUT/"d-confirm.png"),full_page=True); p.get_by_role("button", name="OK").click()
    p.screenshot(path=str(OUT/"d-done.png"),full_page=True)
    desk.open(f"{URLS}/online/history"); p.screenshot(path=str(OUT/"d-history2.png"),full_page=True)
    desk.open(LIST); p.pdf(path=str(OUT/"list.pdf"))
    p.emulate_media(color_scheme="dark"); desk.open(LIST); p.screenshot(path=str(OUT/"dark-list.png"),full_page=True)
    desk.open(URLS); p.screenshot(path=str(OUT/"dark-urls.png"),full_page=True)
