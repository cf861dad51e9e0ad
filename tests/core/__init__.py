"""Tests of zaitaku.core, zaitaku.wire and zaitaku.settings."""
