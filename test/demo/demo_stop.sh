#!/usr/bin/env bash
# End what demo.sh left running, by pid, and remove it.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/state.sh
. "$ROOT/test/demo/state.sh"

if [[ ! -e $DEMO_STATE ]]; then
    echo "no demo is running"
    exit 0
fi
dir=$(demo_dir)
end_demo
echo "the demo has ended; removed $dir"
