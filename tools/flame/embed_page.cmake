# SPDX-License-Identifier: Apache-2.0
# cmake -DSOURCES=FOLDER -DOUT=FILE -P embed_page.cmake: makes one C++ file of the flame graph's page.
#
# The page's policy allows exactly this script and this style sheet, by their hashes: markup that came in by
# any way could not run, and nothing is loaded.
set(scripts format limits data tree functions colors chart table facts filters source controls page)

# Content-Security-Policy wants base64, CMake hashes to hexadecimal digits. Three digits are two letters.
function(hash_base64 text out)
  string(SHA256 digits "${text}")
  string(APPEND digits "00")  # 256 bits are 42 letters and 4 bits
  set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  set(result "")
  foreach(at RANGE 0 63 3)
    string(SUBSTRING "${digits}" ${at} 3 piece)
    math(EXPR high "0x${piece} >> 6")
    math(EXPR low "0x${piece} & 63")
    string(SUBSTRING "${alphabet}" ${high} 1 first)
    string(SUBSTRING "${alphabet}" ${low} 1 second)
    string(APPEND result "${first}${second}")
  endforeach()
  string(SUBSTRING "${result}" 0 43 result)
  set(${out} "${result}=" PARENT_SCOPE)
endfunction()

set(script "'use strict';\n(() => {\n")
foreach(name IN LISTS scripts)
  file(READ ${SOURCES}/${name}.js text)
  string(APPEND script "${text}\n")
endforeach()
string(APPEND script "})();\n")
file(READ ${SOURCES}/page.css style)
file(READ ${SOURCES}/page.html page)
hash_base64("${script}" script_hash)
hash_base64("${style}" style_hash)
string(REPLACE "@SCRIPT_HASH@" "${script_hash}" page "${page}")
string(REPLACE "@STYLE_HASH@" "${style_hash}" page "${page}")
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
string(FIND "${page}" "@PROFILE@" cut)
string(SUBSTRING "${page}" 0 ${cut} head)
math(EXPR cut "${cut} + 9")
string(SUBSTRING "${page}" ${cut} -1 tail)
file(WRITE ${OUT} "// Made by tools/flame/embed_page.cmake.
#include \"tools/flame/flame_page.h\"

namespace heapprof::tools {

const std::string_view kPageHead = R\"heapprof-page(${head})heapprof-page\";
const std::string_view kPageTail = R\"heapprof-page(${tail})heapprof-page\";

}  // namespace heapprof::tools
")
