#!/bin/sh
#
# run.sh CONTROLS PROGRAM...
#
# Runs the test programs and adds up their checks.  A program that ends
# without its own line (a crash, a sanitizer's report, a hang) counts as one
# failed check.  First the counting itself is tried on the three programs in
# CONTROLS, one that passes, one that fails and one that crashes: a harness
# that can't fail would prove nothing.
#
# UNIT_BUILT    status of the build: not 0 counts as a failed check
# UNIT_TIMEOUT  seconds for one program

passed=0
failed=0
limit=${UNIT_TIMEOUT:-600}

# prints the program's line, made up if it gave none
one() {
    line=$(timeout "$limit" "$1" | tail -n 1)

    case $line in
    "ok "*" checks)" | "not ok "*" failed)")
        printf '%s\n' "$line"
        ;;
    *)
        printf 'not ok %s (0 checks, 1 failed)\n' "$(basename "$1")"
        ;;
    esac
}

# adds a line to passed and failed
count() {
    n=${1##*(}
    n=${n%%)*}

    case $1 in
    "ok "*)
        passed=$((passed + ${n%% *}))
        ;;
    *)
        bad=${n##*, }
        bad=${bad%% *}
        all=${n%% *}
        [ "$all" -gt "$bad" ] && passed=$((passed + all - bad))
        failed=$((failed + bad))
        ;;
    esac
}

controls=$1
shift

for p in passing failing crashing; do
    line=$(one "$controls/$p" 2>/dev/null)
    count "$line"
    lines="$lines$line;"
done

want="ok passing (3 checks);not ok failing (3 checks, 2 failed);"
want="${want}not ok crashing (0 checks, 1 failed);"

if [ "$lines" = "$want" ] && [ "$passed" = 4 ] && [ "$failed" = 3 ]; then
    echo "ok harness (3 checks)"
    passed=3
    failed=0

else
    echo "# harness: got $lines $passed passed, $failed failed" >&2
    echo "not ok harness (3 checks, 3 failed)"
    passed=0
    failed=3
fi

if [ "${UNIT_BUILT:-0}" != 0 ]; then
    echo "not ok build (0 checks, 1 failed)"
    failed=$((failed + 1))
fi

for p; do
    line=$(one "$p")
    printf '%s\n' "$line"
    count "$line"
done

echo "unit: $passed passed, $failed failed"

[ "$failed" = 0 ]
