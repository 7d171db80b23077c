#!/usr/bin/env bash
#
# run.sh [DIR] - the client libraries against a running gateway.
#
# Installs what package-lock.json pins into DIR (default: build/clients), runs
# the tests there and prints, last, "clients: N passed, N failed".  A second
# run installs nothing while the lock file stays as it is.
#
# TEST_NGINX_BINARY   the nginx to run (default: the installed one)
# TEST_NGINX_MODULE   the module to load; empty when it is linked in
#                     (default: build/ngx_http_litellm_module.so)
# TEST_CLIENTS        a pattern of the tests to run (default: all)

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
dir=${1:-$top/build/clients}

export TEST_NGINX_BINARY=${TEST_NGINX_BINARY:-nginx}
export TEST_NGINX_MODULE=${TEST_NGINX_MODULE-$top/build/ngx_http_litellm_module.so}
PATH=$PATH:/usr/sbin:/sbin

# one run at a time in one directory
mkdir -p "$dir"
exec 8>"$dir/.lock"
flock 8

lock=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum; node -v)
if [ "$(cat "$dir/installed" 2>/dev/null)" != "$lock" ]; then
    echo "installing the client libraries"
    rm -rf "$dir/installed" "$dir/node_modules"
    cp "$here/package.json" "$here/package-lock.json" "$dir/"
    # no script of a package is run; what they pull in is not the tests' code
    (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) \
        || { echo "clients: 0 passed, 1 failed"; exit 1; }
    printf '%s\n' "$lock" >"$dir/installed"
fi

# node looks for packages beside the file that imports them
rm -rf "$dir/lib" "$dir"/*.mjs
cp -R "$here/lib" "$here"/*.mjs "$dir/"
cd "$dir"

# the tests talk to this machine only, and with keys of their own
unset HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy \
      OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID OPENAI_PROJECT_ID \
      OPENAI_LOG ANTHROPIC_API_KEY ANTHROPIC_BASE_URL LITELLM_MASTER_KEY

options=(--import ./lib/loader.mjs)
[ -z "${TEST_CLIENTS:-}" ] || options+=(--test-name-pattern="$TEST_CLIENTS")

# Each file is a process of its own, not one that node's runner started: what
# a library prints would break the channel between the two.  The counts of
# node's report leave out a file that broke off.
passed=0 failed=0
for file in ./*.test.mjs; do
    name=${file#./}
    report=${name%.test.mjs}.tap
    rm -f "$report"
    echo "$name"
    rc=0
    timeout -k 10 300 node "${options[@]}" \
        --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$report" "$file" || rc=$?
    p=0 f=0
    while read -r _ word number; do
        case $word in
            pass) p=$number ;;
            fail|cancelled) f=$((f + number)) ;;
        esac
    done < <(grep -E '^# (pass|fail|cancelled) [0-9]+$' "$report" || true)
    if [ "$rc" != 0 ] && [ "$f" = 0 ] || [ ! -s "$report" ]; then
        f=$((f + 1))
    fi
    passed=$((passed + p)) failed=$((failed + f))
done

echo "clients: $passed passed, $failed failed"
[ "$failed" = 0 ]
