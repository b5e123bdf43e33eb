# Who publishes the library fills in one file: the packagings have what it says, and follow when it says something else.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
sh "$SOURCE/scripts/addresses" --check || fail "something else stands in the packagings"

mkdir scripts
cp "$SOURCE/scripts/addresses" "$SOURCE/scripts/common.sh" scripts
cp -R "$SOURCE/packaging" "$SOURCE/SECURITY.md" .
cat >packaging/addresses <<'END'
maintainer A & B <queues@localhost>
homepage https://localhost/q?a=1|2
git https://localhost/q.git
browser https://localhost/q
END
! sh scripts/addresses --check >differs || fail "a change goes unnoticed"
sh scripts/addresses
sh scripts/addresses --check || fail "a second time something else would be written"
! grep -r --exclude=README.md 'example\.org' packaging SECURITY.md || fail "the old ones stay"
grep -Fx 'Maintainer: A & B <queues@localhost>' packaging/debian/control
grep -Fx 'Homepage: https://localhost/q?a=1|2' packaging/debian/control
grep -Fx 'Vcs-Git: https://localhost/q.git' packaging/debian/control
grep -F 'https://localhost/q?a=1|2' packaging/rpm/libkqueue.spec
grep -F '(queues@localhost ' SECURITY.md
# Nothing else than those lines.
for file in control copyright changelog; do
  diff "$SOURCE/packaging/debian/$file" "packaging/debian/$file" | grep '^<' >lost || true
  ! grep -Ev 'example\.org' lost || fail "$file lost a line"
done
