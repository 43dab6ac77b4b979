#!/bin/sh
# Passes every test: static checks, unit tests under Bun and under Deno, black-box tests of the compiled executable.
# The last line counts them from the runners' own reports.
. "$(dirname "$0")/setup.sh"
REPORTS=$(mktemp -d)
trap 'rm -rf "$REPORTS"' EXIT
passed=0 failed=0 skipped=0

# A static check counts as one test.
check() {
  name=$1; shift
  if "$@" >"$REPORTS/out" 2>&1; then passed=$((passed + 1)); else
    failed=$((failed + 1)); say "FAILED: $name"; tail -n 40 "$REPORTS/out" >&2
  fi
}
# What the runner said of the tests that failed: Bun before each "(fail)", Deno at the end, under ERRORS.
failures() {
  awk '/ERRORS/ { deno = 1 } deno { print; next } /^\(pass\)|^\(skip\)/ { said = ""; next } { said = said $0 "\n" }
    /^\(fail\)/ { printf "%s", said; said = "" }' "$1" | tail -n 300
}
# Run a runner that leaves $REPORTS/NAME.xml.
run() {
  name=$1; shift
  status=0
  "$@" >"$REPORTS/$name.out" 2>&1 || status=$?
  echo "$status" >"$REPORTS/$name.status"
}
# Count what it reports; one that leaves no report has crashed.
count() {
  name=$1 out=$REPORTS/$1.out report=$REPORTS/$1.xml status=$(cat "$REPORTS/$1.status")
  if [ ! -s "$report" ]; then
    failed=$((failed + 1)); say "FAILED: $name left no report"; tail -n 60 "$out" >&2; return
  fi
  counts=$(bun scripts/junit.ts "$report")
  # shellcheck disable=SC2086
  set -- $counts
  say "$name: $1 passed, $2 failed, $3 skipped"
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
  [ "$2" -eq 0 ] || failures "$out" >&2
  [ "$status" -eq 0 ] || [ "$2" -gt 0 ] || { failed=$((failed + 1)); say "FAILED: $name ended with $status"; tail -n 60 "$out" >&2; }
}

say "checking ..."
check "deno fmt" deno fmt --check --quiet
check "deno lint" deno lint --quiet
check "tsc" tsc -p scripts
check "deno check" deno check --quiet src plugins tests scripts
check "oxlint" oxlint -c scripts/oxlintrc.json --type-aware --tsconfig scripts/tsconfig.json src plugins
check "knip" knip -c scripts/knip.json --no-progress
check "tables" bun scripts/check_unused.ts
check "build" bun scripts/build.ts
PATH=$ROOT/dist:$PATH
export PATH
say "testing ..."
# Side by side: most tests keep one CPU busy. tests/cli drives the compiled executable: once is enough; tests/runtime has
# the applets under either runtime.
run deno deno test -A --no-check --quiet --ignore=tests/cli --junit-path="$REPORTS/deno.xml" tests &
run bun bun test --timeout 120000 --reporter=junit --reporter-outfile="$REPORTS/bun.xml" tests
wait
count bun
count deno
if [ "$skipped" -gt 0 ]; then tail=", $skipped skipped"; else tail=; fi
echo "$passed passed, $failed failed$tail"
[ "$failed" -eq 0 ]
