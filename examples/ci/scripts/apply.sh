#!/bin/sh
# Applies the plan that plan.sh saved, exactly or not at all. With a digest instead of a saved plan it
# plans anew, and goes on only where that comes to the same. Ends as `espalier apply` does.
#
#   ESPALIER                 the program (espalier)
#   ESPALIER_FOLDER          the documents' folder (.)
#   ESPALIER_OUT             where plan.json is and results go (espalier-out): apply.md
#   ESPALIER_EXPECT_DIGEST   not empty: the digest that somebody approved
#   ESPALIER_SIM             not empty: rehearse on the simulator
set -eu

here=$(dirname "$0")
espalier=${ESPALIER:-espalier}
folder=${ESPALIER_FOLDER:-.}
out=${ESPALIER_OUT:-espalier-out}
mkdir -p "$out"

if [ -n "${ESPALIER_EXPECT_DIGEST:-}" ]; then
  set -- "$folder" --expect-digest "$ESPALIER_EXPECT_DIGEST"
else
  set -- "$out/plan.json" --folder "$folder"
fi
code=0
"$espalier" apply "$@" ${ESPALIER_SIM:+--sim} --yes --format markdown \
  >"$out/apply.md" 2>"$out/apply.log" || code=$?
sh "$here/log.sh" <"$out/apply.log"
sh "$here/log.sh" <"$out/apply.md"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  cat "$out/apply.md" >>"$GITHUB_STEP_SUMMARY"
fi
exit "$code"
