# shellcheck shell=bash
# One line for each thing done, and a failure that names what is missing and what to do.

say() { printf '  %s\n' "$*"; }

die() {
  printf '\nplimsoll: %s\n' "$1" >&2
  shift
  if [ $# -gt 0 ]; then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# quietly WHAT COMMAND...: runs it with its output in a log that is shown only if it fails.
quietly() {
  local what=$1 log=$TOOLS/setup.log
  shift
  "$@" >"$log" 2>&1 </dev/null && return
  tail -n 30 "$log" >&2
  die "could not $what" "command: $*" "whole output: $log"
}
