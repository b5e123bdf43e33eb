# kqueue_include: the folder of the header that programs get. It names no filter that the platform does not serve, as
# #ifdef must tell the truth (C-059); the sources' own is the one of Linux, which serves all.
#
# SPDX-License-Identifier: BSD-2-Clause
set(kqueue_include ${CMAKE_CURRENT_SOURCE_DIR}/Sources/CKQueue/include)
if(KQUEUE_PLATFORM STREQUAL "posix")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${kqueue_include}/sys/event.h)
  file(READ ${kqueue_include}/sys/event.h header)
  string(REGEX REPLACE "#define EVFILT_(PROCDESC|FS|EMPTY) [^\n]*\n" "" header "${header}")
  set(kqueue_include ${CMAKE_CURRENT_BINARY_DIR}/include)
  file(CONFIGURE OUTPUT include/sys/event.h CONTENT "${header}" @ONLY NEWLINE_STYLE UNIX)
  file(COPY ${CMAKE_CURRENT_SOURCE_DIR}/Sources/CKQueue/include/kqueue DESTINATION ${kqueue_include})
endif()
