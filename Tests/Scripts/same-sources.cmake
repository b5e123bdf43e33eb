# SwiftPM's targets and CMake's modules consist of the same files.
#
#   SWIFT, SOURCE, SCRATCH    the command, the package and a folder to work in
#   COMPILED                  CMake's files, a line "module file" each
#   TOOLS                     whether CMake builds kq
#
# SPDX-License-Identifier: BSD-2-Clause
cmake_minimum_required(VERSION 3.25)

# Targets of Sources and platform that CMake has no part in.
set(swiftpm_only KQueue)
if(NOT TOOLS)
  list(APPEND swiftpm_only kq CKqShims)
endif()

function(read_compiled)
  file(STRINGS ${COMPILED} lines)
  set(modules "")
  foreach(line IN LISTS lines)
    string(REPLACE " " ";" parts ${line})
    list(GET parts 0 module)
    list(GET parts 1 file)
    list(APPEND modules ${module})
    list(APPEND compiled_${module} ${file})
    set(compiled_${module} ${compiled_${module}} PARENT_SCOPE)
  endforeach()
  list(REMOVE_DUPLICATES modules)
  set(compiled_modules ${modules} PARENT_SCOPE)
endfunction()

# json_list(VARIABLE JSON KEY... PREFIX): strings of an array, each behind the prefix.
function(json_strings result json key prefix)
  string(JSON count ERROR_VARIABLE error LENGTH "${json}" ${key})
  set(strings "")
  if(error STREQUAL "NOTFOUND" AND count GREATER 0)
    math(EXPR last "${count} - 1")
    foreach(i RANGE ${last})
      string(JSON value GET "${json}" ${key} ${i})
      list(APPEND strings ${prefix}${value})
    endforeach()
  endif()
  set(${result} ${strings} PARENT_SCOPE)
endfunction()

function(read_described)
  # The machines that build packages have no home to keep a cache in.
  file(MAKE_DIRECTORY ${SCRATCH}/home)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env HOME=${SCRATCH}/home ${SWIFT} package --package-path ${SOURCE} --scratch-path ${SCRATCH} describe --type json
    OUTPUT_VARIABLE json COMMAND_ERROR_IS_FATAL ANY)
  string(JSON count LENGTH "${json}" targets)
  math(EXPR last "${count} - 1")
  set(modules "")
  foreach(i RANGE ${last})
    string(JSON target GET "${json}" targets ${i})
    string(JSON name GET "${target}" name)
    string(JSON type GET "${target}" type)
    string(JSON path GET "${target}" path)
    if(path MATCHES "^(Sources|platform)/" AND NOT type STREQUAL "system-target")
      json_strings(files "${target}" sources ${path}/)
      list(APPEND modules ${name})
      set(described_${name} ${files} PARENT_SCOPE)
    endif()
  endforeach()
  set(described_modules ${modules} PARENT_SCOPE)
endfunction()

# compare(WHAT ONE OTHER): says what is in one list and not in the other.
function(compare what one other)
  set(left ${${one}})
  if(left AND ${other})
    list(REMOVE_ITEM left ${${other}})
  endif()
  if(left)
    message(SEND_ERROR "${what}: ${left}")
  endif()
endfunction()

read_compiled()
read_described()
foreach(module IN LISTS swiftpm_only)
  list(REMOVE_ITEM described_modules ${module})
endforeach()
compare("modules that SwiftPM does not have" compiled_modules described_modules)
compare("targets that CMake does not compile" described_modules compiled_modules)
# Shims named after a platform are compiled with that platform alone by CMake.
file(GLOB platforms RELATIVE ${SOURCE}/platform ${SOURCE}/platform/*)
foreach(platform IN LISTS platforms)
  if(NOT "${compiled_CKQueueShims}" MATCHES "/${platform}_")
    list(FILTER described_CKQueueShims EXCLUDE REGEX "/${platform}_[^/]*$")
  endif()
endforeach()
foreach(module IN LISTS compiled_modules)
  compare("${module}: files that SwiftPM does not compile" compiled_${module} described_${module})
  compare("${module}: files that CMake does not compile" described_${module} compiled_${module})
  list(LENGTH compiled_${module} count)
  message(STATUS "${module}: ${count} files")
endforeach()
