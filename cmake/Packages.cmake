# Packages for distributions: cpack -G DEB, cpack -G RPM.
#
# Each component is a package; what a distribution calls it, and what it needs beside it, stands in PackageNames.cmake.
# PackageFiles.cmake writes what a package has that an install has not, DebianControl.cmake the fields that CPack does
# not know. Descriptions, symbols and the licence are those of packaging/.

set(CPACK_PACKAGE_NAME libkqueue)
set(CPACK_PACKAGE_VENDOR "The libkqueue authors")
set(KQUEUE_PACKAGE_CONTACT "The libkqueue authors <libkqueue@example.org>" CACHE STRING "Who answers for the packages")
set(CPACK_PACKAGE_CONTACT ${KQUEUE_PACKAGE_CONTACT})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "kqueue(2) and kevent(2) in user space")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_CURRENT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_PACKAGE_HOMEPAGE_URL https://example.org/libkqueue)
# A build that has debugging information gives it away in packages of its own.
set(kqueue_debug_packages OFF)
if(CMAKE_BUILD_TYPE MATCHES "^(Debug|RelWithDebInfo)$")
  set(kqueue_debug_packages ON)
endif()
if(kqueue_debug_packages)
  set(CPACK_STRIP_FILES OFF)
else()
  set(CPACK_STRIP_FILES ON)
endif()
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

# Debian's list of symbols, less those that this build does not have.
set(packaging ${CMAKE_CURRENT_SOURCE_DIR}/packaging)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${packaging}/debian/libkqueue0t64.symbols)
file(STRINGS ${symbol_map} public REGEX "^ +[a-z_][a-z0-9_]*;$")
list(TRANSFORM public REPLACE "^ *([a-z0-9_]+).*$" "\\1")
file(STRINGS ${packaging}/debian/libkqueue0t64.symbols lines)
set(kqueue_symbols "")
foreach(line IN LISTS lines)
  if(NOT line MATCHES "^ ([a-z0-9_]+)@" OR CMAKE_MATCH_1 IN_LIST public)
    string(APPEND kqueue_symbols "${line}\n")
  endif()
endforeach()
set(control ${CMAKE_CURRENT_BINARY_DIR}/control)
file(CONFIGURE OUTPUT ${control}/symbols CONTENT "${kqueue_symbols}" @ONLY)
file(CONFIGURE OUTPUT ${control}/shlibs CONTENT "libkqueue 0 libkqueue0t64 (>= ${PROJECT_VERSION})\n" @ONLY)
file(CONFIGURE OUTPUT ${control}/triggers CONTENT "activate-noawait ldconfig\n" @ONLY)

# The name that the package had before times of 64 bits; on a machine of 32 bits that has them it is another library.
set(kqueue_old_package "libkqueue0 (= ${PROJECT_VERSION}-1)")
if(CMAKE_SIZEOF_VOID_P EQUAL 4 AND KQUEUE_TIME_SIZE EQUAL 8)
  set(kqueue_old_package "")
endif()
set(kqueue_development_needs "")
if(ENABLE_STATIC AND kqueue_libcap)
  set(kqueue_development_needs ", libcap-dev")
endif()

# What a package is about stands in the files that distributions have; Debian's are read when packages are made.
file(READ ${packaging}/rpm/libkqueue.spec rpm_spec)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${packaging}/rpm/libkqueue.spec)
foreach(pair RUNTIME: DEVELOPMENT:devel STATIC:static SWIFT:swift-devel TOOLS:tools)
  string(REGEX MATCH "^([A-Z]+):(.*)$" pair ${pair})
  set(component ${CMAKE_MATCH_1})
  set(name "${CMAKE_MATCH_2}")
  string(REGEX MATCH "\n%package ${name}\nSummary: +([^\n]*)\n" text "${rpm_spec}")
  set(kqueue_rpm_summary_${component} "${CMAKE_MATCH_1}")
  string(PREPEND name " ")
  string(STRIP "%description${name}" heading)
  string(REGEX MATCH "\n${heading}\n(([^\n]+\n)+)" text "${rpm_spec}")
  string(STRIP "${CMAKE_MATCH_1}" kqueue_rpm_description_${component})
endforeach()

configure_file(cmake/PackageNames.cmake.in PackageNames.cmake @ONLY)
configure_file(cmake/PackageFiles.cmake.in PackageFiles.cmake @ONLY)
configure_file(cmake/DebianControl.cmake.in DebianControl.cmake @ONLY)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_BINARY_DIR}/PackageNames.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_BINARY_DIR}/PackageFiles.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${CMAKE_CURRENT_BINARY_DIR}/DebianControl.cmake)
set(CPACK_SOURCE_GENERATOR "")
include(CPack)
