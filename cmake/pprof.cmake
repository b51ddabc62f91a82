# SPDX-License-Identifier: Apache-2.0
# The target pprof_tool: google/pprof, the reader that profiles are written for, built offline from Debian's
# packages golang-go and golang-github-google-pprof-dev into HEAPPROF_PPROF.
find_program(HEAPPROF_GO go REQUIRED)
set(HEAPPROF_PPROF ${CMAKE_BINARY_DIR}/pprof)
if(NOT TARGET pprof_tool)
  add_custom_command(OUTPUT ${HEAPPROF_PPROF}
    COMMAND ${CMAKE_COMMAND} -E env GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode
      GOCACHE=${CMAKE_BINARY_DIR}/go-cache ${HEAPPROF_GO} build -o ${HEAPPROF_PPROF} github.com/google/pprof
    VERBATIM COMMENT "google/pprof, for tests")
  add_custom_target(pprof_tool DEPENDS ${HEAPPROF_PPROF})
endif()
