#!/bin/sh
# tests/unit/syscall_numbers.sh CC DEF: every system call that the headers of a riscv64 compiler know has a row in
# syscalls.def under that number, and no row is missing in between.
cc=$1 def=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sed -n 's/^SYSCALL(\([0-9]*\), *\([a-z0-9_]*\),.*/\2 \1/p' "$def" | sort >"$dir/rows"
{
    echo '#include <asm/unistd.h>'
    echo '#include <asm/unistd.h>' | $cc -E -dM - |
        sed -n '/^#define __NR_\(syscalls\|arch_specific_syscall\) /d; s/^#define __NR_\([a-z][a-z0-9_]*\) .*/ROW \1 __NR_\1/p'
} | $cc -E -P - | sed -n 's/^ROW \(.*\)/\1/p' | sed 's/ (*\(244\) *+ *\([0-9]*\))*$/ \1 \2/' |
    awk 'NF == 3 { print $1, $2 + $3; next } { print }' | sort >"$dir/headers"
[ "$(wc -l <"$dir/headers")" -gt 250 ] || { echo "the headers tell only:"; cat "$dir/headers"; exit 1; }
comm -13 "$dir/rows" "$dir/headers" >"$dir/wrong"
[ ! -s "$dir/wrong" ] && exit 0
echo 'in the headers, but not in the table:'
cat "$dir/wrong"
exit 1
