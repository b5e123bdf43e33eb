# harden_program(TARGET): what distributions give programs, where the flags of the build do not give it already: a place
# in memory that is not known beforehand, and checked copies.
#
# SPDX-License-Identifier: BSD-2-Clause
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

function(harden_program target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  # The checks need the optimiser.
  if(NOT CMAKE_C_FLAGS MATCHES "_FORTIFY_SOURCE")
    target_compile_options(${target} PRIVATE
      $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE>
      $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-D_FORTIFY_SOURCE=2>)
  endif()
  target_compile_options(${target} PRIVATE -fstack-protector-strong ${KQUEUE_BRANCH_PROTECTION})
endfunction()
