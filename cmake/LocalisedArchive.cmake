# A static library of which only the public symbols can be seen.
#
#   add_localised_archive(TARGET FROM object-library object... MAP version-script)
#
# An Embedded Swift object defines weak swift_retain and the like; a Swift program that took those for its
# runtime's would crash. So the objects are joined into one, and all but the public symbols made local.

function(add_localised_archive target)
  cmake_parse_arguments(archive "" "MAP" "FROM" ${ARGN})
  list(POP_FRONT archive_FROM library)

  file(STRINGS ${archive_MAP} public REGEX "^ +[a-z_][a-z0-9_]*;$")
  list(TRANSFORM public REPLACE "^ *([a-z0-9_]+).*$" "\\1")
  # Of streams and directories a static program has but one definition, which must stay libc's.
  list(REMOVE_ITEM public fclose freopen freopen64 pclose closedir)
  list(TRANSFORM public PREPEND --undefined= OUTPUT_VARIABLE roots)
  list(TRANSFORM public PREPEND --keep-global-symbol=)

  set(joined ${CMAKE_CURRENT_BINARY_DIR}/${target}.o)
  add_custom_command(
    OUTPUT ${joined}
    COMMAND ${CMAKE_LINKER} -r --gc-sections ${roots} -o ${joined}.all $<TARGET_OBJECTS:${library}> ${archive_FROM}
    COMMAND ${CMAKE_OBJCOPY} ${public} ${joined}.all ${joined}
    DEPENDS ${library} $<TARGET_OBJECTS:${library}> ${archive_FROM} ${archive_MAP}
    COMMENT "Joining the objects of ${target}"
    COMMAND_EXPAND_LISTS VERBATIM)
  set_source_files_properties(${joined} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  add_library(${target} STATIC ${joined})
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
endfunction()
