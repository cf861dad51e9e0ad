"""The WSGI entry: ``gunicorn --threads 32 wsgi:app``; ``zaitaku serve`` does more."""

from zaitaku.app import from_environment

app = from_environment()
