#!/bin/sh
# tests/guest/run.sh EXPECT COMMAND...: exit status 0 and, when EXPECT names a file, its contents as output.
expect=$1; shift
out=$(mktemp)
"$@" > "$out" < /dev/null
status=$?
[ $status = 0 ] || echo "exit status $status"
if [ -n "$expect" ] && ! diff "$expect" "$out"; then status=1; fi
rm -f "$out"
[ $status = 0 ] || echo "repeat: $*"
exit $status
