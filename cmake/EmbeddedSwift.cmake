# Compiles Swift as Embedded Swift: objects that need no Swift runtime and link like C's.
#
#   add_embedded_swift_module(NAME SOURCES file... [DEPENDS module...] [PROGRAM] [INCLUDE folder...] [FLAGS flag...])
#
# sets NAME_OBJECT to the object file. CMake's own Swift support links the Swift runtime, so the compiler is
# called by hand.

# A release archive has the Swift part as assembly, too, in assembly/, which any C compiler for the machine takes:
# KQUEUE_ASSEMBLY names such a folder. It is found by itself where there is no Swift compiler.

find_program(KQUEUE_SWIFTC swiftc DOC "Swift compiler, 6.2 or later")

set(KQUEUE_SWIFT_FLAGS "" CACHE STRING "More flags for the Swift compiler")
set(KQUEUE_SWIFT_TRIPLE "" CACHE STRING "What Embedded Swift compiles for, where the processor's usual Linux is not it")
set(KQUEUE_ASSEMBLY "" CACHE PATH "Folder of the Swift part as assembly, to do without a Swift compiler")
if(NOT KQUEUE_ASSEMBLY AND NOT KQUEUE_SWIFTC AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/assembly)
  set(KQUEUE_ASSEMBLY ${CMAKE_CURRENT_SOURCE_DIR}/assembly)
endif()

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

# Whether a program chooses how many bits time_t has.
include(CheckCSourceCompiles)
check_c_source_compiles("
#include <time.h>
#if !defined __TIMESIZE || __TIMESIZE != 32
#error one size
#endif
int main(void) { return 0; }
" KQUEUE_TIME_SIZES)

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

# Sets RESULT to a module's assembly for this machine, of the folder that has it.
function(kqueue_find_assembly name result)
  set(file ${KQUEUE_ASSEMBLY}/${KQUEUE_ASSEMBLY_MACHINE}/${name}.s)
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "There is no ${name}.s for ${KQUEUE_ASSEMBLY_MACHINE} in ${KQUEUE_ASSEMBLY}: the assembly is of the "
      "Linux platform with glibc, for some machines. Install a Swift compiler, 6.2 or later, to build from the source.")
  endif()
  set(${result} ${file} PARENT_SCOPE)
endfunction()

# A module from its assembly, whose object is the one that the Swift compiler would write.
function(add_assembled_module name object)
  kqueue_find_assembly(${name} file)
  set(target "")
  if(CMAKE_C_COMPILER_TARGET)
    set(target ${CMAKE_C_COMPILE_OPTIONS_TARGET}${CMAKE_C_COMPILER_TARGET})
  endif()
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_C_COMPILER} ${target} -c -o ${object} ${file}
    COMMAND ${CMAKE_OBJCOPY} --remove-section=.swift_modhash ${object}
    DEPENDS ${file}
    COMMENT "Assembling Swift module ${name}"
    VERBATIM)
endfunction()

function(add_embedded_swift_module name)
  cmake_parse_arguments(module "PROGRAM" "" "SOURCES;DEPENDS;INCLUDE;FLAGS" ${ARGN})
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/swift)
  set(object ${folder}/${name}.o)
  set(${name}_OBJECT ${object} PARENT_SCOPE)
  file(MAKE_DIRECTORY ${folder})
  if(KQUEUE_ASSEMBLY)
    add_assembled_module(${name} ${object})
    return()
  endif()
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
  # A kind of build of the packager's own, such as None, has the debug information that its flags for C ask for.
  set(debug $<$<CONFIG:Debug>:-gline-tables-only> $<$<CONFIG:RelWithDebInfo>:-g>)
  if(" ${CMAKE_C_FLAGS} " MATCHES " -g[123]? ")
    list(APPEND debug $<$<NOT:$<CONFIG:Debug,RelWithDebInfo>>:-g>)
  endif()

  # Embedded Swift calls every function one that nothing unwinds through, and leaves it without unwind tables; but a
  # thread that is cancelled in kevent() has its caller's destructors run, and debuggers go through it (C-361).
  #
  # An index of names for debuggers, .debug_names, is more than dwz(1) knows, with which distributions make debug
  # packages; debuggers make their own.
  #
  # With -Onone, -g has the 6.3 compiler write the object twice, and stop; line tables it can do.
  set(compile
    ${KQUEUE_SWIFTC} ${KQUEUE_SWIFT_TARGET} ${KQUEUE_SWIFT_MERGING} -enable-experimental-feature Embedded -swift-version 6 -wmo
      $<IF:$<CONFIG:Debug>,-Onone,-O> ${debug}
      -Xllvm -force-remove-attribute=nounwind -Xfrontend -function-sections -Xcc -fPIC -Xcc -D_GNU_SOURCE
      ${c_flags} ${KQUEUE_SWIFT_HEADERS}
      ${reproducible} ${module_FLAGS} ${more}
      -I ${folder} ${includes} -module-name ${name})
  add_custom_command(
    OUTPUT ${products}
    COMMAND ${compile} ${kind} -c -o ${object} ${module_SOURCES}
    COMMAND ${CMAKE_OBJCOPY} --remove-section=.swift_modhash --remove-section=.debug_names ${object}
    DEPENDS ${module_SOURCES} ${needs} ${headers}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    COMMENT "Building Swift module ${name}"
    COMMAND_EXPAND_LISTS VERBATIM)

  # The same as text, for the target `assembly`.
  set(text ${CMAKE_CURRENT_BINARY_DIR}/assembly/${KQUEUE_ASSEMBLY_MACHINE}/${name}.s)
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/assembly/${KQUEUE_ASSEMBLY_MACHINE})
  add_custom_command(
    OUTPUT ${text}
    COMMAND ${compile} -parse-as-library -emit-assembly -o ${text} ${module_SOURCES}
    # Attributes of aarch64 that assemblers do not know yet; the notes that loaders read say the same. And the extensions
    # of riscv64, not all of whose names older assemblers know; their own default is the same instructions.
    COMMAND sed -i -e "/[.]aeabi_subsection/d" -e "/[.]aeabi_attribute/d" -e "/[.]attribute.*rv[0-9]/d" ${text}
    DEPENDS ${module_SOURCES} ${needs} ${headers}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    COMMENT "Writing the assembly of Swift module ${name}"
    COMMAND_EXPAND_LISTS VERBATIM)
  set_property(GLOBAL APPEND PROPERTY KQUEUE_ASSEMBLY_FILES ${text})
endfunction()

# The target `assembly`: what of the library a release archive has as text.
function(add_assembly_target)
  get_property(files GLOBAL PROPERTY KQUEUE_ASSEMBLY_FILES)
  if(files)
    add_custom_target(assembly DEPENDS ${files})
  endif()
endfunction()
