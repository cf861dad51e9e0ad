"""The short-lived store in a table of its own, beside or apart from the durable database.

SQLite (a file) serves several processes of one machine, PostgreSQL several machines. Every call is
one statement in autocommit: no lock outlives it, and the database alone decides who was first.

Time is the injected clock's. Entries that have died count as absent at once; a writer that comes by
removes them from the table about once a minute.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from sqlite3 import Connection as SqliteConnection
from typing import Any, Final

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.schema import CreateIndex, CreateTable

from zaitaku.core.clock import Clock
from zaitaku.core.database import BUSY_SECONDS, postgres_limits
from zaitaku.core.ephemeral import Fields
from zaitaku.core.ephemeral_dialects import Dialect, PostgresDialect, SqliteDialect
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.sqlite import set_up_sqlite
