# pipehost_add_plugin(NAME SOURCES file... [LIBRARIES target...])
#
# Makes NAME.so: a module that links nothing of the host, exports the one symbol pipehost_entry, and refuses undefined
# symbols at link. It lands in PIPEHOST_PLUGIN_DIR where that is set.

# In an installed SDK PipehostSDKConfig.cmake says where the headers are; in the source tree they are two folders.
if(NOT PIPEHOST_SDK_INCLUDE_DIRS)
  set(PIPEHOST_SDK_INCLUDE_DIRS ${CMAKE_CURRENT_LIST_DIR}/../include ${CMAKE_CURRENT_LIST_DIR}/../helpers)
endif()
set(PIPEHOST_SDK_VERSION_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/pipehost-plugin.version)

function(pipehost_add_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(${name} MODULE ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PIPEHOST_SDK_INCLUDE_DIRS})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  target_link_options(${name} PRIVATE LINKER:--version-script=${PIPEHOST_SDK_VERSION_SCRIPT})
  set_target_properties(${name} PROPERTIES LINK_DEPENDS ${PIPEHOST_SDK_VERSION_SCRIPT})
  if(NOT PIPEHOST_SANITIZE)
    target_link_options(${name} PRIVATE LINKER:-z,defs LINKER:-z,now)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX .so OUTPUT_NAME ${name} C_VISIBILITY_PRESET hidden
                        CXX_VISIBILITY_PRESET hidden)
  if(PIPEHOST_PLUGIN_DIR)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PIPEHOST_PLUGIN_DIR})
  endif()
endfunction()
