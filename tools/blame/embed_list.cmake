# SPDX-License-Identifier: Apache-2.0
# cmake -DSOURCE=FILE -DOUT=FILE -P embed_list.cmake: makes a C++ file of the list of plumbing.
file(READ ${SOURCE} text)
file(WRITE ${OUT} "// Made by tools/blame/embed_list.cmake.
#include \"tools/blame/plumbing.h\"

namespace heapprof::tools {

const std::string_view kPlumbingText = R\"heapprof-list(${text})heapprof-list\";

}  // namespace heapprof::tools
")
