#!/usr/bin/env bash
#
# build.sh - builds, runs and tests ngx_http_litellm_module.
#
#   deps                              install what the other subcommands need
#   build                             build/ngx_http_litellm_module.so
#   run [--config FILE] [--port N]    an nginx with the module, in the foreground
#   test [STAGE...]                   everything .ci/run runs, or some stages:
#                                     unit plain asan clients fuzz vectors
#   asan                              build/asan/objs/nginx with sanitizers
#   fuzz [SECONDS]                    each fuzz target for so long (60)
#   bench                             CPU and memory beside plain proxy_pass
#   providers                         writes README's list of providers anew
#   clean                             remove build/
#
# NGINX_SRC=DIR   build against this nginx source tree, not Debian's nginx-dev;
#                 run and test then use an nginx made from it.
# NGINX=PROGRAM   the nginx to run (default: the installed one).
#
# Nothing is written outside build/, but for the packages that deps installs
# and the private directory of a running gateway, removed at its end.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$top/build
module=$build/ngx_http_litellm_module.so
nginx=${NGINX:-}
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
PATH=$PATH:/usr/sbin:/sbin

say() { echo "build.sh: $*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }


# --- what must be installed: "package:probe", a probe is a program or a file

run_needs() {
    echo nginx:nginx gcc:cc make:make libyaml-dev:/usr/include/yaml.h \
         libhiredis-dev:/usr/include/hiredis/hiredis.h \
         libssl-dev:/usr/include/openssl/ssl.h \
         ca-certificates:/etc/ssl/certs/ca-certificates.crt
    if [ -z "${NGINX_SRC:-}" ]; then
        echo nginx-dev:/usr/share/nginx/src/conf_flags
    else
        echo libpcre2-dev:/usr/include/pcre2.h zlib1g-dev:/usr/include/zlib.h
    fi
}

test_needs() {
    run_needs
    echo perl:prove curl:curl openssl:openssl python3:python3 clang:clang \
         libyajl-dev:/usr/include/yajl/yajl_parse.h libpcre2-dev:/usr/include/pcre2.h \
         zlib1g-dev:/usr/include/zlib.h nodejs:node npm:npm \
         redis-server:redis-server chromium-headless-shell:chromium-headless-shell prometheus:prometheus
}

# missing PACKAGE:PROBE... - the packages whose probe is not there
missing() {
    local item probe
    for item; do
        probe=${item#*:}
        case $probe in
            /*) [ -e "$probe" ] || echo "${item%%:*}" ;;
            *) have "$probe" || echo "${item%%:*}" ;;
        esac
    done | sort -u
}

need() {
    local packages
    packages=$(missing "$@")
    [ -n "$packages" ] || return 0
    packages=${packages//$'\n'/ }
    have apt-get || die "missing, please install: $packages (Debian's names)"
    [ "$(id -u)" = 0 ] || die "missing: $packages; as root: apt-get install $packages"
    say "installing $packages"
    install_packages $packages
    packages=$(missing "$@")
    [ -z "$packages" ] || die "still missing after the installation: $packages"
}

# The package of nginx starts a server on port 80 when it is installed, which
# nobody asked for here: a policy of our own forbids it for the time being.
install_packages() {
    local policy=/usr/sbin/policy-rc.d ours=
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        ours=$policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    local rc=0
    {
        apt-get install -y --no-install-recommends "$@" \
        || { apt-get update \
             && apt-get install -y --no-install-recommends "$@"; }
    } >&2 || rc=$?
    [ -z "$ours" ] || rm -f "$ours"
    [ $rc = 0 ] || die "apt-get could not install: $*"
}


# --- trees to build in

# A directory that looks like the nginx tree SRC but takes what a build writes.
tree() {
    local src=$1 dir=$2 entry
    mkdir -p "$dir"
    for entry in "$src"/*; do
        case ${entry##*/} in
            objs|Makefile) ;;
            *) ln -sfn "$entry" "$dir/${entry##*/}" ;;
        esac
    done
}

sources() { (cd "$top/ngx_http_litellm_module" && ls -- */*.c */*.h) 2>/dev/null; }

# configure DIR FLAG... - only when something changed that make would not see
configure() {
    local dir=$1 script=./configure now
    shift
    [ -f "$dir/configure" ] || script=auto/configure    # a checkout, no release
    now=$(printf '%s\n' "$@"; cat "$top/config"; sources
          stat -Lc '%n %Y' "$dir/$script" "$dir/src/core/nginx.h")
    if [ -f "$dir/objs/Makefile" ] && [ "$(cat "$dir/flags" 2>/dev/null)" = "$now" ]; then
        return
    fi
    rm -rf "$dir/objs" "$dir/flags"
    (cd "$dir" && "$script" "$@") >"$dir/configure.log" 2>&1 \
        || { tail -n 20 "$dir/configure.log" >&2; die "configure failed in $dir"; }
    printf '%s\n' "$now" >"$dir/flags"
}

compile() {
    local dir=$1
    shift
    make -C "$dir" -f objs/Makefile -j "$jobs" "$@" >"$dir/make.log" 2>&1 \
        || { grep -E -A6 ' error: |\*\*\* |undefined reference' "$dir/make.log" | head -n 60 >&2
             die "the build failed, see $dir/make.log"; }
}

# One at a time: several users of build.sh may share build/.
locked() {
    mkdir -p "$build"
    exec 9>"$build/.lock"
    flock 9
    "$@"
    exec 9>&-
}

version_of() { sed -n 's/^#define NGINX_VERSION *"\(.*\)"/\1/p' "$1/src/core/nginx.h"; }

# the flags that make the signature of Debian's package and of nginx.org's
own_flags=(--with-compat --with-debug --with-threads --with-http_ssl_module
    --with-http_v2_module --with-http_realip_module
    --with-http_auth_request_module --with-http_stub_status_module
    --with-http_sub_module --with-http_gunzip_module --with-http_slice_module)

optimised='-O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wformat -Werror=format-security'

build_module() {
    local dir
    if [ -n "${NGINX_SRC:-}" ]; then
        [ -f "$NGINX_SRC/src/core/nginx.h" ] || die "NGINX_SRC=$NGINX_SRC is no nginx source tree"
        dir=$build/module-$(version_of "$NGINX_SRC")
        tree "$(cd "$NGINX_SRC" && pwd)" "$dir"
        configure "$dir" "${own_flags[@]}" --with-cc-opt="$optimised" \
            --add-dynamic-module="$top"
        compile "$dir" modules
        if [ -z "$nginx" ]; then
            compile "$dir" objs/nginx
            nginx=$dir/objs/nginx
        fi
    else
        local NGX_CONF_FLAGS=()
        dir=$build/module
        tree /usr/share/nginx/src "$dir"
        . /usr/share/nginx/src/conf_flags
        configure "$dir" "${NGX_CONF_FLAGS[@]}" --with-cc-opt="$optimised" \
            --add-dynamic-module="$top"
        compile "$dir" modules
        : "${nginx:=$(command -v nginx)}"
        local runs=$("$nginx" -v 2>&1)
        [ "${runs##*/}" = "$(version_of "$dir")" ] || [ -n "${NGINX:-}" ] \
            || die "${runs#nginx version: } runs, nginx-dev is $(version_of "$dir")"
    fi
    # the linker leaves it to dlopen() to find that a function is missing
    local unknown
    unknown=$(nm -D --undefined-only "$dir/objs/ngx_http_litellm_module.so" | grep -E 'ngx_(http_)?litellm_' || true)
    [ -z "$unknown" ] || die "not defined anywhere: $unknown"
    # a running nginx has the old file mapped: replace it, never write into it
    if ! cmp -s "$dir/objs/ngx_http_litellm_module.so" "$module"; then
        cp "$dir/objs/ngx_http_litellm_module.so" "$module.new"
        mv -f "$module.new" "$module"
    fi
}


# --- the source of nginx: for unit tests, fuzzing and the sanitizer build

# NGINX_SRC, or the upstream tarball that belongs to Debian's package.  Debian
# lists no sources by default: apt-get gets lists of its own in build/apt, made
# from the entries of the system, which stay as they are.
nginx_source() {
    local wanted
    if [ -n "${NGINX_SRC:-}" ]; then
        source_dir=$(cd "$NGINX_SRC" && pwd)
        return
    fi
    wanted=$(version_of /usr/share/nginx/src)
    source_dir=$build/nginx-src
    if [ -f "$source_dir/src/core/nginx.c" ] && [ "$(version_of "$source_dir")" = "$wanted" ]; then
        return
    fi
    say "getting the source of nginx $wanted"
    local apt=$build/apt
    rm -rf "$apt" "$source_dir"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/get"
    source_lists >"$apt/sources.list"
    local options=(-o Dir::Etc::SourceList="$apt/sources.list"
        -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$apt/lists"
        -o Dir::Cache="$apt/cache" -o APT::Sandbox::User="$(id -un)"
        -o Acquire::Languages=none)
    apt-get "${options[@]}" update >"$apt/log" 2>&1 \
        || { tail -n 5 "$apt/log" >&2; say "apt-get update had trouble, going on"; }
    # a security update's own source may not be in the archive, but its
    # upstream tarball is that of the release
    (cd "$apt/get" && apt-get "${options[@]}" source --tar-only --download-only nginx) \
        >>"$apt/log" 2>&1 \
    || (cd "$apt/get" && apt-get "${options[@]}" source --tar-only --download-only \
            "nginx=$(apt-cache "${options[@]}" showsrc nginx \
                     | awk -v v="$wanted-" '/^Version: / && index($2, v) == 1 { print $2 }' \
                     | sort -V | head -n 1)") >>"$apt/log" 2>&1 \
    || { tail -n 10 "$apt/log" >&2; die "no source of nginx $wanted; set NGINX_SRC"; }
    tar -C "$build" -xzf "$apt"/get/nginx_"$wanted".orig.tar.gz
    mv "$build/nginx-$wanted" "$source_dir"
    rm -rf "$apt"
}

# The system's binary entries of Debian as source entries, both spellings.
source_lists() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -r "$file" ] || continue
        sed -n 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file"
    done | grep -E '[/.]debian' || true
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -r "$file" ] || continue
        awk 'function out(  n, s, i, u, c) {
                 if (uris ~ /[\/.]debian/ && enabled !~ /^no/) {
                     n = split(uris, u, /[ \t]+/); split(suites, s, /[ \t]+/)
                     for (i = 1; i <= n; i++) for (c in s) if (u[i] != "" && s[c] != "")
                         print "deb-src " (key ? "[signed-by=" key "] " : "") u[i] " " s[c] " " parts
                 }
                 uris = suites = parts = key = enabled = ""
             }
             /^[ \t]*$/ { out(); next }
             /^#/ { next }
             { name = tolower($0); sub(/:.*/, "", name); value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
             name == "uris" { uris = value }
             name == "suites" { suites = value }
             name == "components" { parts = value }
             name == "enabled" { enabled = value }
             name == "signed-by" && value ~ /^\// { key = value }
             END { out() }' "$file"
    done
}

# The whole nginx with the module linked in.  Each ngx_palloc() is a malloc()
# of its own, so that AddressSanitizer sees the end of every object; undefined
# behaviour is looked for in our own files only.
build_asan() {
    local dir=$build/asan
    nginx_source
    tree "$source_dir" "$dir"
    printf '[undefined]\nsrc:src/*\nsrc:objs/*\n' >"$build/asan.ignore"
    local sanitize=-fsanitize=address,undefined
    local opt="-O1 -g -fno-omit-frame-pointer $sanitize"
    # NULL with a length of 0 is a string like others in nginx
    opt+=" -fno-sanitize=nonnull-attribute,pointer-overflow"
    opt+=" -fno-sanitize-recover=undefined -fsanitize-ignorelist=$build/asan.ignore"
    opt+=" -DNGX_DEBUG_PALLOC=1 -DNGX_HAVE_NONALIGNED=0"
    configure "$dir" "${own_flags[@]}" --with-cc=clang --with-cc-opt="$opt" \
        --with-ld-opt="$sanitize" --add-module="$top"
    compile "$dir" objs/nginx
}


# --- subcommands

cmd_deps() {
    need $(test_needs)
}

cmd_build() {
    need $(run_needs)
    locked build_module
    say "built ${module#"$top"/}"
}

# a word for nginx.conf
quoted() { local s=${1//\\/\\\\}; s=${s//\"/\\\"}; printf '"%s"' "$s"; }

cmd_run() {
    local config=$top/conf-examples/litellm-config.yaml port=4000 dir pid name rc=0
    while [ $# -gt 0 ]; do
        case $1 in
            --config|-c) [ $# -ge 2 ] || die "$1 needs a file"; config=$2; shift 2 ;;
            --config=*) config=${1#*=}; shift ;;
            --port) [ $# -ge 2 ] || die "$1 needs a number"; port=$2; shift 2 ;;
            --port=*) port=${1#*=}; shift ;;
            *) die "run: no such option: $1 (--config FILE, --port N)" ;;
        esac
    done
    [[ $port =~ ^[0-9]+$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] \
        || die "run: \"$port\" is no port"
    [ -r "$config" ] || die "run: cannot read $config"
    config=$(cd "$(dirname "$config")" && pwd)/$(basename "$config")

    need $(run_needs)
    locked build_module

    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        die "run: port $port is taken"
    fi
    dir=$(mktemp -d "${TMPDIR:-/tmp}/litellm-run.XXXXXX")
    trap 'rm -rf "$dir"' EXIT
    chmod 711 "$dir"
    write_conf >"$dir/nginx.conf"

    pid=
    for name in TERM INT QUIT HUP; do
        trap '[ -n "$pid" ] || exit 1; kill -'$name' $pid 2>/dev/null' $name
    done
    "$nginx" -p "$dir/" -c "$dir/nginx.conf" -e stderr &
    pid=$!
    say "serving ${config#"$PWD"/} on port $port"
    while :; do
        rc=0
        wait $pid || rc=$?
        kill -0 $pid 2>/dev/null || break
    done
    exit $rc
}

# Large enough for thousands of streams that each hold two connections.
write_conf() {
    local files
    files=$(ulimit -Hn)
    [ "$files" = unlimited ] || [ "$files" -gt 1048576 ] && files=1048576
    [ "$(id -u)" != 0 ] || echo "user $(id -un www-data 2>/dev/null || echo nobody);"
    cat <<END
daemon off;
worker_processes auto;
worker_rlimit_nofile $files;
worker_shutdown_timeout 600s;
pid nginx.pid;
error_log stderr notice;
load_module $(quoted "$module");

events {
    worker_connections 8192;
}

http {
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;

    access_log off;
    server_tokens off;
    keepalive_requests 1000000;
    client_body_timeout 120s;
    send_timeout 120s;
    large_client_header_buffers 8 16k;

    litellm_config $(quoted "$config");
END
    [ ! -r "$(dirname "$config")/.env" ] \
        || echo "    litellm_env_file $(quoted "$(dirname "$config")/.env");"
    cat <<END

    server {
        listen $port backlog=4096;
$([ ! -e /proc/net/if_inet6 ] || echo "        listen [::]:$port ipv6only=on backlog=4096;")

        location / {
            litellm;
        }
    }
}
END
}

cmd_asan() {
    need $(test_needs)
    locked build_asan
    say "built build/asan/objs/nginx"
}

cmd_fuzz() {
    need $(test_needs)
    locked nginx_source
    make -C "$top/t/fuzz" NGINX_SRC="$source_dir" BUILD="$build/fuzz" run SECONDS="${1:-60}"
}

cmd_bench() {
    need $(run_needs) wrk:wrk curl:curl util-linux:taskset gcc:cc
    locked build_module
    LITELLM_SO=$module NGINX=$nginx "$top/bench/run.sh" "$@"
}

# The lines of README between its two comments, as t/unit prints them.
cmd_providers() {
    need $(test_needs)
    locked nginx_source
    local list=$build/providers.md
    make -s -C "$top/t/unit" NGINX_SRC="$source_dir" BUILD="$build/unit" providers >"$list"
    [ -s "$list" ] || die "no list was printed"
    awk -v list="$list" '
        /^<!-- providers: / { print; while ((getline line <list) > 0) print line; skip = 1 }
        /^<!-- end of providers -->$/ { skip = 0 }
        !skip' "$top/README.md" >"$build/README.md"
    cat "$build/README.md" >"$top/README.md"
    rm -f "$build/README.md"
    say "README lists $(($(wc -l <"$list") - 2)) providers"
}

cmd_clean() { rm -rf "$build"; }

# Each stage prints what it ran and, last, a line "NAME: N passed, N failed".
# A stage without that line, or one that fails in another way, counts as one
# failed check, so that nothing is lost in the sum.
passed=0 failed=0 verdicts=()

stage() {
    local name=$1 log=$build/test-$1.log rc=0 line p=0 f=0
    shift
    say "stage $name"
    "$@" 2>&1 | tee "$log" || rc=$?
    line=$(grep -E '^[a-z-]+: [0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
    if [ -n "$line" ]; then
        read -r _ p _ f _ <<<"$line"
    fi
    if [ $rc != 0 ] && [ "$f" = 0 ] || [ -z "$line" ]; then
        f=$((f + 1))
    fi
    passed=$((passed + p)) failed=$((failed + f))
    verdicts+=("$name: $p passed, $f failed")
}

stage_unit() {
    make -C "$top/t/unit" NGINX_SRC="$source_dir" BUILD="$build/unit" -j "$jobs" check
}

stage_plain() {
    TEST_NGINX_BINARY=$nginx TEST_NGINX_MODULE=$module \
        perl "$top/t/run.pl" --label plain --jobs "$jobs" "$top"/t/*.t
}

stage_asan() {
    TEST_NGINX_BINARY=$build/asan/objs/nginx TEST_NGINX_MODULE= TEST_NGINX_SLOW=4 \
        perl "$top/t/run.pl" --label asan --jobs "$jobs" "$top"/t/*.t
}

stage_clients() {
    TEST_NGINX_BINARY=$nginx TEST_NGINX_MODULE=$module \
        "$top/t/clients/run.sh" "$build/clients"
}

# what a tree says of itself is the same each time; `fuzz` looks further
stage_fuzz() {
    FUZZ_SEED="${FUZZ_SEED:-1}" \
        make -C "$top/t/fuzz" NGINX_SRC="$source_dir" BUILD="$build/fuzz" run SECONDS="${FUZZ_SECONDS:-10}"
}

stage_vectors() {
    cd "$top"
    if python3 ../shared/vectors/check.py --minimum 99; then
        echo "vectors: 1 passed, 0 failed"
    else
        echo "vectors: 0 passed, 1 failed"
    fi
}

cmd_test() {
    local wanted=("$@") name
    if [ ${#wanted[@]} = 0 ]; then
        wanted=(unit plain asan clients fuzz)
        [ ! -r "$top/../shared/vectors/check.py" ] || wanted+=(vectors)
    fi
    need $(test_needs)
    locked build_module
    for name in "${wanted[@]}"; do
        case $name in
            unit|fuzz) locked nginx_source ;;
            asan) locked build_asan ;;
            plain|clients|vectors) ;;
            *) die "test: no such stage: $name" ;;
        esac
        stage "$name" "stage_$name"
    done
    printf '%s\n' "${verdicts[@]}" >&2
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

cmd=${1:-}
[ $# = 0 ] || shift
case $cmd in
    deps|build|run|test|asan|fuzz|bench|providers|clean) "cmd_$cmd" "$@" ;;
    *) sed -n '3,21s/^# \{0,1\}//p' "$top/build.sh" >&2; exit 2 ;;
esac
