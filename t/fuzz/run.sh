#!/bin/sh
#
# run.sh OUT CORPUS NAME...
#
# Runs the fuzz targets one after another, each for FUZZ_SECONDS, and counts
# those that found nothing.  A finding is left in OUT/findings.  FUZZ_SEED makes
# a run repeat what another one with the same programs and corpus did.

out=$1
seeds=$2
shift 2

passed=0
failed=0

mkdir -p "$out/findings" "$out/log"

if [ "${FUZZ_BUILT:-0}" != 0 ]; then
    echo "not ok build"
    failed=1
fi

for name; do
    mkdir -p "$out/corpus/$name"

    dirs=$out/corpus/$name
    [ -d "$seeds/$name" ] && dirs="$dirs $seeds/$name"

    if "$out/bin/fuzz_$name" -max_total_time="${FUZZ_SECONDS:-20}" \
        -max_len="${FUZZ_MAX_LEN:-4096}" -timeout=10 -rss_limit_mb=2048 \
        -seed="${FUZZ_SEED:-0}" -print_final_stats=1 \
        -artifact_prefix="$out/findings/$name-" \
        $dirs >"$out/log/$name" 2>&1
    then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' \
               "$out/log/$name")
        echo "ok fuzz_$name (${runs:-0} runs)"
        passed=$((passed + 1))

    else
        tail -n 60 "$out/log/$name" >&2
        echo "not ok fuzz_$name (see $out/log/$name)"
        failed=$((failed + 1))
    fi
done

echo "fuzz: $passed passed, $failed failed"

[ "$failed" = 0 ]
