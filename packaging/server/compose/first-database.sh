#!/bin/sh
# 初めの一度だけ、zaitaku の利用者とデータベースを作る（Patroni の post_init。$1 は接続の文字列）。
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 "$1" <<'SQL'
\getenv word ZAITAKU_DATABASE_PASSWORD
CREATE ROLE zaitaku LOGIN PASSWORD :'word';
CREATE DATABASE zaitaku OWNER zaitaku ENCODING 'UTF8';
SQL
