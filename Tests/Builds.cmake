# Builds beside the one under test, on another platform or C library, each of which passes the contract too.
#
# SPDX-License-Identifier: BSD-2-Clause

# add_other_build(NAME COMPILER [LIBRARY option...] [HEADERS folder...]): the fixture NAME_built; NAME_consumer is where
# its programs are.
function(add_other_build name compiler)
  cmake_parse_arguments(build "" "" "LIBRARY;HEADERS" ${ARGN})
  set(work ${CMAKE_CURRENT_BINARY_DIR}/work/${name})
  # Lists do not survive as arguments of a test.
  file(CONFIGURE OUTPUT ${work}.cmake CONTENT [[
set(SOURCE "@PROJECT_SOURCE_DIR@")
set(WORK "@work@")
set(GENERATOR "@CMAKE_GENERATOR@")
set(COMPILER "@compiler@")
set(SWIFTC "@KQUEUE_SWIFTC@")
set(LIBRARY_OPTIONS "@build_LIBRARY@")
set(HEADERS "@build_HEADERS@")
set(CROSS "@cross@")
set(PROGRAMS contract stress faults fuzz-replay prefork-test daemon-test churn bench)
]] @ONLY)
  add_fixture(${name}.build ${name}_built
    ${CMAKE_COMMAND} -DSETTINGS=${work}.cmake -DCONFIG=$<CONFIG> -P ${scripts}/other-build.cmake)
  set_tests_properties(${name}.build PROPERTIES LABELS ${name})
  set(${name}_consumer ${work}/consumer PARENT_SCOPE)
endfunction()

# add_other_contract(NAME GROUPS group... [MODE name variable]): a test for each group of the contract's statements.
function(add_other_contract name)
  cmake_parse_arguments(contract "" "" "GROUPS;MODE" ${ARGN})
  set(prefix contract.${name})
  set(environment "")
  if(contract_MODE)
    list(POP_FRONT contract_MODE mode environment)
    string(APPEND prefix .${mode})
    string(APPEND environment =1)
  endif()
  foreach(group IN LISTS contract_GROUPS)
    add_test(NAME ${prefix}.${group} COMMAND ${run} ${${name}_consumer}/contract ${group})
    set_tests_properties(${prefix}.${group} PROPERTIES LABELS "contract;${name}"
      FIXTURES_REQUIRED ${name}_built TIMEOUT 600 ENVIRONMENT "${environment}")
  endforeach()
endfunction()

# add_other_library(NAME property...): those of library.sh, of the files that this build installs.
function(add_other_library name)
  set(stage ${CMAKE_CURRENT_BINARY_DIR}/work/${name}/stage)
  set(stage_lib ${stage}/lib)
  foreach(property IN LISTS ARGN)
    add_script_test(library.${name}.${property} library library ${property})
    set_tests_properties(library.${name}.${property} PROPERTIES
      LABELS "library;${name}" FIXTURES_REQUIRED ${name}_built)
  endforeach()
endfunction()

function(add_other_benchmark name)
  add_test(NAME benchmark.${name}.quick COMMAND ${run} ${${name}_consumer}/bench -q)
  set_tests_properties(benchmark.${name}.quick PROPERTIES
    LABELS "benchmark;${name}" FIXTURES_REQUIRED ${name}_built RUN_SERIAL ON TIMEOUT 120)
endfunction()

# The kernel's headers, which a compiler for another C library does not find where the system's own has them.
function(find_kernel_headers result)
  set(folders "")
  foreach(header linux/version.h asm/unistd.h asm-generic/unistd.h)
    set(place "place-NOTFOUND")
    find_path(place ${header} HINTS ${CMAKE_C_IMPLICIT_INCLUDE_DIRECTORIES} NO_CACHE)
    if(place)
      get_filename_component(name ${header} DIRECTORY)
      list(APPEND folders ${place}/${name})
    endif()
  endforeach()
  set(${result} ${folders} PARENT_SCOPE)
endfunction()

# add_musl_build(PLATFORM group...): the whole library with musl, shared for the contract and static for a program.
function(add_musl_build platform)
  set(name musl-${platform})
  find_kernel_headers(headers)
  add_other_build(${name} ${KQUEUE_MUSL_GCC} LIBRARY -DKQUEUE_PLATFORM=${platform} HEADERS ${headers})
  add_other_contract(${name} GROUPS ${ARGN})
  add_other_library(${name} symbols archive-symbols needed allocation flags)
endfunction()

function(add_musl_builds)
  foreach(platform linux posix)
    if(NOT KQUEUE_MUSL_GCC)
      add_skipped_test(contract.musl-${platform} contract "no musl-gcc")
    elseif(platform STREQUAL KQUEUE_PLATFORM OR KQUEUE_PLATFORM STREQUAL "linux")
      add_musl_build(${platform} ${ARGN})
    endif()
  endforeach()
endfunction()
