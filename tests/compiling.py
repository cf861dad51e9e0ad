"""Templates that are compiled once for all applications of a run.

Most tests of the bridge and of the stand-ins build an application of their own, and each would
compile its templates anew: that took longer than the tests themselves.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from flask.templating import Environment

from zaitaku.blueprints.templates import Codes


@contextmanager
def compiled_once() -> Iterator[None]:
    """Let every application that is built meanwhile take what another one has compiled."""
    codes, create = Codes(), Flask.create_jinja_environment

    def with_codes(app: Flask) -> Environment:
        environment = create(app)
        environment.bytecode_cache = environment.bytecode_cache or codes
        return environment

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "create_jinja_environment", with_codes)
        yield
