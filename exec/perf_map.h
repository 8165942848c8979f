/*
 * exec/perf_map.h: /tmp/perf-<pid>.map, by which perf names generated code (-perfmap).
 */
#ifndef EXEC_PERF_MAP_H
#define EXEC_PERF_MAP_H

#include <stddef.h>
#include <stdint.h>

void perf_map_add(const void *code, size_t size, uint64_t pc);

#endif
