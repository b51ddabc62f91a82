# SPDX-License-Identifier: Apache-2.0
# Run by CPack over what is staged of each Debian package, before it is packed: what Debian's policy asks of packages and an
# installation from the sources does not have. Manuals are compressed, the archive loses its debug information, and each package
# gets a changelog and its overrides (cmake/deb/*.overrides).
find_program(GZIP gzip REQUIRED)
find_program(STRIP_ARCHIVE NAMES ${CPACK_HEAPPROF_STRIP} strip REQUIRED)

function(compress file)
  execute_process(COMMAND ${GZIP} -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# The time of the change that is packed, so that the same sources give the same package.
set(ENV{LC_ALL} C)
set(ENV{TZ} UTC)
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  execute_process(COMMAND git log -1 --format=%ct WORKING_DIRECTORY ${CPACK_HEAPPROF_SOURCE} OUTPUT_VARIABLE time ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(time)
    set(ENV{SOURCE_DATE_EPOCH} ${time})
  endif()
endif()
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)

foreach(package IN LISTS CPACK_COMPONENTS_ALL)
  set(root ${CPACK_TEMPORARY_DIRECTORY}/${package}/usr)
  file(GLOB_RECURSE manuals ${root}/share/man/*.[1-9])
  foreach(manual IN LISTS manuals)
    compress(${manual})
  endforeach()
  file(GLOB_RECURSE archives ${root}/lib/*.a)
  foreach(archive IN LISTS archives)
    execute_process(COMMAND ${STRIP_ARCHIVE} --strip-debug --enable-deterministic-archives ${archive} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  set(changelog ${root}/share/doc/${package}/changelog)
  file(WRITE ${changelog} "heapprof (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Version ${CPACK_PACKAGE_VERSION}: CHANGELOG.md of the package heapprof says what is new.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
  compress(${changelog})
  set(overrides ${CMAKE_CURRENT_LIST_DIR}/${package}.overrides)
  if(EXISTS ${overrides})
    file(MAKE_DIRECTORY ${root}/share/lintian/overrides)
    configure_file(${overrides} ${root}/share/lintian/overrides/${package} COPYONLY)
  endif()
endforeach()
