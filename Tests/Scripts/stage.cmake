# Installs BUILD into an empty STAGE.
#
# SPDX-License-Identifier: BSD-2-Clause
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${STAGE})
set(config "")
if(CONFIG)
  set(config --config ${CONFIG})
endif()
# An install for a package sets DESTDIR; this one is for the tests alone.
execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=DESTDIR
  ${CMAKE_COMMAND} --install ${BUILD} --prefix ${STAGE} ${config} COMMAND_ERROR_IS_FATAL ANY)
