# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where, and the Debian packages: libheapprof0 (what programs run with),
# libheapprof-dev (what they are built with), heapprof (the command).
include(CMakePackageConfigHelpers)

install(TARGETS heapprof
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libheapprof0 NAMELINK_COMPONENT libheapprof-dev)
if(HEAPPROF_HAS_FIND_OBJECT)
  install(TARGETS heapprof_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libheapprof-dev)
endif()
if(TARGET heapprof_command)
  install(TARGETS heapprof_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT heapprof)
endif()
install(FILES include/heapprof/gtest.h include/heapprof/heapprof.h include/heapprof/heapprof.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/heapprof COMPONENT libheapprof-dev)
install(FILES docs/man/heapprof.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT heapprof)
install(FILES tools/completion/heapprof.bash DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions
  RENAME heapprof COMPONENT heapprof)
install(FILES tools/completion/_heapprof DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/zsh/vendor-completions
  COMPONENT heapprof)
install(FILES docs/man/heapprof.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT libheapprof-dev)

# An installed tree may be moved as a whole: both descriptions find it from where they stand themselves.
set(pc_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH HEAPPROF_PC_TO_PREFIX /${pc_folder} /)
string(REGEX REPLACE "/$" "" HEAPPROF_PC_TO_PREFIX ${HEAPPROF_PC_TO_PREFIX})
configure_file(cmake/heapprof.pc.in heapprof.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/heapprof.pc DESTINATION ${pc_folder} COMPONENT libheapprof-dev)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/heapprof)
configure_package_config_file(cmake/heapprofConfig.cmake.in heapprofConfig.cmake
  INSTALL_DESTINATION ${package_folder} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR
  CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/heapprofConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/heapprofConfig.cmake ${PROJECT_BINARY_DIR}/heapprofConfigVersion.cmake
  cmake/heapprof_leak_test.cmake
  DESTINATION ${package_folder} COMPONENT libheapprof-dev)

# Each Debian package brings its own copy of the licence and of the notices of what is in it, under its own name.
include(heapprof_notices)
foreach(where library command portable)
  heapprof_copyright(${PROJECT_BINARY_DIR}/copyright.${where} ${where})
endforeach()
foreach(package libheapprof0 libheapprof-dev heapprof)
  if(package STREQUAL "heapprof")
    set(where command)
  else()
    set(where library)
  endif()
  install(FILES ${PROJECT_BINARY_DIR}/copyright.${where} DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${package}
    RENAME copyright COMPONENT ${package})
endforeach()
install(FILES notices/LGPL-3 notices/GPL-3 DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/heapprof COMPONENT heapprof)
if(EXISTS ${PROJECT_SOURCE_DIR}/README.md)
  # With what it links to.
  install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/heapprof COMPONENT heapprof)
  install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/heapprof COMPONENT heapprof
    PATTERN man EXCLUDE)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME heapprof)
set(CPACK_PACKAGE_VENDOR "heapprof")
set(CPACK_PACKAGE_CONTACT "The heapprof authors <heapprof@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "malloc with a heap profiler in it")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL libheapprof0 libheapprof-dev)
if(TARGET heapprof_command)
  list(APPEND CPACK_COMPONENTS_ALL heapprof)
endif()
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
if(CMAKE_LIBRARY_ARCHITECTURE AND CMAKE_INSTALL_LIBDIR MATCHES "${CMAKE_LIBRARY_ARCHITECTURE}$")  # prefix /usr
  set(CPACK_DEBIAN_LIBHEAPPROF0_PACKAGE_MULTIARCH same)
endif()
set(own_version "(= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_LIBHEAPPROF0_PACKAGE_NAME libheapprof0)
set(CPACK_DEBIAN_LIBHEAPPROF0_PACKAGE_SECTION libs)
# By its symbols dpkg-shlibdeps would ask for the libc that some of them moved into; it needs less (decision 54).
set(CPACK_DEBIAN_LIBHEAPPROF0_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_LIBHEAPPROF0_PACKAGE_DEPENDS "libc6 (>= 2.28)")
set(CPACK_DEBIAN_LIBHEAPPROF0_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/cmake/deb/triggers)
set(CPACK_DEBIAN_LIBHEAPPROF0_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/deb/finish.cmake)
set(CPACK_HEAPPROF_SOURCE ${PROJECT_SOURCE_DIR})
set(CPACK_HEAPPROF_STRIP ${CMAKE_STRIP})
set(CPACK_DEBIAN_LIBHEAPPROF-DEV_PACKAGE_NAME libheapprof-dev)
set(CPACK_DEBIAN_LIBHEAPPROF-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBHEAPPROF-DEV_PACKAGE_DEPENDS "libheapprof0 ${own_version}, libstdc++-12-dev | libstdc++-dev")
set(CPACK_DEBIAN_HEAPPROF_PACKAGE_NAME heapprof)
set(CPACK_DEBIAN_HEAPPROF_PACKAGE_DEPENDS "libheapprof0 ${own_version}")
set(CPACK_DEBIAN_HEAPPROF_PACKAGE_SUGGESTS "libdebuginfod1, libcurl4")
set(CPACK_COMPONENT_LIBHEAPPROF0_DESCRIPTION "The library that programs run with: link it in place of another\nmalloc, or preload it.")
set(CPACK_COMPONENT_LIBHEAPPROF-DEV_DESCRIPTION "Headers, archive, and descriptions for CMake and pkg-config.")
set(CPACK_COMPONENT_HEAPPROF_DESCRIPTION
  "The command that starts programs under the profiler, asks for their\nprofiles, and shows what those hold.")
include(CPack)
