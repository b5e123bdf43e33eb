# Packages for distributions: cpack -G DEB, cpack -G RPM.
#
# Each component is a package; what a distribution calls it, and what it needs beside it, stands in
# PackageNames.cmake. Debian wants a few files more, which DebianFiles.cmake writes.

set(CPACK_PACKAGE_NAME libkqueue)
set(CPACK_PACKAGE_VENDOR "The libkqueue authors")
set(KQUEUE_PACKAGE_CONTACT "The libkqueue authors <libkqueue@example.org>" CACHE STRING "Who answers for the packages")
set(CPACK_PACKAGE_CONTACT ${KQUEUE_PACKAGE_CONTACT})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "kqueue(2) and kevent(2) in user space")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_CURRENT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
# What a package may write is not the umask of whoever makes it.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_COMPONENTS_ALL Runtime Development)
if(ENABLE_STATIC)
  list(APPEND CPACK_COMPONENTS_ALL Static)
endif()
if(KQUEUE_SWIFT_MODULE)
  list(APPEND CPACK_COMPONENTS_ALL Swift)
endif()
if(KQUEUE_TOOLS)
  list(APPEND CPACK_COMPONENTS_ALL Tools)
endif()

# Debian's list of symbols, from the version script. Those that the C library has, too, are as old as it.
file(STRINGS ${symbol_map} symbols REGEX "^ +[a-z_][a-z0-9_]*;$")
list(TRANSFORM symbols REPLACE "^ *([a-z0-9_]+).*$" "\\1")
list(SORT symbols)
set(kqueue_symbols "libkqueue.so.0 libkqueue0 #MINVER#\n")
foreach(symbol IN LISTS symbols)
  if(symbol MATCHES "^(kqueue|kevent)$")
    string(APPEND kqueue_symbols " ${symbol}@Base 1.0\n")
  else()
    string(APPEND kqueue_symbols " ${symbol}@Base 3.0.0\n")
  endif()
endforeach()
set(control ${CMAKE_CURRENT_BINARY_DIR}/control)
file(CONFIGURE OUTPUT ${control}/symbols CONTENT "${kqueue_symbols}" @ONLY)
file(CONFIGURE OUTPUT ${control}/shlibs CONTENT "libkqueue 0 libkqueue0 (>= ${PROJECT_VERSION})\n" @ONLY)
file(CONFIGURE OUTPUT ${control}/triggers CONTENT "activate-noawait ldconfig\n" @ONLY)
file(CONFIGURE OUTPUT ${control}/ldconfig CONTENT "/sbin/ldconfig\n" @ONLY)
set(kqueue_development_needs "")
if(ENABLE_STATIC AND kqueue_libcap)
  set(kqueue_development_needs ", libcap-dev")
endif()

configure_file(cmake/PackageNames.cmake.in PackageNames.cmake @ONLY)
configure_file(cmake/DebianFiles.cmake.in DebianFiles.cmake @ONLY)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_BINARY_DIR}/PackageNames.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_BINARY_DIR}/DebianFiles.cmake)
set(CPACK_SOURCE_GENERATOR "")
include(CPack)
