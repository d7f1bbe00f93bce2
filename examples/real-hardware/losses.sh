#!/bin/sh
# Where packets go: every counter of the machine that may stand for a lost one and that has grown while a command ran
# (or for ten seconds). Run it on the wall, as root, with its ports. Nothing is printed of what did not grow.
#
#   losses.sh PORT[,PORT...] [COMMAND ARGUMENT...]
#
#   nic PORT NAME GROWTH       ethtool -S: the NIC and its driver, by queue where they say
#   device PORT NAME GROWTH    the kernel's own counters of the device
#   backlog CPU NAME GROWTH    softnet_stat: `squeezed` is work left undone when a round was over, no loss yet
#   wall NAME GROWTH           bwctl: drops by reason, and what was forwarded but not sent (BWCTL_SOCKET, if several)
set -eu
ports=$(echo "${1:?usage: losses.sh PORT[,PORT...] [COMMAND ARGUMENT...]}" | tr , ' ')
shift
bwctl=${BWCTL:-$(dirname "$0")/../../bin/bwctl}
suspicious='drop|miss|err|fail|discard|no_?buf|no_?dma|over|fifo|timeout|full|busy|stopped|exhaust'

snapshot() {
  for port in $ports; do
    ethtool -S "$port" 2>/dev/null | awk -v p="$port" -v s="$suspicious" '
      { name = $0; sub(/:[^:]*$/, "", name); gsub(/^ +/, "", name); gsub(/ /, "_", name)
        if (tolower(name) ~ s && $NF ~ /^[0-9]+$/) print "nic", p, name, $NF }'
    ip -s -s link show dev "$port" | awk -v p="$port" '
      function pairs(kind) {
        for (i = 3; i <= NF; i++) name[i] = $i
        n = NF; getline
        # The heading has a word more than the values: "RX:" or "RX errors:".
        for (i = 3; i <= n; i++) if (name[i] !~ /^(packets|mcast|bytes)$/) print "device", p, kind name[i], $(i - shift)
      }
      /RX errors:|TX errors:/ { shift = 2; pairs(tolower($1) "_"); next }
      /RX:|TX:/ { shift = 1; pairs(tolower(substr($1, 1, 2)) "_") }'
  done
  awk '{ printf "backlog %d dropped %s\nbacklog %d squeezed %s\n", NR - 1, "0x" $2, NR - 1, "0x" $3 }' /proc/net/softnet_stat |
    while read -r kind cpu name hex; do echo "$kind $cpu $name $((hex))"; done
  [ -x "$bwctl" ] && "$bwctl" counters -o json 2>/dev/null | node -e '
    const { total } = JSON.parse(require("fs").readFileSync(0, "utf8"));
    for (const [name, count] of Object.entries({ txFailed: total.txFailed, ...total.dropped }))
      console.log("wall", name, count);'
  return 0
}

before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
snapshot >"$before"
status=0
if [ $# -gt 0 ]; then "$@" || status=$?; else sleep 10; fi
snapshot >"$after"
awk 'NR == FNR { value = $NF; NF--; was[$0] = value; next }
     { value = $NF; NF--; grown = value - was[$0]; if (grown > 0) print $0, grown }' "$before" "$after"
exit "$status"
