#!/bin/sh
# New connections a second: each says a word, waits for it to come back, and closes. Run `churn serve PORT` on the other
# host. A line for each number of connections under way: how many, a second, done, failed.
#
#   rate.sh CHURN SERVER PORT [SECONDS [TOGETHER...]]
set -eu
usage="usage: rate.sh CHURN SERVER PORT [SECONDS [TOGETHER...]]"
churn=${1:?$usage}
server=${2:?$usage}
port=${3:?$usage}
seconds=${4:-10}
[ $# -gt 4 ] && shift 4 || set -- 1 8 32 128 512

echo "# together per_second done failed"
for together in "$@"; do
  "$churn" open "$server" "$port" "$together" $((seconds * 1000)) |
    awk -v n="$together" '{ printf "%d %.0f %d %d\n", n, $1 * 1000 / $3, $1, $2 }'
done
