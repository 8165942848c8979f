#!/bin/sh
# Build rivet and run its main job: a RISC-V program on this machine. Then a tour of one loop of it: the
# guest's code, its IR before and after optimization, the host code.
# Everything missing on a fresh Debian 12 is installed with apt-get (as root).
set -eu
cd "$(dirname "$0")/.."
. tests/setup.sh
setup_packages $BUILD_PACKAGES $CROSS_PACKAGES
setup_build build

out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
riscv64-linux-gnu-gcc -O2 -static -o "$out/sieve" examples/sieve.c
echo "== file: $(file -b "$out/sieve" 2>/dev/null || echo a static RISC-V program)"
echo "== build/rivet sieve 1000000"
build/rivet "$out/sieve" 1000000

set -- $(riscv64-linux-gnu-nm -S "$out/sieve" | awk '$4 == "strike_out" { print $1, $2 }')
echo "== the inner loop, stage by stage: build/rivet -d in_asm,op,op_opt,out_asm -dfilter 0x$1+0x$2"
build/rivet -d in_asm,op,op_opt,out_asm -dfilter "0x$1+0x$2" "$out/sieve" 100000
