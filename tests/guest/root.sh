#!/bin/sh
# tests/guest/root.sh RIVET CC LINKAGE: --root, in each way that this machine allows. See root/view.c, requests.c. A rivet whose
# linkage is not static cannot run where its libraries are not.
rivet=$(realpath "$1") cc=$2 linkage=${3:-static}
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
user=                   # users are emulated where the kernel knows us by one
[ "$(id -u)" = 0 ] || user=emulated
chmod 755 "$dir"
for program in view requests; do
    $cc -O1 -w -static -o "$dir/$program" "$here/root/$program.c" || exit 2
done
echo outside >"$dir/secret"

# make_root NAME: a new one
make_root() {
    root=$dir/$1
    mkdir -p "$root/etc" "$root/dir" "$root/proc" "$root/sys" "$root/dev" "$root/tmp"
    cp "$dir/view" "$dir/requests" "$root"
    cp /bin/true "$root/host"
    echo motd >"$root/etc/motd"
    ln -s /etc/motd "$root/abs"
    ln -s ../../../../etc/motd "$root/etc/up"
    ln -s /etc/motd "$root/dir/abs"
    ln -s /dir "$root/etc/dir"
    ln -s /loop "$root/loop"
    ln -s /view "$root/to-view"
    ln -s /script "$root/dir/to-script"
    printf '#!/to-view script\n' >"$root/script"
    printf '#!/secret\n' >"$root/no-interpreter"
    chmod 755 "$root/script" "$root/no-interpreter"
}

# expect COMMAND...: it says ok
expect() {
    "$@" >"$dir/out" 2>&1 && [ "$(cat "$dir/out")" = ok ] && return
    echo "repeat: $*"
    cat "$dir/out"
    failed=1
}

# kept RIVET HOW DIR: what a program under the root executes has the code that was kept; the root itself has none of it
kept() {
    kept=$(mktemp -d "$dir/keptXXXXXX")
    chmod 777 "$kept"
    env -u RIVET_CACHE -u XDG_CACHE_HOME HOME="$kept" "$@" -stats /view exec >"$dir/out" 2>&1
    grep -q '^image_attached  *1 ' "$dir/out" || {
        echo "nothing attached: HOME=$kept $* -stats /view exec"
        cat "$dir/out"
        failed=1
    }
    [ -z "$(find "$root" -name .cache)" ] || { echo "$root has a cache"; failed=1; }
}

if [ "$linkage" = static ]; then
    make_root one
    expect "$rivet" --root "$root" /view "" "$dir/secret" $user
    expect "$rivet" --root "$root" /requests
    make_root two
    cd "$root/.." && expect env RIVET_ROOT=./two "$rivet" view "" "$dir/secret" $user
    cd /
    kept "$rivet" --root "$root"
    mknod "$root/dev/null" c 1 3 2>/dev/null        # may not be allowed
    [ ! -e /dev/pts/ptmx ] || expect "$rivet" --root "$root" /view terminals
    if [ "$(id -u)" = 0 ]; then
        make_root three
        chown -R 65534:65534 "$root"
        expect setpriv --reuid 65534 --regid 65534 --clear-groups "$rivet" -root "$root" /view "" "$dir/secret" emulated
        expect setpriv --reuid 65534 --regid 65534 --clear-groups "$rivet" -root "$root" /requests
    fi
fi

# Without namespaces.
make_root four
required=               # io_uring, which such a root has from Linux 6.11 on
case $(printf '%s\n' 6.11 "$(uname -r)" | sort -V | head -1) in
6.11) "$rivet" "$dir/requests" required 2>&1 | grep -q '^no' || required=required ;;
esac
expect "$rivet" -root-paths "$root" /requests $required
expect "$rivet" -root-paths "$root" /view "" "$dir/secret" $user
kept "$rivet" -root-paths "$root"
if [ "$(id -u)" = 0 ]; then
    make_root five
    chown -R 65534:65534 "$root"
    expect setpriv --reuid 65534 --regid 65534 --clear-groups "$rivet" -root-paths "$root" view "" "$dir/secret" emulated
    expect setpriv --reuid 65534 --regid 65534 --clear-groups "$rivet" -root-paths "$root" requests $required
fi

# What is no directory is one line.
for bad in /no/such/dir "$dir/secret"; do
    "$rivet" --root "$bad" /view >"$dir/out" 2>&1
    status=$?
    [ $status = 1 ] && [ "$(wc -l <"$dir/out")" = 1 ] && continue
    echo "--root $bad: status $status"
    cat "$dir/out"
    failed=1
done
exit $failed
