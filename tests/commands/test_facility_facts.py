"""``zaitaku facility``: first accounts, facts, code change and succession, related facilities."""

import click
import pytest

from tests.commands.conftest import CODE, Run

NEW = "1319999999"
ADD = ("facility", "add", "1310000009", "--name", "あおば医院", "--phone", "0312345678")


def shown(run: Run, code: str = CODE) -> str:
    done = run("facility", "show", code)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_facility_begins_with_its_two_accounts_told_once(run: Run) -> None:
    done = run(*ADD, "--starts-on", "2027-04-01", "--master-id", "ms01")
    assert done.exit_code == 0, done.output
    assert "マスタのユーザID: ms01" in done.output
    assert "マスタリセット用のユーザID: mreset" in done.output
    passwords = [line.split()[-1] for line in done.output.splitlines() if "パスワード:" in line]
    assert len(set(passwords)) == 2
    text = shown(run, "1310000009")
    assert "利用開始日: 2027年4月1日" in text
    assert not [password for password in passwords if password in text]


@pytest.mark.parametrize("ids", [("same", "same"), ("m", "mreset"), ("ok01", "ま")])
def test_accounts_that_cannot_be_leave_no_facility(run: Run, ids: tuple[str, str]) -> None:
    master, reset = ids
    refused = run(*ADD, "--master-id", master, "--master-reset-id", reset)
    assert refused.exit_code == 1
    assert "2〜8文字" in refused.output
    assert "0件" in run("facility", "list").output


def test_facts_are_changed_after_a_question(clinic: Run) -> None:
    typed = ("facility", "change", CODE, "--phone", "03-9999-0000", "--starts-on", "2027-01-05")
    assert clinic(*typed, typed="n\n").exit_code == 1
    assert "03-1234-5678" in shown(clinic)
    asked = clinic(*typed, typed="y\n")
    assert "電話番号: 03-1234-5678 → 03-9999-0000" in asked.output
    assert "利用開始日: （利用中） → 2027年1月5日" in asked.output
    assert "電話番号: 03-9999-0000" in shown(clinic)
    assert "何も変更していません" in clinic(*typed).output
    assert clinic("facility", "change", CODE, "--starts-on", "none", "--yes").exit_code == 0
    assert "利用開始日: （利用中）" in shown(clinic)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--phone", "1", "0で始まる"), ("--name", "🏥", "印刷できない"), ("--starts-on", "あす", "")],
)
def test_facts_that_cannot_be(clinic: Run, option: str, value: str, said: str) -> None:
    refused = clinic("facility", "change", CODE, option, value, "--yes")
    assert refused.exit_code != 0
    assert said in refused.output


def test_a_succession_keeps_urls_and_tells_of_the_former_code(clinic: Run) -> None:
    urls = [line for line in shown(clinic).splitlines() if "/r/" in line]
    done = clinic(
        *("facility", "change-code", CODE, NEW, "--kind", "succession", "--on", "2026-04-01"),
        *("--reason", "事業承継", "--name", "あおば坂クリニック", "--yes"),
    )
    assert done.exit_code == 0, done.output
    assert f"承継: {CODE} → {NEW}" in done.output
    text = shown(clinic, NEW)
    assert "施設名: あおば坂クリニック" in text
    assert f"前のコード: {CODE}（2026-04-01に承継、事業承継）" in text
    assert f"関連医療機関: {CODE} みどり在宅クリニック（承継、開設日不明〜2026-03-31）" in text
    assert [line for line in text.splitlines() if "/r/" in line] == urls
    former = clinic("facility", "show", CODE)
    assert former.exit_code == 1
    assert f"{NEW} に変わっています" in former.output


def test_a_succession_says_who_stays_and_a_change_of_code_does_not(run: Run) -> None:
    run(*ADD)
    words = ("facility", "change-code", "1310000009", NEW, "--on", "2026-04-01", "--reason", "承継")
    assert "全員ログアウト" not in run(*words, typed="n\n").output
    asked = run(*words, "--kind", "succession", typed="n\n")
    assert asked.exit_code == 1
    for said in (
        "全員ログアウトされます",
        "アカウント master（マスタ）",
        "アカウント mreset（マスタリセット用）",
        "zaitaku account reset-password",
    ):
        assert said in asked.output


@pytest.mark.parametrize("day", ["0001-01-01", "1900-01-01", "9999-12-31"])
def test_days_outside_the_calendar_are_named(clinic: Run, day: str) -> None:
    recoded = ("facility", "change-code", CODE, NEW, "--kind", "succession", "--reason", "x")
    refused = clinic(*recoded, "--on", day, "--yes")
    assert refused.exit_code == 1
    assert "新しいコードの始まる日は 2026-11-20 のように" in refused.output


def test_settings_that_end_with_the_pilot_are_told(clinic: Run) -> None:
    clinic("facility", "change", CODE, "--subsidy-pilot", "--yes")
    clinic("facility", "set", CODE, "subsidy=on", "--yes")
    asked = clinic("facility", "change", CODE, "--no-subsidy-pilot", typed="y\n")
    assert "環境設定情報「医療費助成情報」: 利用する → 利用しない" in asked.output
    assert "全員ログアウトされます" in asked.output
    assert "医療費助成情報: 利用する → 利用しない" in clinic("facility", "history", CODE).output


@pytest.mark.parametrize(
    ("new", "said"),
    [(CODE, "今と同じ"), ("1349999999", "同じ種類"), ("99", "10桁")],
)
def test_codes_that_cannot_be_taken(clinic: Run, new: str, said: str) -> None:
    refused = clinic(
        *("facility", "change-code", CODE, new, "--on", "2026-04-01", "--reason", "x", "--yes")
    )
    assert refused.exit_code != 0
    assert said in refused.output
    assert "前のコード" not in shown(clinic)


def test_relatives_come_and_go(clinic: Run) -> None:
    related = ("facility", "relate", CODE, "1330000001", "--name", "みどり歯科")
    done = clinic(*related, "--relation", "double-status", "--opened", "2020-04-01")
    assert done.exit_code == 0, done.output
    line = "関連医療機関: 1330000001 みどり歯科（医科・歯科併設、2020-04-01〜）"
    assert line in shown(clinic)
    assert clinic("facility", "unrelate", CODE, "1330000001").exit_code == 0
    assert line not in shown(clinic)
    wrong = clinic(
        *related, "--relation", "succession", "--opened", "2020-04-01", "--closed", "2019-04-01"
    )
    assert "あとの日付に" in wrong.output


def test_the_history_tells_changes_and_terms(clinic: Run) -> None:
    clinic("facility", "set", CODE, "online=on", "surgery=on", "--yes")
    told = clinic("facility", "history", CODE).output
    assert "第1版" in told
    assert "利用規約に同意: 訪問診療等 第1版" in told
    assert "手術情報（傷病名・感染症情報）: 利用しない → 利用する" in told
    assert "利用規約に同意: オンライン診療等・外来診療等（通常とは異なる動線） 第1版" in told


def test_a_colleague_who_was_first_wins(clinic: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = click.prompt

    def answer_late(*words: object, **options: object) -> str:
        monkeypatch.setattr(click, "prompt", prompt)
        clinic("facility", "change", CODE, "--hours", "月〜土", "--yes")
        return "y"

    monkeypatch.setattr(click, "prompt", answer_late)
    refused = clinic("facility", "change", CODE, "--hours", "毎日")
    assert refused.exit_code == 1
    assert "ほかの人が先に登録内容を変更した" in refused.output
    assert "受付時間: 月〜土" in shown(clinic)
