#!/usr/bin/env bash
# Measure examples/services at two commits and judge the change between them.
#
#   demo.sh [--identical] [--pairs N] [--json FILE]
#
# Exits with 0 when the verdict is the right one: 1 for the planted slowdown, 0 for identical commits.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
identical=false
pairs=60
json=
while [ $# -gt 0 ]; do
  case $1 in
    --identical) identical=true ;;
    --json) json=$(realpath -m -- "${2:?"--json needs a file"}"); shift ;;
    --pairs) pairs=${2:?"--pairs needs a number"}; shift ;;
    *) echo "demo.sh: unknown option $1; known are --identical, --pairs N and --json FILE" >&2; exit 2 ;;
  esac
  shift
done

# of the plugins that happen to be installed only this one is needed; the others take longer to load than it to measure
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_PLUGINS=pytest_benchmark.plugin

repository=$(mktemp -d "${TMPDIR:-/tmp}/regress-demo.XXXXXX")
trap 'rm -rf "$repository"' EXIT
cp -R "$here/services/." "$repository"
cd "$repository"
# the repository around this one must not be mistaken for the one that is measured
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
git init --quiet
commit() { git add --all && git -c user.name=demo -c user.email=demo@example.org -c commit.gpgsign=false commit --quiet "$@"; }
commit --message "Digest documents"

if $identical; then
  expected=0
  commit --allow-empty --message "Change nothing"
  change="changes nothing"
else
  expected=1
  git apply "$here/plant.patch"
  commit --message "Keep eviction order in a list"
  change="keeps the cache's eviction order in a list: every hit now searches it"
fi

echo "1. A repository was made of examples/services; its second commit $change."
echo "2. Its benchmarks now run at both commits in turn, up to $pairs times each, every time in a fresh process,"
echo "   until each is proven changed or unchanged, or the time is up."
echo "3. The verdict follows; exit status $expected is the right one."
echo

status=0
regress-action run --base HEAD~1 --pairs "$pairs" --carry benchmarks --thresholds thresholds.yml --results bench.json \
  ${json:+--json "$json"} \
  --budget-minutes 1.75 -- python -m pytest -o testpaths=benchmarks {select} --benchmark-json={out} -q || status=$?

echo
echo "regress-action ended with exit status $status; expected was $expected."
[ "$status" -eq "$expected" ]
