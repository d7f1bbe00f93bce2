/* SPDX-License-Identifier: GPL-2.0 */
/* Walls as their maps: snapshots of walls that the control plane has set up (worlds.ts). */
#ifndef BW_HOST_WORLD_H
#define BW_HOST_WORLD_H

#include "maps.h"

/* Reads them all; ends the process when it cannot. */
void worlds_load(const char *path);

/* Makes one the wall that programs see, and makes it new. */
void world_enter(__u32 number);

/* Calls on for every map that programs know by a name and that holds elements. */
void world_each_map(void (*call)(const char *name, struct host_map *map));

__u32 world_hz(void);

#endif
