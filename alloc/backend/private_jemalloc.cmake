# SPDX-License-Identifier: Apache-2.0
# Makes jemalloc private: out of Debian's libjemalloc_pic.a comes one relocatable object in which every global
# symbol is called hpje_<name>, so that it clashes with no jemalloc of the program's own. jemalloc_cpp.o stays
# behind, as operator new and delete are ours, and jemalloc's pthread_atfork becomes hpje_register_atfork, so
# that alloc/wrappers/fork decides when its fork handlers run, and hpje_mutex_lock how they wait. Its mmap, munmap,
# madvise, mprotect and sbrk become ours too (alloc/backend/backend_mappings), which note what it maps and leave errno
# alone; its clock and the like, and what its own profiler would need of libm and libgcc_s
# (alloc/backend/backend_calls); and what its controls see of arena_reset (alloc/entry/arena_reset) and of whether
# arenas belong to processors (alloc/backend/default_settings).
#
# Included, it defines heapprof_private_jemalloc(OUT_VAR), which sets OUT_VAR to the object's path. Run by
# `cmake -P` it does the work.
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
  endfunction()
  get_filename_component(folder ${OUTPUT} DIRECTORY)
  set(archive ${folder}/private_jemalloc.a)
  file(COPY_FILE ${ARCHIVE} ${archive})
  run(${AR} d ${archive} jemalloc_cpp.pic.o)
  # arena_reset and opt_percpu_arena as jemalloc's controls see them.
  execute_process(COMMAND ${AR} x ${archive} ctl.pic.o WORKING_DIRECTORY ${folder} COMMAND_ERROR_IS_FATAL ANY)
  run(${OBJCOPY} --redefine-sym je_arena_reset=hpje_arena_reset
    --redefine-sym je_opt_percpu_arena=hpje_shown_percpu_arena ${folder}/ctl.pic.o)
  run(${AR} r ${archive} ${folder}/ctl.pic.o)
  file(REMOVE ${folder}/ctl.pic.o)
  execute_process(COMMAND ${NM} --defined-only --extern-only --format=posix ${archive}
    OUTPUT_VARIABLE listing ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "\n[A-Za-z_][A-Za-z0-9_]* [A-Z] " definitions "\n${listing}")
  set(renames "pthread_atfork hpje_register_atfork\npthread_mutex_lock hpje_mutex_lock\n")
  foreach(call mmap munmap madvise mprotect sbrk clock_gettime readlink sched_yield syscall log exp round _Unwind_Backtrace
      _Unwind_GetIP dlsym)
    string(APPEND renames "${call} hpje_${call}\n")
  endforeach()
  foreach(definition IN LISTS definitions)
    string(REGEX REPLACE "\n([^ ]*) .*" "\\1" name "${definition}")
    string(APPEND renames "${name} hpje_${name}\n")
  endforeach()
  file(WRITE ${folder}/private_jemalloc.renames "${renames}")
  run(${OBJCOPY} --redefine-syms=${folder}/private_jemalloc.renames ${archive})
  run(${LD} -r --whole-archive ${archive} -o ${OUTPUT})
  return()
endif()

find_library(HEAPPROF_JEMALLOC_ARCHIVE libjemalloc_pic.a REQUIRED DOC "jemalloc 5.3.0, position independent")

function(heapprof_private_jemalloc out_var)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/private_jemalloc.o)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DARCHIVE=${HEAPPROF_JEMALLOC_ARCHIVE} -DOUTPUT=${output} -DAR=${CMAKE_AR}
      -DNM=${HEAPPROF_NM} -DOBJCOPY=${HEAPPROF_OBJCOPY} -DLD=${HEAPPROF_LD}
      -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    DEPENDS ${CMAKE_CURRENT_FUNCTION_LIST_FILE} ${HEAPPROF_JEMALLOC_ARCHIVE}
    COMMENT "Private jemalloc" VERBATIM)
  set_source_files_properties(${output} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  set(${out_var} ${output} PARENT_SCOPE)
endfunction()
