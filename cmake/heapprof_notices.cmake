# SPDX-License-Identifier: Apache-2.0
# heapprof_copyright(OUT WHERE): composes the file "copyright" of a package out of NOTICE, LICENSE and the texts of
# those parts that notices/parts.txt names for WHERE ("library" or "command").
function(heapprof_copyright out where)
  set(folder ${PROJECT_SOURCE_DIR}/notices)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/parts.txt ${PROJECT_SOURCE_DIR}/NOTICE
    ${PROJECT_SOURCE_DIR}/LICENSE)
  string(REPEAT "-" 80 rule)
  file(READ ${PROJECT_SOURCE_DIR}/NOTICE text)
  file(READ ${PROJECT_SOURCE_DIR}/LICENSE licence)
  string(APPEND text "\n${rule}\n${licence}")
  file(STRINGS ${folder}/parts.txt lines REGEX "^[a-z0-9]+ +${where} ")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^[a-z0-9]+" part "${line}")
    set(notice ${folder}/${part}.txt)
    if(EXISTS ${notice})
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${notice})
      file(READ ${notice} notice_text)
      string(APPEND text "\n${rule}\n${notice_text}")
    endif()
  endforeach()
  file(CONFIGURE OUTPUT ${out} CONTENT "@text@" @ONLY)
endfunction()
