#!/bin/sh
# tests/guest/run_as.sh RIVET CC LINKAGE: the ways to start rivet, and what of them reaches its children: the names and
# variables of qemu-riscv64, binfmt_misc's P, -L, a set-user-ID rivet; and that it says nothing of its own. See root/say.c.
rivet=$(realpath "$1") cc=$2 linkage=${3:-static}
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir" || exit 2
failed=0
$cc -O1 -w -static -o say "$here/root/say.c" || exit 2
for name in qemu-riscv64 qemu-riscv64-static riscv64-binfmt-P; do
    ln -s "$rivet" $name
done
release=$(uname -r)
unset A B RIVET_LD_PREFIX QEMU_LD_PREFIX

# expect TEXT COMMAND...: its output, and nothing on stderr
expect() {
    text=$1; shift
    "$@" >out 2>err </dev/null
    [ "$(cat out)" = "$text" ] && [ ! -s err ] && return
    echo "repeat: $*"
    echo "instead of: $text"
    cat out err
    failed=1
}

same="$release secure 0 zba 1 uid 1"
expect "say A=- B=- $same" "$rivet" say
expect "say x A=1 B=- $same" ./qemu-riscv64 -E A=1 -U B say x
expect "zero x A=1 B=2 $same" env B=2 ./qemu-riscv64-static -0 zero -E A=1 -- say x
expect "say A=1 B=2 9.8.7 secure 0 zba 1 uid 1" env QEMU_SET_ENV=A=1,B=2 QEMU_UNAME=9.8.7 ./qemu-riscv64 say
expect "say A=- B=- $release secure 0 zba 0 uid 1" env QEMU_CPU=rv64,zba=off ./qemu-riscv64 say

# with P: the path, the name it was called by, the arguments; no options
expect "other -E A=1 A=- B=- $same" ./riscv64-binfmt-P "$dir/say" other -E A=1

# Options go on to RISC-V children, which may have an environment of their own; others run natively.
set -- "$rivet" -E A=1 -r 9.8.7 -cpu rv64,zba=off say
expect "say A=1 B=- 9.8.7 secure 0 zba 0 uid 1" "$@" exec ./say
expect "say A=- B=- 9.8.7 secure 0 zba 0 uid 1" "$@" bare ./say
expect "x86_64" "$rivet" say exec /bin/uname -m
printf '#!%s/say say\n' "$dir" >script
chmod 755 script
expect "say say script x A=1 B=- 9.8.7 secure 0 zba 0 uid 1" "$@" exec ./script x

# -L: links lead on inside, also from a descriptor; what is not there is the host's.
mkdir -p root/etc/sub root/usr
echo inside >root/etc/file
echo outside >only-outside
ln -s /etc/file root/etc/absolute
ln -s ../../etc/file root/etc/sub/up
ln -s /usr root/etc/dir
echo deep >root/usr/deep
ln -s /etc/nothing root/etc/dangling
expect "/etc/file: inside
/etc/absolute: inside
absolute: inside
sub/up: inside
/etc/sub/up: inside
dir/deep: deep
dangling: -
$dir/only-outside: outside
/etc/sub/../../etc/file: inside" \
    "$rivet" -L root say cat /etc/file /etc/absolute absolute sub/up /etc/sub/up dir/deep dangling "$dir/only-outside" \
    /etc/sub/../../etc/file

# A program that dies says nothing, and dies as it did.
ulimit -c 0
expect "status b" "$rivet" say watch ./say fall
expect "status b" "$rivet" say watch "$rivet" say fall

# Set-user-ID: the guest is told, our variables do not count.
if [ "$(id -u)" = 0 ] && [ "$linkage" = static ] && command -v setpriv >/dev/null; then
    cp "$rivet" trusted
    chmod 4755 trusted
    set -- setpriv --reuid 65534 --regid 65534 --clear-groups
    case $("$@" env -i ./trusted say 2>&1) in
    *'secure 1'*'uid 0')
        expect "say A=- B=- $release secure 1 zba 1 uid 0" "$@" env -i RIVET_SET_ENV=A=1 QEMU_UNAME=9.8.7 RIVET_CPU=rv64,zba=off \
            RIVET_LOG=in_asm RIVET_LOG_FILENAME=written RIVET_CACHE="$dir/cache" ./trusted say
        [ ! -e written ] && [ ! -e cache ] || { echo 'a variable counted'; failed=1; } ;;
    *'secure 0'*) ;;                            # mounted nosuid
    *) echo 'set-user-ID'; failed=1 ;;
    esac
fi
exit $failed
