# The contract as on older kernels, and under filters that deny what they do not know: those of its groups that such a
# kernel or filter makes a difference to, in less than three minutes together. scripts/soak runs all of them.
#
# SPDX-License-Identifier: BSD-2-Clause

# add_contract_kernel(NAME argument... GROUPS group...): the groups, run by the launcher with these arguments.
function(add_contract_kernel name)
  cmake_parse_arguments(kernel "" "" "GROUPS" ${ARGN})
  add_test(NAME contract.${name}
    COMMAND ${consumer}/kernels ${kernel_UNPARSED_ARGUMENTS} ${consumer}/contract ${kernel_GROUPS})
  set_tests_properties(contract.${name} PROPERTIES
    LABELS "contract;kernels" FIXTURES_REQUIRED consumer_built SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()

# Connections of which less is told, or next to nothing.
add_contract_kernel(era-3.10.sockets 3.10 GROUPS C-155 C-156 C-187 C-195 C-366)
add_contract_kernel(era-4.18.sockets 4.18 GROUPS C-187 C-195)
add_contract_kernel(short-answers short GROUPS C-16 C-187 C-195 C-36)

# Processes without descriptors of them, forks whose memory is not wiped, waits in milliseconds, closes one by one.
add_contract_kernel(era-3.10 3.10 GROUPS C-020 C-021 C-022 C-023 C-024 C-026 C-027 C-029 C-12 C-25 C-262 C-27)
add_contract_kernel(era-4.14 4.14 GROUPS C-25 C-33)
add_contract_kernel(era-4.18 4.18 GROUPS C-127 C-140 C-25 C-265 C-268)
# Descriptors of processes that waitid(2) does not take; no range is closed.
add_contract_kernel(era-5.4 5.4 GROUPS C-12 C-144 C-25 C-271)
add_contract_kernel(era-5.10 5.10 GROUPS C-020 C-021 C-022 C-023 C-024 C-026 C-027 C-029 C-108 C-271)
add_contract_kernel(era-5.14 5.14 GROUPS C-270 C-271)
add_contract_kernel(filter-eperm eperm GROUPS C-020 C-021 C-022 C-023 C-024 C-026 C-027 C-029 C-118 C-127 C-25 C-265 C-272)
add_contract_kernel(container container GROUPS C-25 C-265 C-356)
add_contract_kernel(no-proc noproc GROUPS C-127 C-17 C-25)
add_contract_kernel(no-proc.without.close_range noproc ${consumer}/kernels without close_range GROUPS C-127)
add_contract_kernel(no-inotify without inotify_init1=1 GROUPS C-17 C-363)
add_contract_kernel(no-inotify.eacces without inotify_init1=13 GROUPS C-17 C-220)

# Where little is allowed, and where nobody is but root. scripts/test-kernels has more of it, on kernels that are booted.
add_contract_kernel(memory-64M memory GROUPS C-093 C-097 C-33)
add_contract_kernel(descriptors-64 descriptors GROUPS C-003 C-127 C-267 F7)
add_contract_kernel(user user GROUPS C-25 C-265 F17)
add_contract_kernel(rootless rootless GROUPS C-25 C-265 C-268 F17)

# Each call of the table in kernel_calls.c alone, and those that fail where they stand, as a filter that answers EACCES does without it.
add_contract_kernel(without.memfd_create without memfd_create=13 GROUPS C-23)
add_contract_kernel(without.perf_event_open without perf_event_open=13 GROUPS C-265)
add_contract_kernel(without.statx without statx=13 GROUPS C-23)
add_contract_kernel(without.kcmp without kcmp=13 GROUPS C-356)
add_contract_kernel(without.pidfd_send_signal without pidfd_send_signal=13 GROUPS C-271 C-272)
add_contract_kernel(without.pidfd_open without pidfd_open=13 GROUPS C-25 C-262 C-270)
add_contract_kernel(without.close_range without close_range=13 GROUPS C-127)
add_contract_kernel(without.epoll_pwait2 without epoll_pwait2=13 GROUPS C-020 C-021 C-022 C-023 C-024 C-026 C-027 C-029)

# Nothing is reported by valgrind, and no call is made that it complains of. It has its messages among the cases' own.
find_program(KQUEUE_VALGRIND valgrind DOC "valgrind, whose memcheck runs a part of the contract")
if(KQUEUE_VALGRIND)
  foreach(group C-02 C-115 C-17 C-25)
    add_test(NAME contract.valgrind.${group} COMMAND ${KQUEUE_VALGRIND} --quiet --trace-children=yes --leak-check=no
      --vgdb=no --error-exitcode=99 ${consumer}/contract ${group})
    set_tests_properties(contract.valgrind.${group} PROPERTIES LABELS "contract;kernels" FIXTURES_REQUIRED consumer_built
      FAIL_REGULAR_EXPRESSION "(==|--|\\*\\*)[0-9]+(==|--|\\*\\*) " ENVIRONMENT KQUEUE_TEST_SLOWNESS=20 TIMEOUT 900)
  endforeach()
else()
  add_skipped_test(contract.valgrind contract "no valgrind")
endif()
