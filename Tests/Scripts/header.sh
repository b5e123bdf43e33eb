# The header in one language: alone and first, by both names, used, and among the C library's own headers.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
standard=$1
case $standard in
  # A struct and a function called kevent are each other's shadow in C++.
  c++*) suffix=cpp compilers="c++ clang++" warnings="-Wall -Wextra -Wundef" ;;
  *) suffix=c compilers="$CC clang" warnings="-Wall -Wextra -Wundef -Wshadow -Wstrict-prototypes" ;;
esac

cat >use.inc <<'END'
int use(int kq, int fd, struct kevent *list);
int use(int kq, int fd, struct kevent *list) {
    int i = 0;
    if (fd >= 0)
        EV_SET(&list[i++], fd, EVFILT_READ, EV_ADD | EV_CLEAR, NOTE_LOWAT, 5, NULL);
    else
        EV_SET(list, fd, EVFILT_USER, EV_ADD, NOTE_FFCOPY | NOTE_TRIGGER, 0, list);
    return kevent(kq, list, 1, NULL, 0, NULL) + kqueue() + kqueue1(0) + kqueuex(KQUEUE_CLOEXEC);
}
int use64(int kq, int fd, struct kevent64_s *list);
int use64(int kq, int fd, struct kevent64_s *list) {
    EV_SET64(list, fd, EVFILT_READ, EV_ADD, 0, 0, 0, 1, 2);
    return kevent64(kq, list, 1, list, 1, KEVENT_FLAG_IMMEDIATE, NULL);
}
END

# The C library's headers that have names such as NOTE_ and EV_ near them, before and after.
others='sys/types.h sys/socket.h sys/stat.h sys/wait.h sys/ioctl.h sys/time.h sys/mman.h sys/param.h sys/select.h
  sys/epoll.h sys/eventfd.h sys/inotify.h sys/signalfd.h sys/timerfd.h sys/uio.h sys/un.h netinet/in.h
  fcntl.h poll.h signal.h time.h unistd.h errno.h stdio.h stdlib.h string.h pthread.h'

include_others() { for other in $others; do echo "#include <$other>"; done; }

# Each source is named after what it shows.
printf '#include <sys/event.h>\n' >alone.$suffix
printf '#include <kqueue/sys/event.h>\n' >alone-by-long-name.$suffix
printf '#include <sys/event.h>\n#include <stddef.h>\n#include "use.inc"\n' >first.$suffix
printf '#include <sys/event.h>\n#include <kqueue/sys/event.h>\n#include <sys/event.h>\n' >twice.$suffix
{ printf '#include <sys/event.h>\n'; include_others; printf '#include "use.inc"\n'; } >before-others.$suffix
{ include_others; printf '#include <sys/event.h>\n#include "use.inc"\n'; } >after-others.$suffix

# The C library's names for kill() and raise(); <signal.h> is libc's.
printf '#include <kqueue/signal.h>\n#include <signal.h>\nint send(int pid);
int send(int pid) { return kq_kill(pid, 0) + kq_raise(SIGTERM); }\n' >signals.$suffix

# compile COMPILER FLAGS SOURCE INCLUDE...
compile() {
  # shellcheck disable=SC2086 # several flags
  "$1" -std="$standard" -pedantic $warnings -Werror $2 -fsyntax-only $4 "$3.$suffix" ||
    fail "$1 -std=$standard $2 $3"
}

compile_all() {
  short="-I$STAGE_INCLUDE/kqueue"
  long="-I$STAGE_INCLUDE"
  compile "$1" "$2" alone "$short"
  compile "$1" "$2" alone-by-long-name "$long"
  compile "$1" "$2" first "$short"
  compile "$1" "$2" twice "$short $long"
  compile "$1" "$2" before-others "$short"
  compile "$1" "$2" after-others "$short"
  case $2 in
    *SOURCE*) compile "$1" "$2" signals "$short" ;; # standards without POSIX have no kill()
  esac
}

found=
for compiler in $compilers; do
  command -v "$compiler" >/dev/null || continue
  for macros in "" -D_GNU_SOURCE -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE; do
    compile_all "$compiler" "$macros"
  done
  found="$found $compiler"
done

# Where pointers have 32 bits (C-054). A machine without that kind of library lacks but one header of it, which is empty.
mkdir -p without/gnu
: >without/gnu/stubs-32.h
printf '#include <sys/event.h>\n#include <stddef.h>\n
typedef char small[sizeof(struct kevent) == 20 && offsetof(struct kevent, data) == 12 &&
                   offsetof(struct kevent, udata) == 16 ? 1 : -1];
typedef char large[sizeof(struct kevent64_s) == 48 && offsetof(struct kevent64_s, ext) == 32 ? 1 : -1];\n' \
  >narrow.$suffix
if "$CC" -m32 -fsyntax-only -x c /dev/null 2>/dev/null; then
  compile "$CC" -m32 narrow "-I$STAGE_INCLUDE/kqueue -isystem without $("$CC" -print-multiarch | sed 's|..*|-isystem /usr/include/&|')"
  found="$found, with 32 bits"
fi
[ -n "$found" ] || skip "no compiler for $standard"
echo "$standard:$found"
