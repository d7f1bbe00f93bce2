#!/bin/sh
# keepalived calls this with: FILE INSTANCE|GROUP name STATE priority. FILE, as keepalived.conf has it, is where the
# daemon looks for what is wanted of its node: beside its socket, NAME.order. What stands there holds until
# something else does, so nothing is lost that is decided while the daemon does not run or cannot obey.
set -eu
file=$1

case "$4" in
MASTER) order=active ;;
BACKUP | FAULT) order=standby ;;
# keepalived ends here, and has told the other node so: frames pass here until they do there.
STOP) exit 0 ;;
*)
	echo "$0: unknown state $4" >&2
	exit 1
	;;
esac
# keepalived runs scripts beside each other: one of them must not take away what another one is writing.
new=$file.new.$$
trap 'rm -f "$new"' EXIT
echo "$order" >"$new"
mv "$new" "$file"
