#!/bin/sh
# Includes must follow the arrows of STYLE: linux-user -> exec -> frontend, backend, softmmu -> ir.
cd "$(dirname "$0")/.." || exit 2
bad=0
check() { # folder, then the folders it may include
    folder=$1; shift
    allowed=$(echo "$folder $*" | tr ' ' '|')
    out=$(grep -nE '^#include "' "$folder"/*.[chS] "$folder"/*.def 2>/dev/null |
          grep -vE ":#include \"($allowed)/")
    if [ -n "$out" ]; then echo "$out"; bad=1; fi
}
check ir
check frontend ir
check backend-x86_64 ir
check softmmu
check exec frontend backend-x86_64 softmmu ir
check linux-user exec frontend softmmu
exit $bad
