#!/bin/sh
# Makes the cluster at the first start, as PostgreSQL's own image does, and serves it.
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
data=/var/lib/postgresql/data
if [ ! -s "$data/PG_VERSION" ]; then
    printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    "$bin/initdb" --pgdata "$data" --username "$POSTGRES_USER" --pwfile /tmp/password \
        --auth scram-sha-256 --encoding UTF8 --locale C
    rm /tmp/password
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | "$bin/postgres" --single -D "$data" postgres
fi
exec "$bin/postgres" -D "$data" -h '*' -k /tmp
