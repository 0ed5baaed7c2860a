#!/bin/sh
# Puts a text under the pull or merge request: one comment, made once and changed from then on.
#
#   comment.sh FILE
#
#   ESPALIER_OUT            where results go (espalier-out)
#   ESPALIER_COMMENT_NAME   tells several comments of one request apart (plan)
#   ESPALIER_COMMENT_FILE   not empty: write the comment to this file, and ask no host
#
# GitHub:  GITHUB_TOKEN (pull-requests: write), GITHUB_REPOSITORY, ESPALIER_REQUEST (the number),
#          ESPALIER_COMMENT_AUTHOR (github-actions[bot]): whose comments may be changed
# GitLab:  ESPALIER_GITLAB_TOKEN (a project access token: role Reporter, scope api), and what a
#          merge request's pipeline has: CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID
set -eu

file=$1
out=${ESPALIER_OUT:-espalier-out}
mkdir -p "$out"

# Invisible on both hosts, and how the comment is found again.
mark="<!-- espalier ${ESPALIER_COMMENT_NAME:-plan} -->"
{
  printf '%s\n' "$mark"
  cat "$file"
} >"$out/comment.md"

if [ -n "${ESPALIER_COMMENT_FILE:-}" ]; then
  cp "$out/comment.md" "$ESPALIER_COMMENT_FILE"
  exit
fi

if [ -n "${GITHUB_REPOSITORY:-}" ]; then
  token=${GITHUB_TOKEN:-}
  header="Authorization: Bearer $token"
  api=${GITHUB_API_URL:-https://api.github.com}/repos/$GITHUB_REPOSITORY/issues
  list=$api/$ESPALIER_REQUEST/comments
  one=$api/comments
  change=PATCH
else
  token=${ESPALIER_GITLAB_TOKEN:-}
  header="PRIVATE-TOKEN: $token"
  list=$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes
  one=$list
  change=PUT
fi
if [ -z "$token" ]; then
  echo 'no comment is made: there is no token for it; the text stands in the log' >&2
  exit
fi

# Asks the host: METHOD URL, and the options of curl for more. The token goes through a pipe, for
# every process of the machine can see arguments.
ask() {
  method=$1
  url=$2
  shift 2
  printf 'header = "%s"\n' "$header" |
    curl --config - --silent --show-error --fail --max-time 60 --request "$method" "$@" "$url"
}

if [ -n "${GITHUB_REPOSITORY:-}" ]; then
  me=${ESPALIER_COMMENT_AUTHOR:-github-actions[bot]}
else
  me=$(ask GET "$CI_API_V4_URL/user" --retry 3 | jq --raw-output .username)
fi

# Others can write the mark, too: only a comment of our own is changed.
ours='map(select(((.body // "") | startswith($mark)) and ((.user.login? // .author.username?) == $me)))
  | first | .id // empty'
id=
page=1
while [ -z "$id" ] && [ "$page" -le 50 ]; do
  ask GET "$list?per_page=100&page=$page" --retry 3 >"$out/comments.json"
  id=$(jq --raw-output --arg mark "$mark" --arg me "$me" "$ours" "$out/comments.json")
  if [ "$(jq length "$out/comments.json")" -lt 100 ]; then
    break
  fi
  page=$((page + 1))
done

jq --raw-input --slurp '{body: .}' "$out/comment.md" >"$out/comment.json"
if [ -n "$id" ]; then
  ask "$change" "$one/$id" --header 'Content-Type: application/json' --data-binary "@$out/comment.json" >/dev/null
  echo "changed comment $id"
else
  # Not repeated on a doubtful answer: that could make two.
  ask POST "$list" --header 'Content-Type: application/json' --data-binary "@$out/comment.json" >/dev/null
  echo 'made a comment'
fi
