#!/bin/sh
# Shows standard input in the log of a job as text: no line of it is a command to the host.
set -eu

if [ "${GITHUB_ACTIONS:-}" = true ]; then
  mark=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$mark"
  cat
  printf '\n::%s::\n' "$mark"
else
  cat
fi
