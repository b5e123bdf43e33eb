# What an install consists of; components as packages have them.

install(TARGETS kqueue EXPORT libkqueue-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Runtime NAMELINK_COMPONENT Development)
if(ENABLE_STATIC)
  # A file of its own says where it is, since packages have it apart: with one for both, projects would be refused
  # where the archive is not installed.
  install(TARGETS kqueue_static EXPORT libkqueue-static-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Static)
endif()
if(KQUEUE_TOOLS)
  install(TARGETS kq_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT Tools)
endif()

install(FILES ${kqueue_include}/sys/event.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kqueue/sys COMPONENT Development)
# Not beside sys: programs have that folder in their path, and <signal.h> must stay the C library's.
install(FILES Sources/CKQueue/include/kqueue/signal.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kqueue/kqueue COMPONENT Development)
foreach(component IN ITEMS Runtime Development Tools)
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT ${component})
endforeach()
install(FILES docs/man/kqueue.2 docs/man/kevent.2 docs/man/kevent64.2 DESTINATION ${CMAKE_INSTALL_MANDIR}/man2 COMPONENT Development)
install(FILES docs/man/EV_SET.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT Development)
if(KQUEUE_TOOLS)
  install(FILES docs/man/kq.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT Tools)
  # The places where each shell looks by itself.
  install(FILES completions/kq.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME kq
    COMPONENT Tools)
  install(FILES completions/_kq DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT Tools)
  install(FILES completions/kq.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT Tools)
endif()

# Absolute install folders are legal, so paths are not simply put behind ${prefix}.
foreach(name LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${name}}")
    set(pkgconfig_${name} ${CMAKE_INSTALL_${name}})
  else()
    set(pkgconfig_${name} "\${prefix}/${CMAKE_INSTALL_${name}}")
  endif()
endforeach()
# What a program with the static library needs besides.
set(pkgconfig_private "")
if(kqueue_libcap)
  set(pkgconfig_private " -l${kqueue_libcap}")
endif()
foreach(part IN LISTS kqueue_libc)
  if(NOT part MATCHES "^-")
    string(PREPEND part "-l")
  endif()
  string(APPEND pkgconfig_private " ${part}")
endforeach()
# install_pkgconfig(NAME COMPONENT): the prefix is known when it is installed: cmake --install --prefix.
function(install_pkgconfig name component)
  set(file ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc)
  configure_file(cmake/${name}.pc.in ${file} @ONLY)
  install(CODE "
    file(READ \"${file}\" text)
    string(REGEX REPLACE \"^prefix=[^\\n]*\" \"prefix=\${CMAKE_INSTALL_PREFIX}\" text \"\${text}\")
    file(WRITE \"${file}\" \"\${text}\")" COMPONENT ${component})
  install(FILES ${file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT ${component})
endfunction()
install_pkgconfig(libkqueue Development)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/libkqueue)
configure_package_config_file(cmake/libkqueue-config.cmake.in libkqueue-config.cmake
  INSTALL_DESTINATION ${package_folder})
# Programs made for the C library ask for its 2.6, or for a range; this library is what they ask for.
write_basic_package_version_file(libkqueue-config-version.cmake COMPATIBILITY AnyNewerVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/libkqueue-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/libkqueue-config-version.cmake
  DESTINATION ${package_folder} COMPONENT Development)
install(EXPORT libkqueue-targets NAMESPACE libkqueue::
  DESTINATION ${package_folder} COMPONENT Development)
if(ENABLE_STATIC)
  install(EXPORT libkqueue-static-targets NAMESPACE libkqueue::
    DESTINATION ${package_folder} COMPONENT Static)
endif()

# ---- The Swift module ----

if(KQUEUE_SWIFT_MODULE)
  install(TARGETS kqueue_swift ARCHIVE DESTINATION ${swift_folder} COMPONENT Swift)
  install(FILES ${swift_interface}.swiftmodule ${swift_interface}.swiftdoc
    DESTINATION ${swift_folder}/KQueue.swiftmodule COMPONENT Swift)
  install(FILES Sources/CKQueue/include/module.modulemap
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kqueue COMPONENT Swift)

  # swiftc main.swift $(pkg-config --cflags --libs libkqueue-swift)
  set(pkgconfig_swift_os ${swift_os})
  install_pkgconfig(libkqueue-swift Swift)
endif()
