# nginx の設定を、compose の中の名前に合わせる（nginx 1.28 の書き方）。
s/zone zaitaku 128k;/zone zaitaku 128k; resolver 127.0.0.11 valid=5s;/
s/server 127\.0\.0\.1:8001/server web1:8000 resolve/
s/server 127\.0\.0\.1:8002/server web2:8000 resolve/
s/ssl http2;/ssl;/
s/server_tokens off;/server_tokens off; http2 on;/
s#/var/log/nginx/zaitaku.access.log#/dev/stdout#
s#/var/log/nginx/zaitaku.error.log#/dev/stderr#
