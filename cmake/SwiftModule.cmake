# The module KQueue, for Swift programs: ordinary Swift over the C header, in an archive of its own that is linked
# together with the library.
#
# The compiler is called by hand, as for the library, so that CMake needs no Swift of its own. A module's file is for
# the compiler version that made it.

option(KQUEUE_SWIFT_MODULE "Build the Swift module KQueue" ${PROJECT_IS_TOP_LEVEL})
if(KQUEUE_SWIFT_MODULE AND KQUEUE_ASSEMBLY)
  message(STATUS "Swift: no module KQueue, which only the compiler that uses it can build")
  set(KQUEUE_SWIFT_MODULE OFF)
endif()
if(KQUEUE_SWIFT_MODULE AND CMAKE_CROSSCOMPILING)
  message(STATUS "Swift: no module KQueue, which needs Swift's own library of the other machine")
  set(KQUEUE_SWIFT_MODULE OFF)
endif()
if(NOT KQUEUE_SWIFT_MODULE)
  return()
endif()

# ---- What the compiler says of what it compiles for ----

execute_process(COMMAND ${KQUEUE_SWIFTC} -print-target-info
  OUTPUT_VARIABLE target_info RESULT_VARIABLE target_info_failed)
if(target_info_failed)
  message(FATAL_ERROR "${KQUEUE_SWIFTC} -print-target-info failed; -DKQUEUE_SWIFT_MODULE=OFF does without the Swift module")
endif()
string(JSON swift_triple GET "${target_info}" target moduleTriple)
string(JSON swift_os GET "${target_info}" target platform)
set(swift_folder ${CMAKE_INSTALL_LIBDIR}/swift/${swift_os})

# ---- The module ----

file(GLOB swift_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/Sources/KQueue/*.swift)
set(swift_module_folder ${CMAKE_CURRENT_BINARY_DIR}/swift-module)
set(swift_interface ${swift_module_folder}/KQueue.swiftmodule/${swift_triple})
set(swift_object ${swift_module_folder}/KQueue.o)
file(MAKE_DIRECTORY ${swift_module_folder}/KQueue.swiftmodule)
separate_arguments(swift_more_flags NATIVE_COMMAND "${KQUEUE_SWIFT_FLAGS}")

add_custom_command(
  OUTPUT ${swift_object} ${swift_interface}.swiftmodule ${swift_interface}.swiftdoc
  COMMAND ${KQUEUE_SWIFTC} -swift-version 6 -wmo $<IF:$<CONFIG:Debug>,-Onone,-O> $<$<CONFIG:Debug,RelWithDebInfo>:-g>
    -parse-as-library -static -module-name KQueue -module-link-name KQueue
    -enable-default-cmo -Xcc -fPIC -Xcc -I${CMAKE_CURRENT_SOURCE_DIR}/Sources/CKQueue/include
    # The same bytes in whichever folder it is built, and nothing written outside of it.
    -module-cache-path ${swift_module_folder}/cache -file-prefix-map ${CMAKE_CURRENT_BINARY_DIR}=.
    -file-prefix-map ${CMAKE_CURRENT_SOURCE_DIR}=. -Xfrontend -no-clang-module-breadcrumbs
    -Xfrontend -no-serialize-debugging-options -avoid-emit-module-source-info
    ${platform_flags} ${swift_more_flags}
    -emit-module -emit-module-path ${swift_interface}.swiftmodule -c -o ${swift_object} ${swift_sources}
  COMMAND ${CMAKE_OBJCOPY} --remove-section=.swift_modhash --remove-section=.debug_names ${swift_object}
  DEPENDS ${swift_sources} Sources/CKQueue/include/sys/event.h Sources/CKQueue/include/module.modulemap
  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
  COMMENT "Building Swift module KQueue for ${swift_triple}"
  COMMAND_EXPAND_LISTS VERBATIM)
set_source_files_properties(${swift_object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)

# In a folder of its own, since on some file systems its name is the static library's.
add_library(kqueue_swift STATIC ${swift_object})
set_target_properties(kqueue_swift PROPERTIES
  LINKER_LANGUAGE C OUTPUT_NAME KQueue ARCHIVE_OUTPUT_DIRECTORY ${swift_module_folder})
