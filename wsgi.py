"""The WSGI entry: ``granian --interface wsgi wsgi:app``."""

from zaitaku.app import from_environment

app = from_environment()
