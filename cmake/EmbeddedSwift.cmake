# Compiles Swift as Embedded Swift: objects that need no Swift runtime and link like C's.
#
#   add_embedded_swift_module(NAME SOURCES file... [DEPENDS module...] [PROGRAM] [INCLUDE folder...] [FLAGS flag...])
#
# sets NAME_OBJECT to the object file. CMake's own Swift support links the Swift runtime, so the compiler is
# called by hand.

find_program(KQUEUE_SWIFTC swiftc DOC "Swift compiler, 6.2 or later" REQUIRED)

set(KQUEUE_SWIFT_FLAGS "" CACHE STRING "More flags for the Swift compiler")

include(SwiftTarget)

# Marks for control-flow enforcement; the library has them where all its objects have. C's and Swift's flag.
set(KQUEUE_BRANCH_PROTECTION "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(KQUEUE_BRANCH_PROTECTION -fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(KQUEUE_BRANCH_PROTECTION -mbranch-protection=standard)
endif()

# Sizes of files have 64 bits on each system, and time_t has as many as C's flags say: Swift has to read the same.
include(CheckTypeSize)
set(KQUEUE_SIZES "")
if(CMAKE_SIZEOF_VOID_P EQUAL 4)
  list(APPEND KQUEUE_SIZES -D_FILE_OFFSET_BITS=64)
  check_type_size(time_t KQUEUE_TIME_SIZE)
  if(KQUEUE_TIME_SIZE EQUAL 8)
    list(APPEND KQUEUE_SIZES -D_TIME_BITS=64)
  endif()
endif()

# Swift reads the C library's headers of its own system; the program is linked with the C compiler's.
include(CheckSymbolExists)
check_symbol_exists(__GLIBC__ features.h KQUEUE_GLIBC)
set(KQUEUE_SWIFT_HEADERS "")
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND (CMAKE_CROSSCOMPILING OR NOT KQUEUE_GLIBC))
  list(APPEND KQUEUE_SWIFT_HEADERS -Xcc -nostdlibinc)
  foreach(folder IN LISTS CMAKE_C_IMPLICIT_INCLUDE_DIRECTORIES)
    # Not the C compiler's own, of which Swift has others.
    if(NOT EXISTS ${folder}/stddef.h OR EXISTS ${folder}/stdio.h)
      list(APPEND KQUEUE_SWIFT_HEADERS -Xcc -isystem -Xcc ${folder})
    endif()
  endforeach()
endif()

function(add_embedded_swift_module name)
  cmake_parse_arguments(module "PROGRAM" "" "SOURCES;DEPENDS;INCLUDE;FLAGS" ${ARGN})
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/swift)
  set(object ${folder}/${name}.o)
  set(interface ${folder}/${name}.swiftmodule)

  set(needs "")
  foreach(dependency IN LISTS module_DEPENDS)
    list(APPEND needs ${folder}/${dependency}.swiftmodule)
  endforeach()
  set(includes "")
  foreach(include Sources/CKQueue/include Sources/CKQueueShims/include ${module_INCLUDE})
    list(APPEND includes -Xcc -I${CMAKE_CURRENT_SOURCE_DIR}/${include})
  endforeach()
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS
    ${CMAKE_CURRENT_SOURCE_DIR}/Sources/*.h ${CMAKE_CURRENT_SOURCE_DIR}/Sources/*.modulemap)

  set(kind -parse-as-library -emit-module -emit-module-path ${interface})
  set(products ${object} ${interface})
  if(module_PROGRAM)
    set(kind -parse-as-library)
    set(products ${object})
  endif()

  # The same bytes in whichever folder it is built, and nothing written outside of it.
  set(reproducible
    -module-cache-path ${folder}/cache -file-prefix-map ${CMAKE_CURRENT_BINARY_DIR}=.
    -file-prefix-map ${CMAKE_CURRENT_SOURCE_DIR}=. -Xfrontend -no-clang-module-breadcrumbs)
  set(c_flags "")
  foreach(flag IN LISTS KQUEUE_BRANCH_PROTECTION KQUEUE_SIZES)
    list(APPEND c_flags -Xcc ${flag})
  endforeach()
  separate_arguments(more NATIVE_COMMAND "${KQUEUE_SWIFT_FLAGS}")

  # Embedded Swift calls every function one that nothing unwinds through, and leaves it without unwind tables; but a
  # thread that is cancelled in kevent() has its caller's destructors run, and debuggers go through it (C-361).
  #
  # An index of names for debuggers, .debug_names, is more than dwz(1) knows, with which distributions make debug
  # packages; debuggers make their own.
  #
  # With -Onone, -g has the 6.3 compiler write the object twice, and stop; line tables it can do.
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(
    OUTPUT ${products}
    COMMAND ${KQUEUE_SWIFTC} ${KQUEUE_SWIFT_TARGET} -enable-experimental-feature Embedded -swift-version 6 -wmo
      $<IF:$<CONFIG:Debug>,-Onone,-O> $<$<CONFIG:Debug>:-gline-tables-only> $<$<CONFIG:RelWithDebInfo>:-g>
      -Xllvm -force-remove-attribute=nounwind -Xfrontend -function-sections -Xcc -fPIC -Xcc -D_GNU_SOURCE
      ${c_flags} ${KQUEUE_SWIFT_HEADERS}
      ${reproducible} ${module_FLAGS} ${more}
      -I ${folder} ${includes} -module-name ${name} ${kind} -c -o ${object} ${module_SOURCES}
    COMMAND ${CMAKE_OBJCOPY} --remove-section=.swift_modhash --remove-section=.debug_names ${object}
    DEPENDS ${module_SOURCES} ${needs} ${headers}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    COMMENT "Building Swift module ${name}"
    COMMAND_EXPAND_LISTS VERBATIM)
  set(${name}_OBJECT ${object} PARENT_SCOPE)
endfunction()
