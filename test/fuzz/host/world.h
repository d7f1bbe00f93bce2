/* SPDX-License-Identifier: GPL-2.0 */
/* Walls as their maps: snapshots of walls that the control plane has set up (worlds.ts). */
#ifndef BW_HOST_WORLD_H
#define BW_HOST_WORLD_H

#include "maps.h"

/* Reads them all; ends the process when it cannot. */
void worlds_load(const char *path);

/* Makes one the wall that programs see, and makes it new. */
void world_enter(__u32 number);

/* A map of the wall that programs see. */
struct host_map *world_map(const char *name);

__u32 world_hz(void);

#endif
