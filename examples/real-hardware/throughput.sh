#!/bin/sh
# Bulk TCP by iperf3, one way, then the other, then both at once, with 1 and with many streams. Run `iperf3 -s` on the
# other host. Every line: direction, streams, Mbit/s received, segments sent again.
#
#   throughput.sh SERVER [SECONDS [STREAMS [PORT]]]
set -eu
server=${1:?usage: throughput.sh SERVER [SECONDS [STREAMS [PORT]]]}
seconds=${2:-30}
many=${3:-8}
port=${4:-5201}

# Of one summary in iperf3's JSON the number of a key; the keys of a summary stand on lines of their own.
number() { # FILE SUMMARY KEY
  awk -v summary="\"$2\":" -v key="\"$3\":" '
    index($0, summary) { inside = 1 }
    inside && index($0, key) { gsub(/[^0-9.eE+-]/, "", $2); print $2; exit }' "$1"
}

one() { # NAME SUFFIX OF SUMMARIES, FILE
  got=$(number "$3" "sum_received$2" bits_per_second)
  again=$(number "$3" "sum_sent$2" retransmits)
  [ -n "$got" ] || { cat "$3" >&2; exit 1; }
  awk -v name="$1" -v n="$streams" -v got="$got" -v again="${again:--}" \
    'BEGIN { printf "%s %d %.1f %s\n", name, n, got / 1e6, again }'
}

run() { # NAME ARGUMENT...
  name=$1
  shift
  iperf3 -c "$server" -p "$port" -t "$seconds" -P "$streams" -J "$@" >"$out" || { cat "$out" >&2; exit 1; }
  if [ "$name" = both ]; then
    one both-there "" "$out"
    one both-back _bidir_reverse "$out"
  else
    one "$name" "" "$out"
  fi
}

out=$(mktemp)
trap 'rm -f "$out"' EXIT
echo "# direction streams Mbit/s retransmitted"
for streams in 1 "$many"; do
  run there
  run back -R
  run both --bidir
done
