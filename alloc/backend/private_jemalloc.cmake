# SPDX-License-Identifier: Apache-2.0
# Makes jemalloc private: out of Debian's libjemalloc_pic.a comes one relocatable object in which every global
# symbol is called hpje_<name>, so that it clashes with no jemalloc of the program's own. jemalloc_cpp.o stays
# behind, as operator new and delete are ours, and jemalloc's pthread_atfork becomes hpje_register_atfork, so
# that alloc/wrappers/fork decides when its fork handlers run, and hpje_mutex_lock how they wait. Its mmap, munmap,
# madvise, mprotect and sbrk become ours too (alloc/backend/backend_mappings), which note what it maps and leave errno
# alone; its clock and the like, and what its own profiler would need of libm and libgcc_s
# (alloc/backend/backend_calls); what its controls see of arena_reset (alloc/entry/arena_reset) and of whether
# arenas belong to processors, and of which (alloc/backend/default_settings); whether an arena whose last thread has left is emptied
# (alloc/backend/idle_arenas); and when a thread that only frees gets a cache (alloc/backend/thread_caches).
#
# Included, it defines heapprof_private_jemalloc(OUT_VAR), which sets OUT_VAR to the object's path, beside
# which the header private_jemalloc.h comes. Run by `cmake -P` it does the work.
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/heapprof_run.cmake)
  get_filename_component(folder ${OUTPUT} DIRECTORY)
  set(archive ${folder}/private_jemalloc.a)
  configure_file(${ARCHIVE} ${archive} COPYONLY)
  run(${AR} d ${archive} jemalloc_cpp.pic.o)
  # arena_reset and opt_percpu_arena as jemalloc's controls see them.
  run(${AR} x ${archive} ctl.pic.o)
  run(${OBJCOPY} --redefine-sym je_arena_reset=hpje_arena_reset
    --redefine-sym je_opt_percpu_arena=hpje_shown_percpu_arena ${folder}/ctl.pic.o)
  run(${AR} r ${archive} ${folder}/ctl.pic.o)
  file(REMOVE ${folder}/ctl.pic.o)
  # arena_decay where an arena has lost its last thread: that ended, or went on to another arena. tsd_fetch_slow as the functions
  # that allocate and free call it.
  foreach(object tcache.pic.o jemalloc.pic.o)
    run(${AR} x ${archive} ${object})
    set(redefined --redefine-sym je_arena_decay=hpje_arena_decay)
    if(object STREQUAL "jemalloc.pic.o")
      list(APPEND redefined --redefine-sym je_tsd_fetch_slow=hpje_tsd_fetch_slow)
    endif()
    run(${OBJCOPY} ${redefined} ${folder}/${object})
    run(${AR} r ${archive} ${object})
    file(REMOVE ${folder}/${object})
  endforeach()
  run(${NM} --defined-only --extern-only --format=posix ${archive})
  string(REGEX MATCHALL "\n[A-Za-z_][A-Za-z0-9_]* [A-Z] " definitions "\n${printed}")
  set(renames "pthread_atfork hpje_register_atfork\npthread_mutex_lock hpje_mutex_lock\n")
  foreach(call mmap munmap madvise mprotect sbrk clock_gettime readlink sched_yield sched_getcpu syscall log exp round _Unwind_Backtrace
      _Unwind_GetIP dlsym)
    string(APPEND renames "${call} hpje_${call}\n")
  endforeach()
  # Headers since glibc 2.38 have other names for functions that read numbers in base 2, too, as no setting has them.
  foreach(call strtol strtoul strtoll strtoull strtoimax strtoumax sscanf)
    string(APPEND renames "__isoc23_${call} ${call}\n")
  endforeach()
  foreach(definition IN LISTS definitions)
    string(REGEX REPLACE "\n([^ ]*) .*" "\\1" name "${definition}")
    if(name STREQUAL "je_extent_hooks_default")  # as jemalloc 5.2.1 calls them
      string(APPEND renames "${name} hpje_je_ehooks_default_extent_hooks\n")
    else()
      string(APPEND renames "${name} hpje_${name}\n")
    endif()
  endforeach()
  file(WRITE ${folder}/private_jemalloc.renames "${renames}")
  run(${OBJCOPY} --redefine-syms=${folder}/private_jemalloc.renames ${archive})
  run(${LD} -r --whole-archive ${archive} -o ${OUTPUT})
  # How large a thread's record is: 2632 bytes in 5.3.0, 6216 in 5.2.1. And the root of the tree of pages, by which its depth is
  # known: 2^18 entries of two levels, 2^15 of three, where the machine that built it had addresses of 57 bits.
  run(${NM} -S --format=posix ${OUTPUT})
  if(NOT printed MATCHES "\nhpje_je_tsd_tls [A-Za-z] [0-9a-f]+ ([0-9a-f]+)\n")
    message(FATAL_ERROR "no hpje_je_tsd_tls in ${OUTPUT}")
  endif()
  set(header "#define HEAPPROF_JEMALLOC_THREAD_BYTES 0x${CMAKE_MATCH_1}\n")
  set(tree 0)  # 5.2.1 has none of that name
  if(printed MATCHES "\nhpje_je_arena_emap_global [A-Za-z] [0-9a-f]+ ([0-9a-f]+)\n")
    set(tree 0x${CMAKE_MATCH_1})
  endif()
  file(WRITE ${folder}/private_jemalloc.h "${header}#define HEAPPROF_JEMALLOC_TREE_BYTES ${tree}\n")
  return()
endif()

find_library(HEAPPROF_JEMALLOC_ARCHIVE libjemalloc_pic.a REQUIRED DOC "jemalloc 5.2.1 or later, position independent")

function(heapprof_private_jemalloc out_var)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/private_jemalloc.o)
  add_custom_command(OUTPUT ${output} ${CMAKE_CURRENT_BINARY_DIR}/private_jemalloc.h
    COMMAND ${CMAKE_COMMAND} -DARCHIVE=${HEAPPROF_JEMALLOC_ARCHIVE} -DOUTPUT=${output} -DAR=${CMAKE_AR}
      -DNM=${HEAPPROF_NM} -DOBJCOPY=${HEAPPROF_OBJCOPY} -DLD=${HEAPPROF_LD}
      -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    DEPENDS ${CMAKE_CURRENT_FUNCTION_LIST_FILE} ${HEAPPROF_JEMALLOC_ARCHIVE}
    COMMENT "Private jemalloc" VERBATIM)
  set_source_files_properties(${output} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  set(${out_var} ${output} PARENT_SCOPE)
endfunction()
