#!/bin/sh
# tests/guest/reserved.sh RIVET CC: -R, for a fixed and for a position-independent program, with and without -B.
rivet=$1 cc=$2
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
root=$($cc -print-file-name=ld-linux-riscv64-lp64d.so.1)
root=${root%/lib/*}
failed=0
for link in -static -pie; do
    $cc -O1 -w -pthread $link -I"$here" -o "$dir/reserved$link" "$here/reserved.c" || exit 2
    for size in 4000000000 40000000 3ffffff000 100000000000; do
        mmu=sv39
        [ $size != 100000000000 ] || mmu=sv48
        for base in "" "-B 0x200000000000"; do
            out=$("$rivet" $base -R 0x$size -L "$root" "$dir/reserved$link" $size $mmu 2>&1)
            [ "$out" = ok ] || { echo "$link -R 0x$size $base: $out"; failed=1; }
        done
    done
done
for bad in 1234 -1 64k 0x800000000000 x; do
    "$rivet" -R $bad "$dir/reserved-static" 2>/dev/null && { echo "-R $bad is accepted"; failed=1; }
done
exit $failed
