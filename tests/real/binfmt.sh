#!/bin/bash
# tests/real/binfmt.sh RIVET CC MACHINE: rivet as the interpreter of RISC-V programs in a kernel of its own: binfmt_misc with its
# flags P, O, C and F, as root and as a user. binfmt/init is the session: what native programs and RISC-V ones print there must be
# the same, and the rest is binfmt/expect. MACHINE is a root with a Debian kernel, busybox and qemu-system-x86_64 (root.sh), none of
# which has to be installed. RIVET_TEST_CONSOLE=1 shows all that the machine says. Exit status 77: no machine.
set -u
here=$(cd "$(dirname "$0")" && pwd)
rivet=$(realpath "$1") cc=$2 machine=$3
kernel=$(echo "$machine"/boot/vmlinuz-*)
[ -e "$kernel" ] && [ -e "$machine/usr/bin/qemu-system-x86_64" ] || { echo "no machine at $3: skipped"; exit 77; }
machine=$(realpath "$machine")
busybox=$machine/usr/bin/busybox
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT

# what the machine starts with
root=$dir/root
mkdir -p "$root"/{bin,dev,etc,lib/x86_64-linux-gnu,lib64,proc,t,tmp} "$root/programs"/{native,riscv}
cp "$rivet" "$busybox" "$root/bin"
for name in $("$busybox" --list); do [ -e "$root/bin/$name" ] || ln -s busybox "$root/bin/$name"; done
install -m 755 "$here/binfmt/init" "$root/init"
printf 'root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\nuser:x:1000:\n' > "$root/etc/group"
xz -dc "$machine"/usr/lib/modules/*/kernel/fs/binfmt_misc.ko.xz > "$root/binfmt_misc.ko" || exit 2
z='\x00\x00\x00\x00' f='\xff\xff\xff\xff'
printf '%s' "\\x7fELF\\x02\\x01\\x01\\x00$z$z\\x02\\x00\\xf3\\x00:$f\\xff\\xff\\xff\\x00$f$f\\xfe\\xff\\xff\\xff" > "$root/magic"
for arch in riscv native; do
    [ $arch = riscv ] || cc=${CC:-cc}
    $cc -O1 -w -static -o "$root/programs/$arch/tell" "$here/binfmt/tell.c" &&
        $cc -O1 -w -o "$root/programs/$arch/dynamic" "$here/binfmt/tell.c" || exit 2
done
for lib in ld-linux-riscv64-lp64d.so.1 libc.so.6; do cp "$($2 -print-file-name=$lib)" "$root/lib"; done
cp /lib64/ld-linux-x86-64.so.2 "$root/lib64"
cp "$(${CC:-cc} -print-file-name=libc.so.6)" "$root/lib/x86_64-linux-gnu"
(cd "$root" && find . | "$busybox" cpio -o -H newc -R 0:0 2>/dev/null | gzip -1) > "$dir/initrd" || exit 2

timeout -k 5 ${RIVET_TEST_LIMIT:-200} "$machine/lib64/ld-linux-x86-64.so.2" --library-path "$machine/usr/lib/x86_64-linux-gnu" \
    "$machine/usr/bin/qemu-system-x86_64" -L "$machine/usr/share/seabios" -L "$machine/usr/share/qemu" -M pc -accel tcg -cpu max \
    -m 512 -nodefaults -display none -serial stdio -no-reboot -kernel "$kernel" -initrd "$dir/initrd" \
    -append "console=ttyS0 panic=-1 quiet" < /dev/null > "$dir/console" 2>&1
[ -z "${RIVET_TEST_CONSOLE:-}" ] || cat "$dir/console"
tr -d '\r' < "$dir/console" > "$dir/out"
sed '1,/^NATIVE$/d; /^RISCV$/,$d' "$dir/out" > "$dir/native"
sed '1,/^RISCV$/d; /^RIVET$/,$d' "$dir/out" > "$dir/riscv"
sed '1,/^RIVET$/d; /^END$/,$d' "$dir/out" > "$dir/rivet"
[ -s "$dir/native" ] && diff "$dir/native" "$dir/riscv" && diff "$here/binfmt/expect" "$dir/rivet" && exit 0
echo "repeat: tests/real/binfmt.sh $rivet $2 $machine"
exit 1
