#!/bin/sh
# The tasks of deno.json. In a shell of the system: Deno's own takes the programs deno and bun in node_modules/.bin for JavaScript.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
case $1 in
  ok) deno fmt --check; deno lint; sh scripts/task.sh check; sh scripts/task.sh test ;;
  check)
    tsc -p scripts
    deno check src plugins tests scripts
    oxlint -c scripts/oxlintrc.json --type-aware --tsconfig scripts/tsconfig.json src plugins
    knip -c scripts/knip.json
    bun scripts/check_unused.ts
    ;;
  test)
    bun scripts/build.ts
    PATH=$PWD/dist:$PATH:/sbin:/usr/sbin
    bun test --timeout 120000 tests
    deno test -A --no-check --ignore=tests/cli tests
    ;;
  build) bun scripts/build.ts ;;
  compile) bun scripts/build.ts deno ;;
  docs) bun scripts/docs.ts dist/docs ;;
  bench) shift; bun tests/bench/run.ts "$@" ;;
esac
