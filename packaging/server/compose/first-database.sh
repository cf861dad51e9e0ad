#!/bin/sh
# 初めの一度だけ、利用者とデータベースを作る（Patroni の post_init。$1 は接続の文字列）。
# zaitaku はサイト、zaitaku_backup は控え（読むだけ。全部を写せるので、サイトには渡さない）。
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 "$1" <<'SQL'
\getenv word ZAITAKU_DATABASE_PASSWORD
\getenv backup ZAITAKU_BACKUP_PASSWORD
CREATE ROLE zaitaku LOGIN PASSWORD :'word';
GRANT pg_monitor TO zaitaku;
CREATE ROLE zaitaku_backup LOGIN REPLICATION PASSWORD :'backup';
GRANT pg_read_all_data TO zaitaku_backup;
CREATE DATABASE zaitaku OWNER zaitaku ENCODING 'UTF8';
SQL
