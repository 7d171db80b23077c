#!/usr/bin/env bash
#
# bench/run.sh - what the gateway costs beside plain proxy_pass.
#
# The same nginx program, the same requests, the same mock provider: once
# through proxy_pass (unbuffered, kept-alive connections), once through
# "litellm".  One worker with a core of its own; mock and clients share
# another one.  For each figure both run in turn, freshly started each time;
# the ratio of the two is taken for each turn, and the median of the ratios is
# printed.  Ends by itself after about 4 minutes; 127.0.0.1 only.
#
# Where only CPU counts, clients and mock are one process that never sleeps
# (load -m), so that the gateway has nobody to wake; the rows with slow streams
# have a mock of their own, and everybody sleeps as in real life.
#
#   LITELLM_SO=module.so NGINX=program bench/run.sh [ROW...]
#
# Rows: chat all log translated large stream stream-translated cache cache-stream
#       slow bodies
#
# "all" is "chat" with a virtual key and its team, limits of requests, tokens,
# requests at once and budget on both, prices, metrics, and nginx's access log,
# in its "combined" format on both sides.  In "log" ours writes all variables
# instead (conf-examples/log.conf), proxy_pass "combined" as before.
#
#   VALGRIND=FILE          no times, but instructions of a request in user space
#                          of chat, all, translated, large, stream...; what
#                          callgrind wrote is in FILE.ROW.WHO
#   REPS=5  DUR=2          turns, and seconds of one measurement
#   STREAMS=2000           slow streams at once
#   GW_CPU=0 LOAD_CPU=1    cores
#   MOCK_PORT=18400 GW_PORT=18401
#   CELLS=FILE             raw figures: row, turn, who, CPU us, KB, ...
#
# build.sh bench sets LITELLM_SO and NGINX.

set -u

here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin

: "${LITELLM_SO:=$here/../build/ngx_http_litellm_module.so}"
: "${NGINX:=$(command -v nginx)}"
: "${REPS:=5}" "${DUR:=2}" "${STREAMS:=2000}" "${GW_CPU:=0}" "${LOAD_CPU:=1}"
: "${MOCK_PORT:=18400}" "${GW_PORT:=18401}" "${CELLS:=}" "${VALGRIND:=}"

if [ $# = 0 ]; then
    set -- chat all log translated large stream stream-translated cache cache-stream
    [ -n "$VALGRIND" ] || set -- "$@" slow bodies
fi

die() { echo "bench: $*" >&2; exit 1; }

[ -r "$LITELLM_SO" ] || die "no module $LITELLM_SO (build.sh build)"
[ -x "$NGINX" ] || die "no nginx"
for tool in cc taskset awk ${VALGRIND:+valgrind callgrind_annotate}; do
    command -v $tool >/dev/null || die "$tool is missing"
done
LITELLM_SO=$(cd "$(dirname "$LITELLM_SO")" && pwd)/${LITELLM_SO##*/}

cores=$(getconf _NPROCESSORS_ONLN)
if [ "$cores" -lt 2 ]; then
    echo "bench: one core only: the gateway shares it, figures say little" >&2
    GW_CPU=0 LOAD_CPU=0
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/litellm-bench.XXXXXX") || exit 1
mock_pid= gw_pid=

cleanup() {
    [ -z "$gw_pid" ] || kill "$gw_pid" 2>/dev/null
    [ -z "$mock_pid" ] || kill "$mock_pid" 2>/dev/null
    [ -z "$CELLS" ] || cp "$dir/cells" "$CELLS"
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

chmod 711 "$dir"
: >"$dir/cells"
ulimit -n "$(ulimit -Hn)" 2>/dev/null

cc -O2 -o "$dir/mock" "$here/mock.c" \
    && cc -O2 -DMOCK_PART -o "$dir/load" "$here/load.c" "$here/mock.c" \
    || die "mock.c or load.c does not compile"


# --- request bodies: chat of about 2 KB or 100 KB, one of 10 MB

# body BYTES [stream]
body() {
    awk -v want="$1" -v stream="${2:-}" 'BEGIN {
        line[0] = "12:00:03 worker 7: upstream timed out (110: Connection timed out) while reading a response header\\n";
        line[1] = "    if (rc == NGX_AGAIN) { return NGX_OK; }  /* wait for \\\"more\\\" */\\n";
        line[2] = "Die Pr\303\274fung ist bestanden \342\200\223 na\303\257ve fa\303\247ade, \346\235\261\344\272\254.\\n";
        line[3] = "Read one event after another, keep none of them longer than it has to be kept, and say what was seen.\\n";
        line[4] = "path=C:\\\\data\\\\run\\tvalue=3.14159 ok=true\\n";
        printf "{\"model\":\"bench\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a careful assistant. Answer in short sentences and name the \\\"file:line\\\" that you rely on.\\nPlain text, no tables.\"},";
        printf "{\"role\":\"user\",\"content\":\"What happens when the provider is slow?\"},{\"role\":\"assistant\",\"content\":\"It is tried again once, then the next one is asked, see \\\"fallbacks\\\".\"},{\"role\":\"user\",\"content\":\"Read this:\\n";
        for (n = 0; n < want; i++) {
            printf "%s", line[i % 5];
            n += length(line[i % 5]);
        }
        printf "\"}],\"temperature\":0.7,\"top_p\":0.95,\"max_tokens\":512,\"stop\":[\"\\n\\nHuman:\",\"END\"],\"user\":\"user-1234\",";
        if (stream != "") printf "\"stream\":true,\"stream_options\":{\"include_usage\":true},";
        printf "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_file\",\"description\":\"Reads a file of the repository\",\"parameters\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\",\"description\":\"path from the top\"},\"from\":{\"type\":\"integer\"},\"to\":{\"type\":\"integer\"}},\"required\":[\"path\"]}}}],\"tool_choice\":\"auto\"}";
    }'
}

body 700 >"$dir/small.json"
body 700 stream >"$dir/stream.json"
body 99000 >"$dir/large.json"
body 10000000 >"$dir/huge.json"


# --- the gateway

provider() {    # FILE PROVIDER BASE
    printf 'model_list:\n  - model_name: "*"\n    litellm_params:\n      model: "%s/*"\n      api_base: "%s"\n      api_key: sk-bench\n' \
        "$2" "$3" >"$dir/$1"
}

key=sk-bench-0123456789

# the model's price is the table's; what is limited is never reached
all_on() {
    local limits="rpm_limit: 1000000000, tpm_limit: 1000000000000, max_parallel_requests: 100000, max_budget: 1000000, budget_duration: 30d"
    cat >"$dir/all.yaml" <<END
model_list:
  - model_name: bench
    litellm_params:
      model: openai/gpt-4o-mini
      api_base: "http://127.0.0.1:$MOCK_PORT/c/v1"
      api_key: sk-bench
general_settings:
  master_key: sk-master-0123456789
virtual_keys:
  - {key: $key, key_alias: bench, models: [bench], team_id: bench, $limits}
teams:
  - {team_id: bench, team_alias: bench, $limits}
END
    cat <<END
        location /proxy/all/ {
            proxy_pass http://mock/c/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            client_body_buffer_size 16m;
            access_log $dir/access.log combined buffer=64k;
        }
        location /openai/all/ {
            litellm;
            litellm_config $dir/all.yaml;
            access_log $dir/access.log combined buffer=64k;
        }
        location /openai/log/ {
            litellm;
            litellm_config $dir/all.yaml;
            access_log $dir/access.log litellm buffer=64k;
        }
END
}

locations() {
    local kind
    for kind in c s t; do
        provider "openai-$kind.yaml" openai "http://127.0.0.1:$MOCK_PORT/$kind/v1"
        provider "anthropic-$kind.yaml" anthropic "http://127.0.0.1:$MOCK_PORT/$kind"
        cat <<END
        location /proxy/$kind/ {
            proxy_pass http://mock/$kind/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            client_body_buffer_size 16m;
        }
        location /openai/$kind/ {
            litellm;
            litellm_config $dir/openai-$kind.yaml;
        }
        location /anthropic/$kind/ {
            litellm;
            litellm_config $dir/anthropic-$kind.yaml;
        }
        location /cached/$kind/ {
            litellm;
            litellm_config $dir/openai-$kind.yaml;
            litellm_cache on;
        }
END
    done
}

{
    cat <<END
daemon off;
master_process off;
worker_rlimit_nofile $(ulimit -n);
pid $dir/nginx.pid;
error_log $dir/error.log error;
load_module $LITELLM_SO;
events {
    worker_connections 16384;
}
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    keepalive_requests 100000000;
    client_max_body_size 32m;
    include $here/../conf-examples/log.conf;
    litellm_cache_zone zone=answers:8m;
    litellm_keepalive 4096;
    litellm_keepalive_requests 100000000;
    upstream mock {
        server 127.0.0.1:$MOCK_PORT;
        keepalive 4096;
        keepalive_requests 100000000;
    }
    server {
        listen 127.0.0.1:$GW_PORT backlog=4096;
END
    locations
    all_on
    printf '    }\n}\n'
} >"$dir/nginx.conf"

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

wait_port() {   # PORT PID
    local i
    for ((i = 0; i < 100; i++)); do
        kill -0 "$2" 2>/dev/null || return 1
        ! answers "$1" || return 0
        sleep 0.05
    done
    return 1
}

start_gateway() {
    rm -f "$dir/access.log"
    taskset -c "$GW_CPU" "$NGINX" -p "$dir/" -c "$dir/nginx.conf" \
        >"$dir/nginx.log" 2>&1 &
    gw_pid=$!
    wait_port "$GW_PORT" $gw_pid \
        || { cat "$dir/nginx.log" "$dir/error.log" >&2; die "nginx does not start"; }
}

stop_gateway() {
    kill "$gw_pid" 2>/dev/null
    wait "$gw_pid" 2>/dev/null
    gw_pid=
}

load() { taskset -c "$LOAD_CPU" "$dir/load" "$GW_PORT" "$@"; }

# microseconds of CPU that the gateway has used
cpu() { awk '{ printf "%.0f\n", $1 / 1000 }' "/proc/$gw_pid/schedstat"; }

memory() { awk -v f="$1:" '$1 == f { print $2 }' "/proc/$gw_pid/status"; }


# --- one measurement: a line "ROW TURN WHO us-per-answer KB-per-stream p50 p99
#     max n bad lost side" in the cells

# cell ROW TURN WHO PATH BODY LOAD-OPTIONS...
cell() {
    local row=$1 turn=$2 who=$3 path=$4 body=$5 warm before after line rss peak
    shift 5
    start_gateway
    case $row in
        slow|bodies*) warm=(-c 20 -n 1 -e 20) ;;
        *) warm=(-t 0.5 -m "$MOCK_PORT") ;;
    esac
    case $row in *stream*) warm+=(-e 100) ;; all|log) warm+=(-k $key) ;; esac
    case $row-$who in
        # events of 1 KB of text, which cut two of the 100 marks in two
        cache-stream-litellm)
            load "$path" "$body" -c 1 -n 1 -e 100 -m "$MOCK_PORT" >/dev/null
            set -- "$@" -e 98
            warm+=(-e 98) ;;
    esac
    line=$(load "$path" "$body" "${warm[@]}")
    case $line in
        *" bad=0 lost=0 "*) ;;
        *) echo "bench: $row $who: wrong answers: $line" >&2 ;;
    esac
    rss=$(memory VmRSS)
    echo 5 2>/dev/null >"/proc/$gw_pid/clear_refs"
    before=$(cpu)
    line=$(load "$path" "$body" "$@")
    after=$(cpu)
    case $row-$who-$line in
        cache*-litellm-*" asked=0") ;;
        cache*-litellm-*) echo "bench: $row: not from the cache: $line" >&2 ;;
    esac
    peak=$(memory VmHWM)
    stop_gateway
    echo "$line" | tr '=' ' ' | awk -v row="$row" -v turn="$turn" -v who="$who" \
        -v us=$((after - before)) -v kb=$((peak - rss)) -v streams="$STREAMS" '{
            for (i = 1; i < NF; i += 2) v[$i] = $(i + 1);
            printf "%s %s %s %.2f %.2f %s %s %s %s %s %s %s\n", row, turn, who,
                v["n"] ? us / v["n"] : 0, kb / streams, v["ev50"], v["ev99"],
                v["evmax"], v["n"], v["bad"], v["lost"], v["side"];
        }' | tee -a "$dir/cells" | sed 's/^/  /' >&2
}

start_mock() {
    taskset -c "$LOAD_CPU" "$dir/mock" "$MOCK_PORT" 1800 &
    mock_pid=$!
    wait_port "$MOCK_PORT" $mock_pid || die "the mock does not start"
}

stop_mock() {
    kill "$mock_pid" 2>/dev/null
    wait "$mock_pid" 2>/dev/null
    mock_pid=
}

# row NAME PATH-OF-OURS PATH-OF-PROXY BODY LOAD-OPTIONS...
row() {
    local name=$1 ours=$2 base=$3 body=$4 turn
    shift 4
    for ((turn = 1; turn <= REPS; turn++)); do
        cell "$name" $turn proxy_pass "$base" "$dir/$body" "${@/#\/openai\//\/proxy\/}"
        cell "$name" $turn litellm "$ours" "$dir/$body" "$@"
    done
}

# Anthropic's proxy_pass is that of OpenAI: what the client would have without
# a translation
row_of() {
    local chat=v1/chat/completions
    case $1 in
        all|log) row $1 /openai/$1/$chat /proxy/all/$chat small.json -t "$DUR" -k $key -m "$MOCK_PORT" ;;
        chat) row chat /openai/c/$chat /proxy/c/$chat small.json -t "$DUR" -m "$MOCK_PORT" ;;
        translated) row translated /anthropic/c/$chat /proxy/c/$chat small.json -t "$DUR" -m "$MOCK_PORT" ;;
        large) row large /openai/c/$chat /proxy/c/$chat large.json -t "$DUR" -m "$MOCK_PORT" ;;
        stream) row stream /openai/s/$chat /proxy/s/$chat stream.json -t "$DUR" -e 100 -m "$MOCK_PORT" ;;
        stream-translated) row stream-translated /anthropic/s/$chat /proxy/s/$chat stream.json -t "$DUR" -e 100 -m "$MOCK_PORT" ;;
        cache) row cache /cached/c/$chat /proxy/c/$chat small.json -t "$DUR" -m "$MOCK_PORT" ;;
        cache-stream) row cache-stream /cached/s/$chat /proxy/s/$chat stream.json -t "$DUR" -e 100 -m "$MOCK_PORT" ;;
        slow)
            start_mock
            row slow /openai/t/$chat /proxy/t/$chat stream.json -c "$STREAMS" -n 2 -r 1000 -e 20
            stop_mock ;;
        bodies)
            start_mock
            row bodies-none /openai/t/$chat /proxy/t/$chat stream.json -c 100 -n 2 -r 200 -e 20
            row bodies /openai/t/$chat /proxy/t/$chat stream.json -c 100 -n 2 -r 200 -e 20 \
                -u /openai/c/$chat -b "$dir/huge.json"
            stop_mock ;;
        *) die "no such row: $1" ;;
    esac
}


# --- instructions: those of many requests less those of few, by one connection

# counted ROW WHO PATH BODY LOAD-OPTIONS...
counted() {
    local row=$1 who=$2 path=$3 body=$4 out=$VALGRIND.$1.$2 n line few=100 many=600 sum=()
    shift 4
    for n in $few $many; do
        taskset -c "$GW_CPU" valgrind --tool=callgrind --callgrind-out-file="$out" \
            "$NGINX" -p "$dir/" -c "$dir/nginx.conf" >"$dir/nginx.log" 2>&1 &
        gw_pid=$!
        wait_port "$GW_PORT" $gw_pid || { cat "$dir/nginx.log" >&2; die "nginx does not start"; }
        line=$(load "$path" "$body" -c 1 -n $n "$@")
        case $line in
            "n=$n bad=0 lost=0 "*) ;;
            *) echo "bench: $row $who: wrong answers: $line" >&2 ;;
        esac
        stop_gateway
        sum+=("$(awk '/^(summary|totals):/ { s = $2 } END { print s }' "$out")")
    done
    echo $(((sum[1] - sum[0]) / (many - few)))
}

# count ROW PATH-OF-OURS PATH-OF-PROXY BODY LOAD-OPTIONS...
count() {
    local name=$1 ours=$2 base=$3 body=$4 a b
    shift 4
    a=$(counted "$name" proxy_pass "$base" "$dir/$body" "$@")
    b=$(counted "$name" litellm "$ours" "$dir/$body" "$@")
    echo "| $name | $a | $b |"
}

count_all() {
    local name
    row() { count "$@"; }
    echo "| instructions of a request | proxy_pass | litellm |"
    echo "|---|--:|--:|"
    for name; do
        case $name in
            slow|bodies) die "VALGRIND does not go with $name" ;;
        esac
        row_of "$name"
    done
}


# --- the tables

report() {
    awk '
    function median(list,   n, a, i, j, t) {
        n = split(list, a, " ");
        for (i = 2; i <= n; i++) {
            t = a[i] + 0;
            for (j = i - 1; j > 0 && a[j] + 0 > t; j--) a[j + 1] = a[j];
            a[j + 1] = t;
        }
        return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2;
    }
    function all(row, who, f) { return median(v[row, who, f]) }
    function verdict(x, floor) { return x <= floor ? "yes" : "NO" }
    {
        if (!($1 in seen)) { seen[$1] = 1; rows[++nrows] = $1 }
        for (f = 4; f <= 8; f++) v[$1, $3, f] = v[$1, $3, f] " " $f;
        one[$1, $2, $3] = $4;
        turns[$1] = $2;
        bad[$1, $3] += $10; lost[$1, $3] += $11; sides[$1, $3] += $12;
    }
    END {
        name["chat"] = "2 KB chat, same dialect"; floor["chat"] = 1.20; goal["chat"] = 1.05;
        name["all"] = "2 KB chat, key, limits, cost, metrics, log"; floor["all"] = 1.35; goal["all"] = 1.15;
        name["log"] = "... and a log line of all variables";
        name["translated"] = "2 KB chat, to Anthropic"; floor["translated"] = 1.90; goal["translated"] = 1.35;
        name["large"] = "100 KB chat, same dialect"; floor["large"] = 1.45; goal["large"] = 1.15;
        name["stream"] = "100 events, same dialect"; floor["stream"] = 1.35; goal["stream"] = 1.10;
        name["stream-translated"] = "100 events, from Anthropic"; floor["stream-translated"] = 2.80; goal["stream-translated"] = 1.60;
        name["cache"] = "2 KB chat, from the cache"; floor["cache"] = 0.60; goal["cache"] = 0.40;
        name["cache-stream"] = "100 events, from the cache"; floor["cache-stream"] = 0.60; goal["cache-stream"] = 0.40;
        name["slow"] = "slow streams at once"; floor["slow"] = 1.20; goal["slow"] = 1.20;

        print "| CPU of the worker | proxy_pass us | litellm us | ratio | at most | met | goal | bad |";
        print "|---|--:|--:|--:|--:|:-:|--:|--:|";
        for (r = 1; r <= nrows; r++) {
            n = rows[r];
            if (!(n in name)) continue;
            ratios = "";
            for (t = 1; t <= turns[n]; t++)
                if (one[n, t, "proxy_pass"] > 0)
                    ratios = ratios " " one[n, t, "litellm"] / one[n, t, "proxy_pass"];
            x = median(ratios);
            bar = "- | - | -";
            if (n in floor) bar = sprintf("%.2f | %s | %.2f", floor[n], verdict(x, floor[n]), goal[n]);
            printf "| %s | %.1f | %.1f | %.2f | %s | %d |\n", name[n],
                all(n, "proxy_pass", 4), all(n, "litellm", 4), x, bar,
                bad[n, "proxy_pass"] + bad[n, "litellm"];
        }

        if ("slow" in seen) {
            extra = all("slow", "litellm", 5) - all("slow", "proxy_pass", 5);
            print "";
            print "| slow streams | KB each | events lost | event p50 us | event p99 us |";
            print "|---|--:|--:|--:|--:|";
            for (k = 1; k <= 2; k++) {
                w = k == 1 ? "proxy_pass" : "litellm";
                printf "| %s | %.1f | %d | %.0f | %.0f |\n", w, all("slow", w, 5), lost["slow", w],
                    all("slow", w, 6), all("slow", w, 7);
            }
            printf "\nmemory of a stream over that of proxy_pass: %.1f KB (at most 16: %s)\n", extra, verdict(extra, 16);
        }

        if ("bodies" in seen) {
            print "";
            print "| 100 slow streams | event p50 us | event p99 us | longest us | 10 MB bodies taken in |";
            print "|---|--:|--:|--:|--:|";
            for (k = 1; k <= 4; k++) {
                n = k <= 2 ? "bodies-none" : "bodies";
                w = k % 2 ? "proxy_pass" : "litellm";
                printf "| %s%s | %.0f | %.0f | %.0f | %d |\n", w, (k > 2 ? ", and 10 MB bodies" : ""),
                    all(n, w, 6), all(n, w, 7), all(n, w, 8), sides[n, w];
            }
        }
    }' "$dir/cells"
}


! answers "$MOCK_PORT" && ! answers "$GW_PORT" \
    || die "port $MOCK_PORT or $GW_PORT is taken (MOCK_PORT, GW_PORT)"

echo "bench: $("$NGINX" -v 2>&1 | sed 's/.*: //'), $cores cores, load $(cut -d' ' -f1 /proc/loadavg)" >&2

if [ -n "$VALGRIND" ]; then
    count_all "$@"
    exit
fi

for name; do
    row_of "$name"
done

report
