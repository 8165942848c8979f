# tests/setup.sh: sourced by the scripts that a fresh machine runs first. From the top of the tree.
BUILD_PACKAGES="gcc cmake ninja-build pkg-config libglib2.0-dev libpcre2-dev libelf-dev zlib1g-dev libcapstone-dev check libsubunit-dev"
CROSS_PACKAGES="gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"
TEST_PACKAGES="qemu-user"

# Install the named Debian packages that are not there yet.
setup_packages() {
    missing=
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
    done
    [ -z "$missing" ] && return 0
    echo "installing:$missing"
    if [ "$(id -u)" != 0 ]; then
        echo "missing packages; as root: apt-get install$missing" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# Configure and build in the given directory; more arguments go to cmake.
setup_build() {
    dir=$1; shift
    cmake -S . -B "$dir" -G Ninja "$@" >"$dir.log" 2>&1 || { cat "$dir.log"; exit 1; }
    cmake --build "$dir" >"$dir.log" 2>&1 || { tail -50 "$dir.log"; exit 1; }
    rm -f "$dir.log"
}
