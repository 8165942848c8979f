#!/bin/bash
# tests/real/run.sh RIVET ROOT CASE: one case of cases.tsv (name, tab, line of bash) with the programs of a
# Debian riscv64 root, through `RIVET -L ROOT`: children go through rivet by themselves. Its output must be what the
# same Debian amd64 programs print (expected/, written by: run.sh native AMD64_ROOT CASE > expected/CASE; as root).
set -u
here=$(cd "$(dirname "$0")" && pwd)
emu=$1 root=$(realpath "$2") name=$3
line=$(awk -F'\t' -v n="$name" '$1 == n { print $2 }' "$here/cases.tsv")
[ -e "$root/usr/bin/bash" ] || { echo "no Debian root at $2: skipped"; exit 77; }
[ -n "$line" ] || { echo "no case $name" >&2; exit 2; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
clean="env -i PATH=/usr/bin:/bin HOME=/tmp LC_ALL=C.UTF-8 TZ=UTC"
if [ "$emu" = native ]; then
    mkdir -p "$root/tmp/w" "$root/tmp/in"; cp "$here"/in/* "$root/tmp/in"
    mount --bind /proc "$root/proc"; mount --bind /dev "$root/dev"
    $clean IN=/tmp/in /usr/sbin/chroot "$root" /bin/bash -c "cd /tmp/w; $line" 2>&1
    umount "$root/proc" "$root/dev"; rm -rf "$root/tmp/w" "$root/tmp/in"
    exit 0
fi
cd "$work" || exit 2
$clean IN="$here/in" "$(realpath "$emu")" -cache "${RIVET_CACHE:-off}" -L "$root" "$root/usr/bin/bash" -c "$line" > "$work.out" 2>&1
diff "$here/expected/$name" "$work.out" && rm -f "$work.out" && exit 0
echo "repeat: tests/real/run.sh $emu $root $name"
rm -f "$work.out"
exit 1
