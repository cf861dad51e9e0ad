"""The menu, help, and the sign of life that keeps a session open."""

from http import HTTPStatus

from flask import render_template

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.permissions import PUBLIC, no_page, recognise, requires


@blueprint.get("/")
@requires(Permission.USE_CONSOLE)
def menu() -> str:
    """Show the groups of the menu that the role may use (domain.md §2)."""
    return render_template("console/menu.html")


@blueprint.get("/help")
@requires(PUBLIC)
def help_page() -> str:
    """Explain what the console does and whom to ask; whoever is logged in keeps the menu."""
    recognise()
    return render_template("console/help.html")


@blueprint.get("/releases")
@requires(Permission.CHANGE_OWN_PASSWORD)
def releases() -> str:
    """Tell what is new in this version."""
    return render_template("console/releases.html")


@blueprint.get("/stay")
@requires(Permission.CHANGE_OWN_PASSWORD)
@no_page
def stay() -> tuple[str, HTTPStatus]:
    """Renew the session of somebody who says that they are still there."""
    return "", HTTPStatus.NO_CONTENT


@blueprint.get("/<path:unknown>")
@requires(Permission.CHANGE_OWN_PASSWORD)
def nowhere(**_: str) -> tuple[str, HTTPStatus]:
    """Answer, in the console's own frame, that there is no such page."""
    return failure(
        "画面が見つかりません", "アドレスを確かめるか、メニューからお選びください。"
    ), HTTPStatus.NOT_FOUND
