#!/bin/sh
# What every container starts with. A service that other machines reach needs a key: where none was
# given, the installation makes one of its own and keeps it beside its data. A key that everybody
# could read in a file of the repository would guard nothing.
set -eu
if [ -z "${DUOLU_KEY:-}" ]; then
    kept="$DUOLU_DATA/key"
    if [ ! -s "$kept" ]; then
        fresh=$(mktemp "$kept.XXXXXX")
        python -c 'import secrets; print(secrets.token_urlsafe(32))' >"$fresh"
        ln "$fresh" "$kept" 2>/dev/null || true # else another container was first
        rm "$fresh"
    fi
    DUOLU_KEY=$(cat "$kept")
    export DUOLU_KEY
fi
exec "$@"
