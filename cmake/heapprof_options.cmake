# SPDX-License-Identifier: Apache-2.0
# Flags shared by every folder. heapprof_runtime_library(NAME SOURCES...) makes an object library of code that
# runs inside the user's program: no exceptions, no RTTI, hidden symbols, position independent.
set(HEAPPROF_WARNINGS -Wall -Wextra -Werror $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wthread-safety>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  list(APPEND HEAPPROF_WARNINGS -Wno-maybe-uninitialized)  # says so of a std::optional that holds something
endif()

function(heapprof_runtime_library name)
  add_library(${name} OBJECT ${ARGN})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(${name} PRIVATE ${HEAPPROF_WARNINGS}
    $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics>
    -fno-plt -fno-math-errno -ftls-model=initial-exec -O2 -g)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
    C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(HEAPPROF_SANITIZE MATCHES "address|thread")  # what no unit test links is not built
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# GNU's tools, whatever the compiler brings: lld has no --force-group-allocation.
find_program(HEAPPROF_LD NAMES ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu-ld.bfd ld.bfd REQUIRED)
find_program(HEAPPROF_OBJCOPY NAMES ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu-objcopy REQUIRED)
find_program(HEAPPROF_OBJDUMP NAMES ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu-objdump REQUIRED)
find_program(HEAPPROF_NM NAMES ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu-nm REQUIRED)

# heapprof_fuzzer(NAME CORPUS SOURCES...): a fuzz target. Without HEAPPROF_FUZZ it is a test that runs the corpus
# and mutations of it from a fixed seed.
function(heapprof_fuzzer name corpus)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${HEAPPROF_WARNINGS})
  if(HEAPPROF_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  if(HEAPPROF_SANITIZE STREQUAL "thread")  # it has one
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/fuzz_driver.cc)
  file(GLOB seeds CONFIGURE_DEPENDS ${corpus}/*)
  add_test(NAME fuzz.${name} COMMAND ${name} 20000 ${seeds})
  set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 120)
endfunction()
