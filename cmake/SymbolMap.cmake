# symbol_map: the version script of what this build exports, made from the sources' where it exports less or more;
# time_flags: Swift's for the functions of kevent(2) for programs with a time_t of either size, where there are two.
#
# SPDX-License-Identifier: BSD-2-Clause
set(symbol_map ${CMAKE_CURRENT_SOURCE_DIR}/Sources/KQueueABI/libkqueue.map)
file(READ ${symbol_map} symbols)
set(wanted "${symbols}")
set(time_flags "")
if(NOT KQUEUE_INTERPOSE)
  string(REGEX REPLACE "/\\* Interposed:.*/\\* Interposed ends. \\*/" "" wanted "${wanted}")
endif()
if(KQUEUE_TIME_SIZES)
  set(time_flags -D KQUEUE_TIME_SIZES)
  foreach(name kevent kevent64)
    string(REPLACE " ${name};" " ${name};\n    ${name}_time32;\n    ${name}_time64;" wanted "${wanted}")
  endforeach()
endif()
if(NOT wanted STREQUAL symbols)
  set(symbol_map ${CMAKE_CURRENT_BINARY_DIR}/libkqueue.map)
  file(CONFIGURE OUTPUT ${symbol_map} CONTENT "${wanted}" @ONLY)
endif()
