# pipehost_add_plugin(NAME SOURCES file... [LIBRARIES target...])
#
# Makes NAME.so: a module that links nothing of the host, exports the one symbol pipehost_entry, and refuses undefined
# symbols at link. It lands in PIPEHOST_PLUGIN_DIR where that is set.
set(PIPEHOST_SDK_DIR ${CMAKE_CURRENT_LIST_DIR}/.. CACHE INTERNAL "")

function(pipehost_add_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(${name} MODULE ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PIPEHOST_SDK_DIR}/include ${PIPEHOST_SDK_DIR}/helpers)
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  target_link_options(${name} PRIVATE LINKER:--version-script=${PIPEHOST_SDK_DIR}/cmake/pipehost-plugin.version)
  if(NOT PIPEHOST_SANITIZE)
    target_link_options(${name} PRIVATE LINKER:-z,defs LINKER:-z,now)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} C_VISIBILITY_PRESET hidden
                        CXX_VISIBILITY_PRESET hidden)
  if(PIPEHOST_PLUGIN_DIR)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PIPEHOST_PLUGIN_DIR})
  endif()
endfunction()
