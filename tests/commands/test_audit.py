"""``zaitaku audit``: ends kept elsewhere prove what stood before them."""

from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from tests.commands.conftest import CODE, Run
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.watching.notes import Note, Notes

NEW = "1319999999"


def heads(run: Run) -> str:
    done = run("audit", "heads")
    assert done.exit_code == 0, done.output
    return done.output


def kept(folder: Path, lines: str) -> str:
    path = folder / "heads.txt"
    path.write_text(lines, encoding="utf-8")
    return str(path)


def test_ends_that_were_kept_still_stand_also_after_a_code_change(
    clinic: Run, tmp_path: Path
) -> None:
    file = kept(tmp_path, heads(clinic))
    words = ("--kind", "change", "--on", "2026-11-20", "--reason", "移転", "--yes")
    changed = clinic("facility", "change-code", CODE, NEW, *words)
    assert changed.exit_code == 0, changed.output
    proved = clinic("audit", "verify", "--heads", file)
    assert proved.exit_code == 0, proved.output
    assert "すべてつながっています" in proved.output
    assert "保管した行 1件とくらべました。すべて合っています" in proved.output
    assert heads(clinic).startswith(NEW)
    assert "くらべました" not in clinic("audit", "verify").output


def test_what_was_changed_is_told_and_is_a_failure(
    clinic: Run, tmp_path: Path, database: Database
) -> None:
    code, sequence, digest = heads(clinic).split()
    forged = f"{code} {sequence} {digest[::-1]}\n"
    other = kept(tmp_path, f"{code} {sequence} {digest}\n{forged}")
    refused = clinic("audit", "verify", "--heads", other)
    assert refused.exit_code == 1
    assert "保管した行 2件とくらべました。1件が合いません" in refused.output
    assert f"保管した{sequence}番の値が、いまの記録にありません" in refused.output
    with database.transaction() as connection:
        connection.execute(text("DROP TRIGGER audit_entry_no_update"))
        connection.execute(text("UPDATE audit_entry SET actor = 'x' WHERE sequence = 1"))
    broken = clinic("audit", "verify")
    assert broken.exit_code == 1
    assert "1番の記録から、つながっていません" in broken.output


def test_a_file_that_was_not_kept_by_us_is_named(clinic: Run, tmp_path: Path) -> None:
    refused = clinic("audit", "verify", "--heads", kept(tmp_path, "なにか\n"))
    assert refused.exit_code == 1
    assert "行を読めません" in refused.output


def test_a_file_that_is_no_text_is_named(clinic: Run, tmp_path: Path) -> None:
    file = tmp_path / "heads.txt"
    file.write_bytes(b"\xff\xfe1\x00")
    refused = clinic("audit", "verify", "--heads", str(file))
    assert refused.exit_code == 1
    assert "行を読めません" in refused.output


def test_a_file_without_a_line_proves_nothing(clinic: Run, tmp_path: Path) -> None:
    refused = clinic("audit", "verify", "--heads", kept(tmp_path, ""))
    assert refused.exit_code == 1
    assert "行が1件もありません" in refused.output
    assert "ほかの日に保管したファイル" in refused.output
    assert "つながっています" not in refused.output


def test_when_and_how_the_trails_were_walked_is_noted_for_who_watches(
    clinic: Run, tmp_path: Path, database: Database
) -> None:
    assert clinic("audit", "verify").exit_code == 0
    with closing(open_ephemeral(f"sqlite:///{tmp_path / 'ephemeral.db'}", SystemClock())) as store:
        assert Notes(store).read(Note.AUDIT)["is_whole"] == "yes"
        code, sequence, digest = heads(clinic).split()
        forged = kept(tmp_path, f"{code} {sequence} {digest[::-1]}\n")
        assert clinic("audit", "verify", "--heads", forged).exit_code == 1
        assert Notes(store).read(Note.AUDIT)["is_whole"] == "no"
        assert clinic("audit", "verify").exit_code == 0
        assert Notes(store).read(Note.AUDIT)["is_whole"] == "yes"
        with database.transaction() as connection:
            connection.execute(text("DROP TRIGGER audit_entry_no_update"))
            connection.execute(text("UPDATE audit_entry SET actor = 'x' WHERE sequence = 1"))
        assert clinic("audit", "verify").exit_code == 1
        assert Notes(store).read(Note.AUDIT)["is_whole"] == "no"
