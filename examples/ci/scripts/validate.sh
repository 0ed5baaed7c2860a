#!/bin/sh
# Checks the documents, offline, and leaves the findings where the host shows them beside the lines.
# Ends as `espalier validate` does: with 3 where anything is refused.
#
#   ESPALIER          the program (espalier)
#   ESPALIER_FOLDER   the documents' folder (.)
#   ESPALIER_OUT      where results go (espalier-out): findings.sarif, on GitLab code-quality.json
set -eu

here=$(dirname "$0")
espalier=${ESPALIER:-espalier}
folder=${ESPALIER_FOLDER:-.}
out=${ESPALIER_OUT:-espalier-out}
mkdir -p "$out"

code=0
"$espalier" validate "$folder" >"$out/validate.log" 2>&1 || code=$?
sh "$here/log.sh" <"$out/validate.log"
# Anything else than "in order" and "refused" is no judgement of the documents.
case $code in
0 | 3) ;;
*) exit "$code" ;;
esac

# Each of these ends as the first one did.
"$espalier" validate "$folder" --format sarif >"$out/findings.sarif" || test "$code" -ne 0
if [ "${GITHUB_ACTIONS:-}" = true ]; then
  "$espalier" validate "$folder" --format github || test "$code" -ne 0
fi
if [ -n "${GITLAB_CI:-}" ]; then
  "$espalier" validate "$folder" --format gitlab >"$out/code-quality.json" || test "$code" -ne 0
fi
exit "$code"
