#!/bin/sh
# Build rivet and pass every test. On a fresh Debian 12, as root, it installs what is missing.
# Arguments go to ctest, e.g. `sh tests/run.sh -L unit`.
#
# The release build runs all; one with AddressSanitizer and UBSan runs all but the Debian programs (not at all
# when RIVET_NO_SANITIZE is set).
set -eu
cd "$(dirname "$0")/.."
. tests/setup.sh
setup_packages $BUILD_PACKAGES $CROSS_PACKAGES $TEST_PACKAGES
setup_build build
[ -n "${RIVET_NO_SANITIZE:-}" ] || setup_build build-asan -DCMAKE_BUILD_TYPE=Debug \
    -DRIVET_SLOW_CHECKS=ON -DRIVET_SANITIZE=address,undefined

ctest --test-dir build --output-on-failure --no-tests=error -j "$(nproc)" "$@"
[ -n "${RIVET_NO_SANITIZE:-}" ] ||
    ctest --test-dir build-asan --output-on-failure -j "$(nproc)" "$@"
