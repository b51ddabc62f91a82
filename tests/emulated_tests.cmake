# SPDX-License-Identifier: Apache-2.0
# Unit tests of another architecture, under an emulator: each program is one test, as it takes as long to start as most
# tests take. What the emulator cannot do stands in emulated_tests.txt: `program pattern reason`. Programs that start
# others are left out: the emulator starts none of its own kind.
file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/emulated_tests.txt emulator_cannot REGEX "^[a-z]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/emulated_tests.txt)
set(EMULATOR_CANNOT "${emulator_cannot}" CACHE INTERNAL "")

function(gtest_discover_tests program)
  set(patterns "")
  foreach(line IN LISTS EMULATOR_CANNOT)
    if(line MATCHES "^${program} +([^ ]+) ")
      list(APPEND patterns ${CMAKE_MATCH_1})
    endif()
  endforeach()
  if("*" IN_LIST patterns)
    set_target_properties(${program} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  list(JOIN patterns ":" patterns)
  add_test(NAME ${program} COMMAND ${program} --gtest_brief=1 --gtest_filter=-${patterns})
  set_tests_properties(${program} PROPERTIES TIMEOUT 300)
endfunction()
