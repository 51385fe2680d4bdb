# Writes OUTPUT, the C++ source of web_page_files(), from the list FILES.
set(arrays)
set(rows)
set(number 0)
foreach(file IN LISTS FILES)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "\\\\x\\1" text "${hex}")
  get_filename_component(name ${file} NAME)
  string(REGEX REPLACE "^uPlot(\\.iife)?\\.min" "uplot" name ${name})
  string(REGEX REPLACE "^LICENSE$" "uplot-license.txt" name ${name})
  if(name MATCHES "\\.html$")
    set(type "text/html; charset=utf-8")
  elseif(name MATCHES "\\.css$")
    set(type "text/css; charset=utf-8")
  elseif(name MATCHES "\\.js$")
    set(type "text/javascript; charset=utf-8")
  else()
    set(type "text/plain; charset=utf-8")
  endif()
  string(APPEND arrays "constexpr char kText${number}[] =\n    \"${text}\";\n")
  string(APPEND rows "    WebPageFile{\"/${name}\", \"${type}\", {kText${number}, sizeof kText${number} - 1}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUTPUT} "// Made by cmake/EmbedFiles.cmake.
#include \"exporters/web_page_files.h\"

#include <array>

namespace cgwarden::exporters {
namespace {

${arrays}
constexpr std::array kFiles{
${rows}};

}  // namespace

std::span<const WebPageFile> web_page_files() { return kFiles; }

}  // namespace cgwarden::exporters
")
