#!/bin/sh
# Installs what the other scripts need and what is missing: espalier, curl, jq.
#
#   ESPALIER_VERSION   which espalier (the newest)
set -eu

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=
for program in curl jq; do
  command -v "$program" >/dev/null || missing="$missing $program"
done
if ! command -v espalier >/dev/null; then
  missing="$missing build-essential pkg-config libssl-dev"
fi
if [ -n "$missing" ]; then
  as_root apt-get update
  # Unquoted: one word per package.
  # shellcheck disable=SC2086
  as_root apt-get install -y --no-install-recommends $missing
fi
if ! command -v espalier >/dev/null; then
  cargo install --locked ${ESPALIER_VERSION:+--version "$ESPALIER_VERSION"} espalier-mdm
fi
