"""The WSGI entry: ``gunicorn --threads 32 wsgi:app``.

It does not look whether the database has this version's tables and knows the keys of the settings:
``zaitaku serve`` does, and ``zaitaku doctor`` tells.
"""

from zaitaku.app import from_environment

app = from_environment()
