#!/bin/sh
# tests/guest/bad_input.sh RIVET PROGRAM CC [no-memory]: whatever is wrong with the command line or the file is
# one line on stderr, exit status 1, and nothing else. PROGRAM is a static guest program that answers 0; CC
# makes dynamic ones. no-memory: leave out the limits of memory (sanitizers take terabytes).
rivet=$(realpath "$1") program=$(realpath "$2") cc=$3 memory=${4:-memory}
dir=$(mktemp -d)
trap 'chmod -R u+rwx "$dir"; rm -rf "$dir"' EXIT
cd "$dir" || exit 2
failed=0

complain() {
    echo "$*"
    failed=1
}

# bad WORDS COMMAND...: the line must have WORDS (a basic regular expression) in it
bad() {
    words=$1; shift
    timeout 10 "$@" >out 2>err </dev/null
    status=$?
    [ $status = 1 ] || complain "status $status: $*"
    [ ! -s out ] || complain "prints something: $*"
    if [ "$(wc -l <err)" != 1 ] || ! grep -q "^rivet: .*$words" err; then
        complain "instead of one line with '$words': $*"
        cat err
    fi
}

# patch FILE OFFSET OCTAL: a copy of the program with a byte changed
patch() {
    cp "$program" "$1"
    printf "\\$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

mkdir dir
cp "$program" ok
cp ok not-executable && chmod 644 not-executable
echo 'echo hello' >text
: >empty
mkfifo fifo
patch rv32 4 001
patch no-class 4 000
patch other-machine 18 267
patch relocatable 16 001
patch phentsize 54 001
patch phnum 56 377
patch phoff 39 100
printf '\177ELF\002\002\001\000\000\000\000\000\000\000\000\000\000\002\000\363' >big-endian
head -c 64 /dev/zero >>big-endian
for n in 10 20 50 64 100 400; do
    head -c $n "$program" >truncated-$n
done
printf '#!/no/such/interpreter\n' >script
printf '#!\n' >script-without
printf '#!./script-loop\n' >script-loop
cp /bin/true host
chmod 755 text empty fifo truncated-* script* host big-endian
echo 'int main(void) { return 0; }' >dynamic.c
$cc -o dynamic dynamic.c || exit 2

"$rivet" ok || complain "the good program fails"
# Its headers are there: a kernel starts it, what is missing are zeroes and SIGBUS.
timeout 10 "$rivet" truncated-400 2>err
case $? in 132|135|139) ;; *) complain 'truncated-400 is not killed' ;; esac
! grep rivet: err || complain 'truncated-400 is refused'

bad 'no program' "$rivet"
bad 'nope: No such file' "$rivet" nope
bad 'ok/x: Not a directory' "$rivet" ok/x
bad 'dir: is a directory' "$rivet" dir
bad 'not-executable: Permission denied' "$rivet" not-executable
bad 'fifo: not a regular file' "$rivet" fifo
bad '/dev/null: not a regular file' "$rivet" /dev/null
bad 'text: not an ELF file' "$rivet" text
bad 'empty: not an ELF file' "$rivet" empty
bad 'host: .*x86-64' "$rivet" host
bad 'rv32: .*RV32' "$rivet" rv32
bad 'big-endian: .*big-endian' "$rivet" big-endian
bad 'no-class: corrupt' "$rivet" no-class
bad 'other-machine: .*AArch64' "$rivet" other-machine
bad 'relocatable: not an executable' "$rivet" relocatable
bad 'phentsize: corrupt' "$rivet" phentsize
bad 'phnum: truncated' "$rivet" phnum
bad 'phoff: truncated' "$rivet" phoff
bad 'truncated-10: truncated' "$rivet" truncated-10
bad 'truncated-20: truncated' "$rivet" truncated-20
bad 'truncated-50: truncated' "$rivet" truncated-50
bad 'truncated-64: truncated' "$rivet" truncated-64
bad 'truncated-100: truncated' "$rivet" truncated-100
bad 'script: .*/no/such/interpreter' "$rivet" script
bad 'script-without: ' "$rivet" script-without
bad 'script-loop: ' "$rivet" script-loop
bad 'dynamic: .*/lib/ld-linux-riscv64-lp64d.so.1.*-L' "$rivet" dynamic
bad 'dynamic: .*/lib/ld-linux-riscv64-lp64d.so.1.*-L .*/dir' "$rivet" -L "$dir/dir" dynamic
bad 'dynamic: .*/lib/ld-linux-riscv64-lp64d.so.1.*-L /nowhere' "$rivet" -L /nowhere dynamic
bad "unknown option '-foo'" "$rivet" -foo ok
bad "unknown option '--foo'" "$rivet" --foo ok
for option in L E U 0 cpu s r B d D dfilter tier tb-size seed; do
    bad "-$option: needs an argument" "$rivet" -$option
done
bad "-cpu: .*'z80'" "$rivet" -cpu z80 ok
bad "-cpu: .*'foo'" "$rivet" -cpu rv64,foo=on ok
bad "-cpu: .*'maybe'" "$rivet" -cpu rv64,zba=maybe ok
bad "RIVET_CPU\|-cpu: .*'z80'" env RIVET_CPU=z80 "$rivet" ok
bad "-E: 'foo'" "$rivet" -E foo ok
bad "-s: 'x'" "$rivet" -s x ok
bad "-B: '1'" "$rivet" -B 1 ok
bad "-d: .*'foo'" "$rivet" -d foo ok
bad "-D: .*/no/log" "$rivet" -d in_asm -D /no/log ok
bad "-dfilter: .*'x'" "$rivet" -dfilter x ok
bad "-tier: 'x'" "$rivet" -tier x ok
bad "-tb-size: '0'" "$rivet" -tb-size 0 ok
bad "-seed: 'x'" "$rivet" -seed x ok
# A CPU that is too old, where it can be had (sanitizers need memory that qemu has not).
if [ "$memory" = memory ] && command -v qemu-x86_64 >/dev/null; then
    bad "this CPU has no SSE4.1" qemu-x86_64 -cpu core2duo "$rivet" ok
fi

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$dir"
    chmod 700 dir && cp ok dir/hidden
    cp "$rivet" rivet
    bad 'dir/hidden: Permission denied' setpriv --reuid 65534 --clear-groups ./rivet dir/hidden
fi

# Out of memory: a line, or it runs after all.
if [ "$memory" = memory ]; then
    for kb in 8000 10000 11000 12000 14000 16000 20000 40000 100000 300000; do
        (ulimit -v $kb && exec "$rivet" ok) >out 2>err </dev/null
        status=$?
        if [ $status != 0 ] && { [ $status != 1 ] || [ "$(wc -l <err)" != 1 ] || [ -s out ]; }; then
            complain "status $status with ulimit -v $kb"
            cat err
        fi
    done
fi
exit $failed
