"""A bare Flask application: ready strings, and one durable insert per journey.

It does nothing that a product needs (no state, no forms, no checks): it is the unit that the
product's cost is divided by. ``ZAITAKU_FLOOR_DATABASE`` names its database.
"""

import os
from uuid import uuid4

from flask import Flask
from sqlalchemy import Column, MetaData, String, Table
from sqlalchemy.schema import CreateTable

from zaitaku.core.database import Database

_PAGE = "<!doctype html><title>floor</title>" + "<p>0123456789abcdef</p>" * 290
_TABLE = Table("floor", MetaData(), Column("id", String(36), primary_key=True))


def create_floor() -> Flask:
    """Return the floor's application."""
    app = Flask("floor")
    database = Database(os.environ["ZAITAKU_FLOOR_DATABASE"])
    with database.transaction() as connection:
        connection.execute(CreateTable(_TABLE, if_not_exists=True))
    database.close()  # whoever serves this may fork

    @app.get("/page")
    def page() -> str:
        return _PAGE

    @app.post("/page")
    def post() -> tuple[str, int, dict[str, str]]:
        return "", 303, {"Location": "/page"}

    @app.post("/register")
    def register() -> str:
        with database.transaction() as connection:
            connection.execute(_TABLE.insert().values(id=str(uuid4())))
        return "ok"

    return app
