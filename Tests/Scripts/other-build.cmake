# Builds the library once more with other options, installs it, and builds the contract's program against that.
#
#   CONFIG     the kind of build
#   SETTINGS   a file that sets
#     SOURCE, WORK         the sources and a folder, which keeps what was built from run to run
#     GENERATOR            as of the build under test
#     COMPILER, SWIFTC     the C compiler, for the library and the program, and the Swift compiler
#     LIBRARY_OPTIONS      options of the library's build
#     HEADERS              folders of the kernel's headers, for a compiler that does not look there itself
#     PROGRAMS             targets of Tests/C
#     CROSS                options that say which machine is built for
#
# SPDX-License-Identifier: BSD-2-Clause
cmake_minimum_required(VERSION 3.25)
include(${SETTINGS})
set(program_options "")

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Links to these folders alone: what stands beside them belongs to another C library.
if(HEADERS)
  file(MAKE_DIRECTORY ${WORK}/kernel-headers)
  foreach(folder IN LISTS HEADERS)
    get_filename_component(name ${folder} NAME)
    file(CREATE_LINK ${folder} ${WORK}/kernel-headers/${name} SYMBOLIC)
  endforeach()
  list(APPEND program_options "-DCMAKE_C_FLAGS=-isystem ${WORK}/kernel-headers")
endif()

set(common -G ${GENERATOR} -DCMAKE_BUILD_TYPE=${CONFIG} -DCMAKE_C_COMPILER=${COMPILER} ${CROSS})
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/library ${common} -DKQUEUE_SWIFTC=${SWIFTC} -DENABLE_STATIC=ON
  -DENABLE_TESTING=OFF -DCMAKE_INSTALL_LIBDIR=lib ${LIBRARY_OPTIONS})
run(${CMAKE_COMMAND} --build ${WORK}/library)
file(REMOVE_RECURSE ${WORK}/stage)
run(${CMAKE_COMMAND} -E env --unset=DESTDIR ${CMAKE_COMMAND} --install ${WORK}/library --prefix ${WORK}/stage)

run(${CMAKE_COMMAND} -S ${SOURCE}/Tests/C -B ${WORK}/consumer ${common} -DCMAKE_PREFIX_PATH=${WORK}/stage
  ${program_options})
run(${CMAKE_COMMAND} --build ${WORK}/consumer --target ${PROGRAMS})
