# The files of the web page as one C++ source. uPlot, which draws its charts, comes from the npm registry when the build tree is made
# first; CGWARDEN_UPLOT names a directory that has uPlot.iife.min.js and uPlot.min.css already (a build without network).
set(CGWARDEN_UPLOT "" CACHE PATH "Directory with uPlot's dist files; empty: from the npm registry")
set(uplot_version 1.6.32)
set(uplot_sha512
  2883159c6ebccefbb95d751b0b82d010f9e1c0ec41b8bc96d401eda66e882935c89a46cb824332fa369b8cb8122cc6ac36e186cd09bf7a9ded3a4c93c6989023)

function(cgwarden_fetch_uplot directory)
  set(dist ${CMAKE_BINARY_DIR}/uplot-${uplot_version}/package/dist)
  set(${directory} ${dist} PARENT_SCOPE)
  if(EXISTS ${dist}/uPlot.iife.min.js)
    return()
  endif()
  set(archive ${CMAKE_BINARY_DIR}/uplot-${uplot_version}.tgz)
  find_program(NPM npm)
  set(status "npm is not installed")
  if(NPM)
    # By npm itself, which knows the machine's registry.
    execute_process(COMMAND ${NPM} pack --silent --pack-destination ${CMAKE_BINARY_DIR} uplot@${uplot_version}
      WORKING_DIRECTORY ${CMAKE_BINARY_DIR} RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE reason TIMEOUT 300)
  endif()
  if(NOT status STREQUAL "0")
    message(WARNING "uPlot cannot be had from the npm registry (${status} ${reason}): the web page is built without charts. "
      "-DCGWARDEN_UPLOT=DIR names a directory that has it.")
    return()
  endif()
  file(SHA512 ${archive} found)
  if(NOT found STREQUAL uplot_sha512)
    message(FATAL_ERROR "uplot-${uplot_version}.tgz is not the file that was reviewed: its SHA-512 is ${found}")
  endif()
  file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${CMAKE_BINARY_DIR}/uplot-${uplot_version})
endfunction()

function(cgwarden_web_page target)
  set(uplot ${CGWARDEN_UPLOT})
  if(NOT uplot)
    cgwarden_fetch_uplot(uplot)
  endif()
  set(page ${CMAKE_CURRENT_SOURCE_DIR}/web_page)
  set(files ${page}/page.html ${page}/page.css ${page}/page.js)
  if(EXISTS ${uplot}/uPlot.iife.min.js)
    list(APPEND files ${uplot}/uPlot.iife.min.js ${uplot}/uPlot.min.css)
    if(EXISTS ${uplot}/../LICENSE)
      list(APPEND files ${uplot}/../LICENSE)
    endif()
  endif()
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/web_page_files.cpp)
  add_custom_command(OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} "-DFILES=${files}" -DOUTPUT=${generated} -P ${PROJECT_SOURCE_DIR}/cmake/EmbedFiles.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/EmbedFiles.cmake VERBATIM)
  target_sources(${target} PRIVATE ${generated})
  set_source_files_properties(${generated} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
