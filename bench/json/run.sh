#!/bin/sh
#
# NGINX_SRC=dir bench/json/run.sh [file...]
#
# Builds json_bench as nginx builds a module (-O2) and runs it on one core.
# NGINX_SRC: a full, configured nginx source tree.

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
src=${NGINX_SRC:-$top/build/nginx-src}
core=$top/ngx_http_litellm_module/core

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

${CC:-cc} ${CFLAGS:--O2 -g} -W -Wall -Wno-unused-parameter \
    -I"$src/src/core" -I"$src/src/event" -I"$src/src/os/unix" -I"$src/objs" \
    -I"$core" -o "$dir/json_bench" "$here/json_bench.c" \
    "$core/ngx_litellm_json.c" "$core/ngx_litellm_json_value.c" \
    "$core/ngx_litellm_scan.c" "$core/ngx_litellm_sse.c" \
    "$core/ngx_litellm_unescape.c" \
    "$src/src/core/ngx_palloc.c" "$src/src/os/unix/ngx_alloc.c" -lyajl \
    || exit 1

if command -v taskset >/dev/null; then
    taskset -c "${CPU:-0}" "$dir/json_bench" "$@"

else
    "$dir/json_bench" "$@"
fi
