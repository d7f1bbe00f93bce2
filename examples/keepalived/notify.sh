#!/bin/sh
# keepalived calls this with: INSTANCE|GROUP name STATE priority.
# BWCTL_SOCKET names the node where there are several on this machine.
set -eu

case "$3" in
MASTER)
	# VRRP has chosen: whether all connections are known here is no question any more.
	exec bwctl ha takeover --force
	;;
BACKUP | FAULT | STOP)
	exec bwctl ha yield
	;;
*)
	echo "notify.sh: unknown state $3" >&2
	exit 1
	;;
esac
