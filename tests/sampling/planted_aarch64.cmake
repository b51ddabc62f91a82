# SPDX-License-Identifier: Apache-2.0
# functions.cc as stepped_test has it, with and without signed return addresses; each copy's code in a section of its own.
# By gcc alone: the tables of clang before 15 say nothing of the beginnings and ends of functions here.
set(source ${CMAKE_CURRENT_SOURCE_DIR}/unwind/stepped/functions.cc)
set(lines "")
set(objects "")
set(command ${CMAKE_CXX_COMPILER})
if(CMAKE_SYSROOT)
  list(APPEND command --sysroot=${CMAKE_SYSROOT})
endif()
foreach(level IN ITEMS O0 O1 O2 O3 Os)
  foreach(frame IN ITEMS omit no-omit)
    foreach(protection IN ITEMS none standard)
      string(REPLACE "-" "" name ${level}_${frame}_${protection})
      set(object ${CMAKE_CURRENT_BINARY_DIR}/stepped/${name}.o)
      add_custom_command(OUTPUT ${object}
        COMMAND ${command} -std=c++17 -${level} -f${frame}-frame-pointer -mbranch-protection=${protection} -fPIE
                -fno-reorder-blocks-and-partition -DVARIANT=${name} -c ${source} -o ${object}
        COMMAND ${HEAPPROF_OBJCOPY} --rename-section .text=stepped_${name},alloc,load,readonly,code,contents ${object}
        DEPENDS ${source} VERBATIM)
      list(APPEND objects ${object})
      string(APPEND lines "VARIANT(${name})\n")
    endforeach()
  endforeach()
endforeach()
file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/stepped/stepped_variants.inc CONTENT "${lines}")
add_executable(planted_test unwind/planted_aarch64_test.cc ${objects})
target_include_directories(planted_test PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/stepped)
target_link_libraries(planted_test PRIVATE hp_sampling hp_base gcc_s GTest::gtest_main ${LIBUNWIND} ${CMAKE_DL_LIBS})
gtest_discover_tests(planted_test TEST_PREFIX unwind. PROPERTIES TIMEOUT 300)
