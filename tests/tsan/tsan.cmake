# Included by the top where PIPEHOST_SANITIZE is thread: every executable links it, because librdkafka is in some and loaded by others.
add_library(tsan_threads SHARED ${CMAKE_CURRENT_LIST_DIR}/threads.c)
target_link_libraries(tsan_threads PRIVATE Threads::Threads)
link_libraries(-Wl,--no-as-needed tsan_threads -Wl,--as-needed)
