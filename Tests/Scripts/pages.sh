# What the pages refer to is there, the first page is short, and what packagings leave out or overlook is told.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
need awk
cd "$SOURCE"
pages=$(find . \( -name .build -o -name '.build-*' -o -name build -o -name .git \) -prune -o -name '*.md' -print)
for page in $pages; do
  # Code in fences has no links.
  awk '/^ *```/ { code = !code; next } !code' "$page" | grep -o '\](<\{0,1\}[^)>]*' | sed 's/^](<\{0,1\}//' |
    while read -r link; do
      case $link in
        http:* | https:* | mailto:*) continue ;;
      esac
      path=${link%%#*}
      [ -z "$path" ] || [ -e "$(dirname "$page")/$path" ] || { echo "$page: no $link"; continue; }
      case $link in
        *.md\#* | \#*)
          target=$page
          [ -z "$path" ] || target=$(dirname "$page")/$path
          sed -n 's/^#\{1,\} //p' "$target" | tr '[:upper:] ' '[:lower:]-' | tr -d "\`'.,:;()?/" |
            grep -qx -e "${link#*#}" || echo "$page: no $link"
          ;;
      esac
    done
done >"$WORK/missing"
cat "$WORK/missing"
[ ! -s "$WORK/missing" ] || fail "pages refer to what is not there"
[ "$(wc -l <README.md)" -le 90 ] || fail "the README is longer than 90 lines"

# What a packager's machine leaves out stands in two packagings and three pages.
grep -oE '\^\(network[a-z|]*\)\$' packaging/debian/rules packaging/rpm/libkqueue.spec packaging/README.md docs/building.md \
  docs/testing.md >"$WORK/labels"
[ "$(wc -l <"$WORK/labels")" -eq 5 ] && [ "$(cut -d : -f 2 "$WORK/labels" | sort -u | wc -l)" -eq 1 ] ||
  { cat "$WORK/labels"; fail "a packager's labels differ"; }

# What lintian and rpmlint are told to overlook has its reason in one place.
sed -n 's/^[a-z][^:]*: \([^ ]*\).*/\1/p' packaging/debian/*.lintian-overrides >"$WORK/overlooked"
sed -n 's/^addFilter("\(.*\)")$/\1/p' packaging/rpm/libkqueue.rpmlintrc >>"$WORK/overlooked"
while read -r tag; do
  sed -n '/^## What lintian/,$s/^| //p' packaging/README.md | grep -Eq -e "$tag" -e "${tag##* }" || fail "$tag has no reason"
done <"$WORK/overlooked"
