# SPDX-License-Identifier: Apache-2.0
# For scripts that `cmake -P` runs: run(WORDS...) runs a command in ${folder}, and ends with what it said if that fails; what it
# printed is in `printed`.
function(run)
  execute_process(COMMAND ${ARGV} WORKING_DIRECTORY ${folder} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGV}: ${status} ${err}")
  endif()
  set(printed "${out}" PARENT_SCOPE)
endfunction()
