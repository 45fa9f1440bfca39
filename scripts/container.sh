#!/bin/sh
# What every container starts with: a key, and compiled kernels.
set -eu

# A service that other machines reach needs a key: where none was given, the installation makes one
# of its own and keeps it beside its data. A key that everybody could read in a file of the
# repository would guard nothing.
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

# Kernels come with the image (scripts/compile_kernels.py). Numba wants to write beside them: each
# image has a copy of its own in the volume, or in /tmp where there is none to write.
for compiled in "${DUOLU_KERNELS:-/nowhere}"/*/; do
    [ -d "$compiled" ] || continue
    copy=$(readlink "$NUMBA_CACHE_DIR" || echo "$NUMBA_CACHE_DIR")
    if [ ! -w "$copy" ]; then
        fresh=$(mktemp -d "$copy.XXXXXX" 2>/dev/null || mktemp -d)
        cp -R "$compiled." "$fresh"
        if ! mv -T "$fresh" "$copy" 2>/dev/null; then
            if [ -w "$copy" ]; then rm -r "$fresh"; else copy=$fresh; fi # another was first, or may not
        fi
    fi
    NUMBA_CACHE_DIR=$copy
    export NUMBA_CACHE_DIR
done
exec "$@"
