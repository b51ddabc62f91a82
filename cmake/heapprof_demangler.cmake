# SPDX-License-Identifier: Apache-2.0
# Abseil's demangler for the library, which needs libc alone (decision 53). Since 2024 the object that it lies in has another function,
# DemangleString, which gives the name as a std::string and wants libstdc++ for that. Nothing calls it here. So what that
# function alone refers to becomes functions of the archive's own, which end the process; should anything else refer to it, the
# build ends with a line that says what does.
#
# Included, it sets HEAPPROF_DEMANGLER_ARCHIVES, Debian's, and defines heapprof_private_demangler(OUT_VAR), which sets OUT_VAR to the
# path of the archive that is made of them. Run by `cmake -D... -P THIS -- ARCHIVES...` it makes it.
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  cmake_minimum_required(VERSION 3.18)  # IN_LIST
  include(${CMAKE_CURRENT_LIST_DIR}/heapprof_run.cmake)
  get_filename_component(folder ${OUTPUT} DIRECTORY)
  get_filename_component(name ${OUTPUT} NAME_WE)
  set(object ${folder}/${name}.o)
  set(archives)
  set(behind_dashes FALSE)
  math(EXPR last "${CMAKE_ARGC} - 1")
  foreach(argument RANGE ${last})
    if(behind_dashes)
      list(APPEND archives ${CMAKE_ARGV${argument}})
    elseif(CMAKE_ARGV${argument} STREQUAL "--")
      set(behind_dashes TRUE)
    endif()
  endforeach()
  run(${LD} -r --whole-archive ${archives} -o ${object})

  # Names of the C++ runtime, but for those that code with cleanups has anyway (alloc/entry/cxx_runtime_*.S).
  run(${NM} --undefined-only --format=posix ${object})
  string(REGEX MATCHALL "(_ZN?K?St|__cxa_|_Zn[wa]|_Zd[la])[A-Za-z0-9_]* U" wanted "${printed}")
  string(REPLACE " U" "" wanted "${wanted}")
  if(wanted)
    # Who refers to them, and to who does. A part that was split off a function has the name and a suffix (.cold).
    run(${OBJDUMP} -dr --no-show-raw-insn ${object})
    string(REPLACE ";" "," printed "${printed}")
    # An instruction with a relocation below it shows the address behind itself.
    set(relocation "[ \t]R_[A-Z0-9_]+[ \t]+[^ \t\n]+")
    string(REGEX MATCHALL "\n[0-9a-f]+ <[^>\n]*>:|<[^>\n]*>\n[ \t]+[0-9a-f]+:${relocation}|${relocation}|<[^>\n]*>" lines "${printed}")
    set(function)
    foreach(line IN LISTS lines)
      if(line MATCHES "<(.*)>:$")
        set(function ${CMAKE_MATCH_1})
        continue()
      elseif(line MATCHES "R_[A-Z0-9_]+[ \t]+([A-Za-z0-9_.]+)")
        set(target ${CMAKE_MATCH_1})
      elseif(line MATCHES "^<([A-Za-z0-9_.]+)")
        set(target ${CMAKE_MATCH_1})
      endif()
      # Of libstdc++'s templates, too, what is made in this object.
      if(NOT function MATCHES "14DemangleStringB5cxx11|^_ZN?K?St" AND
         (target IN_LIST wanted OR target MATCHES "14DemangleStringB5cxx11|^_ZN?K?St"))
        message(FATAL_ERROR "Abseil's demangler needs libstdc++: ${function} refers to ${target}")
      endif()
    endforeach()
    set(source)
    set(localize)
    foreach(want IN LISTS wanted)
      string(APPEND source "void never_${want}(void) __asm__(\"${want}\");\nvoid never_${want}(void) { __builtin_trap(); }\n")
      list(APPEND localize --localize-symbol=${want})
    endforeach()
    file(WRITE ${folder}/${name}.never.c "${source}")
    run(${CC} -fPIC -O1 -c ${folder}/${name}.never.c -o ${folder}/${name}.never.o)
    run(${LD} -r ${object} ${folder}/${name}.never.o -o ${object}.whole)
    run(${OBJCOPY} ${localize} ${object}.whole ${object})
    file(REMOVE ${object}.whole ${folder}/${name}.never.c ${folder}/${name}.never.o)
  endif()
  file(REMOVE ${OUTPUT})
  run(${AR} rcs ${OUTPUT} ${object})
  file(REMOVE ${object})
  return()
endif()

find_library(HEAPPROF_DEMANGLER_ARCHIVE libabsl_demangle_internal.a REQUIRED DOC "Abseil's demangler")
set(HEAPPROF_DEMANGLER_ARCHIVES ${HEAPPROF_DEMANGLER_ARCHIVE})
get_filename_component(folder ${HEAPPROF_DEMANGLER_ARCHIVE} DIRECTORY)
foreach(part demangle_rust decode_rust_punycode utf8_for_code_point)  # archives of their own since 2024
  if(EXISTS ${folder}/libabsl_${part}.a)
    list(APPEND HEAPPROF_DEMANGLER_ARCHIVES ${folder}/libabsl_${part}.a)
  endif()
endforeach()

function(heapprof_private_demangler out_var)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/private_demangler.a)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DAR=${CMAKE_AR} -DNM=${HEAPPROF_NM} -DOBJCOPY=${HEAPPROF_OBJCOPY}
      -DOBJDUMP=${HEAPPROF_OBJDUMP} -DLD=${HEAPPROF_LD} -DCC=${CMAKE_C_COMPILER}
      -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE} -- ${HEAPPROF_DEMANGLER_ARCHIVES}
    DEPENDS ${CMAKE_CURRENT_FUNCTION_LIST_FILE} ${HEAPPROF_DEMANGLER_ARCHIVES} COMMENT "The demangler" VERBATIM)
  set(${out_var} ${output} PARENT_SCOPE)
endfunction()
