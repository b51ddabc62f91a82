# SPDX-License-Identifier: Apache-2.0
# Leak checks of tests, for projects that use the installed package (find_package includes this file).
#
#   heapprof_add_leak_test(TARGET target [NAME name] [ARGS ...] [SUPPRESSIONS file] [LIVE])
#       adds a test that runs the target under `heapprof check`; NAME is the target's if not given
#   heapprof_check_tests_of(target [SUPPRESSIONS file] [LIVE])
#       has every test of the target that is added later run so: add_test, gtest_discover_tests
#
# A test that leaks fails with status 23 and tells the stacks. `ctest -T MemCheck` with
# -DMEMORYCHECK_TYPE=LeakSanitizer counts the leaks, and takes MEMORYCHECK_SUPPRESSIONS_FILE.

# The words before the program's own, as a list.
function(heapprof_check_command out)
  cmake_parse_arguments(PARSE_ARGV 1 arg "LIVE" "SUPPRESSIONS" "")
  if(NOT HEAPPROF_COMMAND)
    message(FATAL_ERROR "heapprof's leak tests need the command heapprof (package heapprof): set HEAPPROF_COMMAND")
  endif()
  set(words ${HEAPPROF_COMMAND} check --library $<TARGET_FILE:heapprof::heapprof_shared>)
  if(arg_LIVE)
    list(APPEND words --live)
  endif()
  if(arg_SUPPRESSIONS)
    get_filename_component(file ${arg_SUPPRESSIONS} ABSOLUTE)
    list(APPEND words --suppressions ${file})
  endif()
  list(APPEND words --)
  set(${out} ${words} PARENT_SCOPE)
endfunction()

function(heapprof_add_leak_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "LIVE" "TARGET;NAME;SUPPRESSIONS" "ARGS")
  if(NOT arg_TARGET OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "heapprof_add_leak_test(TARGET target [NAME name] [ARGS ...] [SUPPRESSIONS file] [LIVE])")
  endif()
  if(NOT arg_NAME)
    set(arg_NAME ${arg_TARGET})
  endif()
  set(options)
  if(arg_LIVE)
    list(APPEND options LIVE)
  endif()
  if(arg_SUPPRESSIONS)
    list(APPEND options SUPPRESSIONS ${arg_SUPPRESSIONS})
  endif()
  heapprof_check_command(words ${options})
  add_test(NAME ${arg_NAME} COMMAND ${words} $<TARGET_FILE:${arg_TARGET}> ${arg_ARGS})
endfunction()

function(heapprof_check_tests_of target)
  heapprof_check_command(words ${ARGN})
  # The property that says how tests are started; before CMake 3.29 there was only the other.
  if(CMAKE_VERSION VERSION_LESS 3.29)
    set_property(TARGET ${target} PROPERTY CROSSCOMPILING_EMULATOR ${words})
  else()
    set_property(TARGET ${target} PROPERTY TEST_LAUNCHER ${words})
  endif()
endfunction()
