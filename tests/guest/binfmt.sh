#!/bin/sh
# tests/guest/binfmt.sh RIVET CC: rivet registers itself, and the kernel runs programs by it. In namespaces with a
# binfmt_misc of their own (Linux 6.7), where that is allowed; always: the line that is registered.
rivet=$(realpath "$1") cc=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

complain() {
    echo "$*"
    failed=1
}

# refused WORDS ARG...: rivet says one line with WORDS
refused() {
    words=$1; shift
    RIVET_BINFMT_DIR=$dir/misc "$rivet" "$@" >"$dir/out" 2>&1 && complain "succeeds: $*"
    [ "$(wc -l <"$dir/out")" = 1 ] && grep -q "$words" "$dir/out" && return
    complain "instead of one line with '$words': $*"
    cat "$dir/out"
}

refused 'not mounted' --install-binfmt
refused 'not mounted' --status
mkdir "$dir/misc"
: >"$dir/misc/register"
refused 'nothing runs' --status
refused 'not registered' --uninstall-binfmt
RIVET_BINFMT_DIR=$dir/misc "$rivet" --install-binfmt || complain 'cannot install'
magic='\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xf3\\x00'
mask='\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff'
grep -qx ":rivet:M::$magic:$mask:$rivet:POCF" "$dir/misc/register" || {
    complain 'registers'
    cat "$dir/misc/register"
}
cat >"$dir/misc/other" <<X
enabled
interpreter /usr/bin/other
flags: OCF
offset 0
magic 7f454c460201010000000000000000000200f300
mask ffffffffffffff00fffffffffffffffffeffffff
X
RIVET_BINFMT_DIR=$dir/misc "$rivet" -status | grep -q 'by /usr/bin/other .*flags OCF' || complain 'status'
refused 'by /usr/bin/other already' --install-binfmt
sed -i 's/^enabled/disabled/' "$dir/misc/other"
refused 'nothing runs' --status
sed -i 's/^disabled/enabled/; s/00f300$/003e00/' "$dir/misc/other"
refused 'nothing runs' --status

# The kernel's own.
cat >"$dir/prog.c" <<X
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>
/* What its user may execute and not read, the kernel opens for the emulator. */
static int run_unreadable(const char *path)
{
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { 0 };
    syscall(SYS_capset, &head, none);
    if (open(path, O_RDONLY) >= 0 || errno != EACCES) {
        return 1;
    }
    execl(path, "secret", "a", "b", (char *)0);
    perror(path);
    return 1;
}
int main(int argc, char **argv)
{
    char exe[512] = "";
    readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    printf("%s %s %d %s %s\n", argv[0], argv[1], argc, strrchr(exe, '/'), (char *)getauxval(AT_EXECFN));
    fflush(stdout);
    if (argc == 2 && strcmp(argv[1], "./secret") == 0) {
        return run_unreadable(argv[1]);
    }
    if (argc == 2) {
        execl(argv[1], "child", "a", "b", (char *)0);
    }
    return dup(0) != 3;
}
X
$cc -O1 -w -static -o "$dir/prog" "$dir/prog.c" || exit 2
cat >"$dir/inside" <<X
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || exit 77
unset RIVET_BINFMT_DIR
cd $dir
$rivet --install-binfmt && $rivet --install-binfmt || exit 1
$rivet --status
bash -c 'exec -a name $dir/prog ./prog'
ln -s prog link
echo '#!$dir/prog x' >script
chmod 755 script
./script
cp prog secret
chmod 111 secret
$rivet ./prog ./secret
$rivet --uninstall-binfmt
./prog 2>/dev/null && echo still runs
$rivet --status
exit 0
X
unshare -Urm sh "$dir/inside" >"$dir/out" 2>/dev/null
status=$?
case $status in
0) ;;
1) [ -s "$dir/out" ] && complain 'in namespaces' && cat "$dir/out" ;;
*) exit $failed ;;                      # not allowed here
esac
[ $status = 0 ] && ! diff - "$dir/out" <<X && failed=1
RISC-V programs are run by $rivet (/proc/sys/fs/binfmt_misc/rivet, flags POCF)
name ./prog 2 /prog $dir/prog
child a 3 /prog ./prog
$dir/prog x 3 /prog ./script
./prog ./secret 2 /prog ./prog
secret a 3 /secret ./secret
nothing runs RISC-V programs; -install-binfmt registers rivet
X
exit $failed
