#!/bin/sh
# counters.sh RIVET PROGRAM COUNTER...: what these counters of -stats count happens when hot code is
# sought everywhere. Outputs are equal without it, so no other test would miss it.
set -eu
rivet=$1
program=$2
shift 2
stats=$(mktemp)
trap 'rm -f "$stats"' EXIT
RIVET_CACHE=off RIVET_COLD=0 "$rivet" -tier opt -stats "$program" >/dev/null 2>"$stats"
for counter; do
    if ! awk -v c="$counter" '$1 == c { n = $2 } END { exit !(n > 0) }' "$stats"; then
        echo "counters.sh: $counter is 0 or not there"
        cat "$stats"
        exit 1
    fi
done
