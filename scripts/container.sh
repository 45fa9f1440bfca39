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
# image has a copy of its own in the volume (and each user, who may not write to another's), or in
# /tmp where there is none to write. What no start has used for a day is of an image that is gone, or
# was left half copied; whoever runs with it nevertheless makes it again.
for compiled in "${DUOLU_KERNELS:-/nowhere}"/*/; do
    [ -d "$compiled" ] || continue
    copy=$(readlink "$NUMBA_CACHE_DIR" || echo "$NUMBA_CACHE_DIR")
    if [ -e "$copy" ] && [ ! -w "$copy" ]; then copy="$copy-$(id -u)"; fi
    if [ ! -w "$copy" ]; then
        fresh=$(mktemp -d "$copy.XXXXXX" 2>/dev/null || mktemp -d)
        cp -R "$compiled." "$fresh"
        chmod 755 "$fresh" # mktemp lets nobody else read
        if ! mv -T "$fresh" "$copy" 2>/dev/null; then
            if [ -w "$copy" ]; then rm -r "$fresh"; else copy=$fresh; fi # another was first, or may not
        fi
    fi
    touch "$copy"
    case $copy in
    */"$(basename "$compiled")"*)
        find "$(dirname "$copy")" -mindepth 1 -maxdepth 1 -type d -name '[0-9a-f]*' \
            -mmin +1440 -exec rm -rf {} + 2>/dev/null || true
        ;;
    esac
    NUMBA_CACHE_DIR=$copy
    export NUMBA_CACHE_DIR
done
exec "$@"
