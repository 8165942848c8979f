#!/bin/sh
# tests/golden/run.sh RIVET PROGRAM [update]: how much code the blocks of blocks.S (built: PROGRAM) become.
#
# counts has a line a TB: the block it starts in and its offset there; guest insns; IR ops as built and as
# left by the optimizer; host insns up to the end of the hot path, all host insns with the cold ones; both for
# a plain x86-64-v2 host and for one with AVX2, FMA, BMI2, LZCNT (skipped where the host lacks them). A change
# for the better is kept by `update` and shows in the diff of its commit; one for the worse needs a reason.
here=$(cd "$(dirname "$0")" && pwd)
rivet=$1 program=$2 update=${3:-}
nm=${NM:-riscv64-linux-gnu-nm}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# One mode: name and what RIVET_HOST_FEATURES takes away.
count() {
    set -- "$1" "$2" $($nm "$program" | awk '$3 == "b_copy" { a = $1 } $3 == "b_end" { b = $1 } END { print a, b }')
    $nm -n "$program" | sed -n 's/^0*\([0-9a-f]*\) . b_\(.*\)/\1 \2/p' >"$dir/names"
    RIVET_HOST_FEATURES=$2 "$rivet" -tier quick -d in_asm,op,op_opt,out_asm -dfilter "0x$3..0x$4" -D "$dir/log" "$program" ||
        exit 1
    awk -v mode="$1" '
    function hex(s,    i, v) {
        v = 0
        for (i = 1; i <= length(s); i++) { v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1 }
        return v
    }
    function flush_tb(    i, name) {
        if (!pc) { return }
        for (i = 1; i <= n && at[i] <= pc; i++) { name = block[i] "+" pc - at[i] }
        printf "%-6s %-14s guest %2d  ir %2d -> %2d  host %3d of %3d\n", mode, name, guest, ir, opt, hot, host
        pc = 0
    }
    FILENAME != ARGV[ARGC - 1] { n++; at[n] = hex($1); block[n] = $2; next }
    /^---- in_asm/ { flush_tb(); pc = hex($3); guest = ir = opt = hot = host = 0 }
    /^----/ { part = $2; next }
    part == "in_asm" { guest++ }
    part == "op" && !/^insn_start/ { ir++ }
    part == "op_opt" && !/^insn_start/ { opt++ }
    part == "out_asm" && /-- guest/ { open = 1; next }
    part == "out_asm" { host++; if (open) { hot = host } }
    part == "out_asm" && open && ($3 == "ret" || $3 == "jmp") { open = 0 }
    END { flush_tb() }' "$dir/names" "$dir/log"
}

count plain -avx,-avx2,-fma,-bmi1,-bmi2,-lzcnt,-avx512,-pclmul >"$dir/counts"
grep '^plain' "$here/counts" >"$dir/want" 2>/dev/null
if grep -w avx2 /proc/cpuinfo | grep -w bmi2 | grep -w fma | grep -qw abm; then
    count v3 -avx512 >>"$dir/counts"
    cp "$here/counts" "$dir/want" 2>/dev/null
fi
if [ "$update" = update ]; then
    cp "$dir/counts" "$here/counts"
    exit 0
fi
diff "$dir/want" "$dir/counts" && exit 0
echo "when this is right: sh $0 $rivet $program update"
exit 1
