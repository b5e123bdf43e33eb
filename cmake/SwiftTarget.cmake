# What Swift compiles for: sets KQUEUE_SWIFT_TARGET to the compiler's flags, empty where it is the compiler's own machine.
#
# A compiler has its library for Embedded Swift for its own Linux, and else for bare machines, of which the objects must
# not be linked here: they have another ABI, and os(Linux) is false. So where it lacks the module of a Linux, a folder of
# resources stands in, with the module of the bare machine under the name of the Linux. The module is the same but for
# that name, which stands in it as well, and has to keep its length.
#
# Of s390x and ppc64el there is no bare machine; that of another machine with pointers of as many bits serves. What it was
# told of the order of bytes is then wrong on s390x, where the library must use nothing of Swift's that asks for it:
# bigEndian, littleEndian, and strings.

# CMake's processor; the triple; the bare machine's; one of the same length that means the same as the triple.
set(kqueue_swift_targets
  "^(aarch64|arm64)$" aarch64-unknown-linux-gnu aarch64-none-none-elf aarch64-any-linux-gnu
  "^riscv64$" riscv64-unknown-linux-gnu riscv64-none-none-eabi riscv64-none-linux-gnu
  "^arm(v7.*|hf)?$" armv7-unknown-linux-gnueabihf armv7-none-none-eabi armv7--linux-gnueabi
  "^i[3-6]86$" i686-unknown-linux-gnu i686-unknown-none-elf i686-anyone-linux-gnu
  "^(x86_64|AMD64)$" x86_64-unknown-linux-gnu x86_64-unknown-none-elf x86_64-unknown-none-elf
  "^s390x$" s390x-unknown-linux-gnu aarch64-none-none-elf s390x-vendr-linux-gnu
  "^(ppc64le|powerpc64le)$" powerpc64le-unknown-linux-gnu riscv64-none-none-eabi powerpc64le--linux-gnu)

# Whether the compiler compiles a line of what the library is made of, with these flags; kqueue_swift_text is what it says.
function(kqueue_swift_has_library result)
  set(folder ${CMAKE_BINARY_DIR}/CMakeFiles/swift-target)
  file(WRITE ${folder}/line.swift [[
#if compiler(>=6.2)
import Synchronization
public func line(_ words: InlineArray<2, Int>) -> Int { words[0] }
#else
#error("older than 6.2")
#endif
]])
  execute_process(
    COMMAND ${KQUEUE_SWIFTC} ${ARGN} -enable-experimental-feature Embedded -wmo -parse-as-library -O
      -module-cache-path ${folder}/cache -c ${folder}/line.swift -o ${folder}/line.o
    RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(status EQUAL 0)
    set(${result} TRUE PARENT_SCOPE)
  else()
    set(${result} FALSE PARENT_SCOPE)
  endif()
  set(kqueue_swift_text "${text}" PARENT_SCOPE)
endfunction()

# Stops where there is no compiler, one that does not run, or one that is too old; each is told apart.
function(kqueue_check_swift_compiler)
  set(otherwise "-DKQUEUE_SWIFTC=/path/to/swiftc names another. A release archive needs none: its folder assembly/ has "
    "the Swift part for the C compiler, and -DKQUEUE_ASSEMBLY=<folder> uses it.")
  string(CONCAT otherwise ${otherwise})
  if(NOT KQUEUE_SWIFTC)
    message(FATAL_ERROR "No Swift compiler was found. Install Swift 6.2 or later. ${otherwise}")
  endif()
  execute_process(COMMAND ${KQUEUE_SWIFTC} --version RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE error)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${KQUEUE_SWIFTC} does not run: ${text}${error}\n${otherwise}")
  endif()
  string(REGEX MATCH "Swift version ([0-9.]+)" version "${text}")
  # Each object has the few functions of the runtime that it uses; Swift 6.2 makes them mergeable if it is told to.
  set(merging "")
  if(version AND CMAKE_MATCH_1 VERSION_LESS 6.3)
    set(merging -Xfrontend -mergeable-symbols)
  endif()
  set(KQUEUE_SWIFT_MERGING ${merging} CACHE INTERNAL "Flags for objects that have functions in common")
  if(version AND CMAKE_MATCH_1 VERSION_LESS 6.2)
    message(FATAL_ERROR "${KQUEUE_SWIFTC} is of Swift ${CMAKE_MATCH_1}, which is too old: the library needs 6.2, where "
      "InlineArray is. ${otherwise}")
  endif()
endfunction()

# The compiler's folder of resources, with the modules of a bare machine for a Linux.
function(kqueue_swift_stand_in folder triple bare alias)
  execute_process(COMMAND ${KQUEUE_SWIFTC} -print-target-info OUTPUT_VARIABLE info)
  string(JSON resources ERROR_VARIABLE none GET "${info}" paths runtimeResourcePath)
  file(GLOB entries LIST_DIRECTORIES TRUE ${resources}/*)
  list(REMOVE_ITEM entries ${resources}/embedded)
  file(MAKE_DIRECTORY ${folder})
  foreach(entry IN LISTS entries)
    get_filename_component(name ${entry} NAME)
    file(CREATE_LINK ${entry} ${folder}/${name} SYMBOLIC)
  endforeach()
  foreach(module Swift Synchronization _Builtin_float)
    set(source ${resources}/embedded/${module}.swiftmodule/${bare}.swiftmodule)
    if(EXISTS ${source})
      file(MAKE_DIRECTORY ${folder}/embedded/${module}.swiftmodule)
      execute_process(COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C sed s/${bare}/${alias}/g ${source}
        OUTPUT_FILE ${folder}/embedded/${module}.swiftmodule/${triple}.swiftmodule)
    endif()
  endforeach()
endfunction()

# The row of the table for this processor, in the caller's triple, bare and alias; the triple is empty where there is none.
function(kqueue_find_row)
  list(LENGTH kqueue_swift_targets left)
  set(table ${kqueue_swift_targets})
  while(left GREATER 0)
    list(POP_FRONT table processor triple bare alias)
    list(LENGTH table left)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "${processor}")
      break()
    endif()
    set(triple "")
  endwhile()
  foreach(name triple bare alias)
    set(${name} ${${name}} PARENT_SCOPE)
  endforeach()
endfunction()

function(kqueue_find_swift_target)
  kqueue_check_swift_compiler()
  kqueue_swift_has_library(found)
  if(found AND NOT CMAKE_CROSSCOMPILING AND NOT KQUEUE_SWIFT_TRIPLE)
    set(KQUEUE_SWIFT_TARGET "" CACHE INTERNAL "Flags that say what Swift compiles for")
    return()
  endif()
  kqueue_find_row()
  if(KQUEUE_SWIFT_TRIPLE)
    set(triple ${KQUEUE_SWIFT_TRIPLE})
  endif()
  if(triple STREQUAL "")
    message(FATAL_ERROR "Swift: nothing is known of the processor ${CMAKE_SYSTEM_PROCESSOR}; -DKQUEUE_SWIFT_TRIPLE names "
      "what the compiler calls it")
  endif()

  set(flags -target ${triple})
  kqueue_swift_has_library(found ${flags})
  set(origin "the compiler's own library")
  if(NOT found AND bare)
    set(folder ${CMAKE_BINARY_DIR}/CMakeFiles/swift-target/resources)
    kqueue_swift_stand_in(${folder} ${triple} ${bare} ${alias})
    list(APPEND flags -resource-dir ${folder})
    kqueue_swift_has_library(found ${flags})
    set(origin "the compiler's library for ${bare}")
  endif()
  if(NOT found)
    message(FATAL_ERROR "Swift: the compiler has no library of Embedded Swift for ${triple}, so it cannot build this. Take a "
      "toolchain that has it, such as swift.org's; or name another triple with -DKQUEUE_SWIFT_TRIPLE; or build from the "
      "assembly of a release archive with -DKQUEUE_ASSEMBLY. What the compiler says:\n${kqueue_swift_text}")
  endif()
  message(STATUS "Swift: for ${triple}, with ${origin}")
  set(KQUEUE_SWIFT_TARGET ${flags} CACHE INTERNAL "Flags that say what Swift compiles for")
endfunction()

# What the machine's folder of assembly is called, as Debian calls the machine.
kqueue_find_row()
string(REGEX REPLACE "-unknown" "" KQUEUE_ASSEMBLY_MACHINE "${triple}")

if(KQUEUE_ASSEMBLY)
  message(STATUS "Swift: from the assembly in ${KQUEUE_ASSEMBLY}")
elseif(NOT DEFINED CACHE{KQUEUE_SWIFT_TARGET})
  kqueue_find_swift_target()
endif()
