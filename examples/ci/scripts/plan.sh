#!/bin/sh
# Plans: saves the plan to be applied as it is, and as a text for a comment. Ends as `espalier plan`
# does.
#
#   ESPALIER            the program (espalier)
#   ESPALIER_FOLDER     the documents' folder (.)
#   ESPALIER_OUT        where results go (espalier-out): plan.json, plan.md
#   ESPALIER_SIM        not empty: rehearse on the simulator
#   ESPALIER_MAX_SIZE   the most characters of plan.md (65000; GitLab takes 1000000)
set -eu

here=$(dirname "$0")
espalier=${ESPALIER:-espalier}
folder=${ESPALIER_FOLDER:-.}
out=${ESPALIER_OUT:-espalier-out}
mkdir -p "$out"
rm -f "$out/plan.json" "$out/plan.md"

code=0
"$espalier" plan "$folder" ${ESPALIER_SIM:+--sim} --output "$out/plan.json" \
  --format markdown --max-size "${ESPALIER_MAX_SIZE:-65000}" \
  >"$out/plan.md" 2>"$out/plan.log" || code=$?
if [ -s "$out/plan.json" ]; then
  "$espalier" show "$out/plan.json" >>"$out/plan.log"
fi
sh "$here/log.sh" <"$out/plan.log"

if [ ! -s "$out/plan.md" ]; then
  # What espalier said may hold anything; the log is the place for it.
  printf '## espalier plan\n\n**There is no plan.** `espalier plan` ended with exit code %s; the log of this job says why.\n' \
    "$code" >"$out/plan.md"
elif [ -n "${ESPALIER_SIM:-}" ]; then
  printf '\n> Rehearsed on the simulator: no tenant was read.\n' >>"$out/plan.md"
fi
exit "$code"
