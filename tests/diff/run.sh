#!/bin/sh
# Differential test: random guest programs on rivet and on a reference; the outputs must be equal.
#
#   tests/diff/run.sh [RIVET [COUNT [SEED [CLASS]]]]
#
# RIVET   command (default build/rivet; may carry options, "build/rivet -one-insn-per-tb");
#         "none" only checks that the reference runs the programs to their end
# COUNT   programs (10); SEED of the first (1), the others follow; CLASS of insns (each in turn)
# DIFF_GEN        the generator (default: tests/diff_gen beside RIVET, else build/tests/diff_gen)
# ref=qemu|spike  the reference; DIFF_QEMU, DIFF_SPIKE: its command
# BLOCKS, INSNS   size of a program (50, 30)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rivet=${1:-$here/../../build/rivet}
count=${2:-10}
seed=${3:-1}
class=${4:-}
blocks=${BLOCKS:-50}
insns=${INSNS:-30}

gen=${DIFF_GEN:-}
if [ -z "$gen" ]; then
    gen=$(dirname "${rivet%% *}")/tests/diff_gen
    [ -x "$gen" ] || gen=$here/../../build/tests/diff_gen
fi
if [ ! -x "$gen" ]; then
    echo "run.sh: no generator at $gen (build target diff_gen, or set DIFF_GEN)" >&2
    exit 2
fi
case ${ref:-qemu} in
qemu) reference=${DIFF_QEMU:-qemu-riscv64 -cpu rv64,zba=true,zbb=true,zbc=true,zbs=true} ;;
spike) reference=${DIFF_SPIKE:-spike --isa=rv64gc_zba_zbb_zbc_zbs pk} ;;
*) echo "run.sh: ref must be qemu or spike" >&2; exit 2 ;;
esac
if ! command -v "${reference%% *}" >/dev/null; then
    echo "run.sh: ${reference%% *} is not here" >&2
    exit 77
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
classes=${class:-$("$gen" -classes)}
last=$((seed + count - 1))
for s in $(seq "$seed" "$last"); do
    for c in $classes; do
        "$gen" "$dir/prog" "$s" "$c" "$blocks" "$insns"
        chmod +x "$dir/prog"
        status=0
        timeout 60 $reference "$dir/prog" >"$dir/ref" 2>"$dir/err" || status=$?
        if [ "$status" -ne 0 ]; then
            echo "reference failed with status $status: seed $s class $c"
            cat "$dir/err"
            exit 1
        fi
        [ "$rivet" != none ] || continue
        timeout 60 $rivet "$dir/prog" >"$dir/got" 2>"$dir/err" || status=$?
        if [ "$status" -ne 0 ] || ! cmp -s "$dir/ref" "$dir/got"; then
            echo "difference: seed $s class $c, status $status; repeat with"
            echo "  BLOCKS=$blocks INSNS=$insns ref=${ref:-qemu} $0 '$rivet' 1 $s $c"
            cat "$dir/err"
            "$gen" -explain "$dir/ref" "$dir/got" "$s" "$c" "$blocks" "$insns" || true
            exit 1
        fi
    done
done
