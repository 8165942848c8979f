#!/bin/sh
# tests/real/root.sh ARCH DIR PACKAGE...: unpack Debian trixie packages and what they depend on.
#
# Nothing of the new root is run. apt (with a private state, so that the machine's own set-up is not
# touched) computes the set and downloads it into a cache; dpkg-deb unpacks. Exit status 77: no registry.
set -eu
arch=$1; dir=$2; shift 2
cache=${RIVET_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rivet-tests}
apt=$cache/apt-$arch
stamp=$(echo "v2 $*" | md5sum | cut -c1-32)
[ "$(cat "$dir/.stamp" 2>/dev/null)" = "$stamp" ] && exit 0
mirror=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -m1 '/debian/*$' || echo http://deb.debian.org/debian)
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/etc/apt.conf.d" "$apt/etc/preferences.d"
: > "$apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" > "$apt/sources.list"
opts="-qq -y -o Dir::Etc=$apt/etc -o Dir::Etc::sourcelist=$apt/sources.list -o Dir::Etc::sourceparts=/dev/null
 -o Dir::State=$apt/state -o Dir::State::status=$apt/status -o Dir::Cache=$apt/cache
 -o APT::Architecture=$arch -o APT::Architectures=$arch -o APT::Install-Recommends=false
 -o Acquire::Languages=none -o APT::Sandbox::User=root -o Acquire::Retries=3 -o Debug::NoLocking=1"
apt-get $opts update || { echo "no Debian registry: $mirror" >&2; exit 77; }
apt-get $opts --download-only install "$@" >/dev/null || { echo "packages not to be had" >&2; exit 77; }
rm -rf "$dir"; mkdir -p "$dir"
# Today's Debian has /bin, /lib, /sbin as links into /usr; packages may still ship either.
for d in bin lib sbin lib64; do mkdir -p "$dir/usr/$d"; ln -s "usr/$d" "$dir/$d"; done
for deb in $(apt-get $opts --print-uris install "$@" 2>/dev/null | sed -n "s/^'[^']*' \([^ ]*\.deb\) .*/\1/p") \
           $(cd "$apt/cache/archives" && ls); do
    case $deb in *.deb) ;; *) continue ;; esac
    [ -e "$apt/cache/archives/$deb" ] && [ ! -e "$dir/.done-$deb" ] || continue
    dpkg-deb --fsys-tarfile "$apt/cache/archives/$deb" | tar -x -C "$dir" --keep-directory-symlink
    : > "$dir/.done-$deb"
done
rm -f "$dir"/.done-*
# What maintainer scripts would have linked and the programs below need.
link() { [ -e "$dir$1" ] || [ ! -d "$dir${1%/*}" ] || ln -sf "$2" "$dir$1"; }
link /usr/bin/awk gawk
link /usr/bin/lua lua5.4
link /usr/bin/cc gcc
link /usr/bin/sh dash
link /usr/share/dict/words american-english-small
mkdir -p "$dir/tmp" "$dir/proc" "$dir/dev" "$dir/sys"
[ -e "$dir/usr/share/base-passwd/passwd.master" ] && cp "$dir/usr/share/base-passwd/passwd.master" "$dir/etc/passwd" &&
    cp "$dir/usr/share/base-passwd/group.master" "$dir/etc/group"
echo "$stamp" > "$dir/.stamp"
