/** What an upgrade needs of the new object beyond what the wall itself does. */
export const HANDOVER_MAPS = [
  'handover_xdp',
  'handover_xdp_frags',
  'handover_tc',
  'handover_stage',
  'settling_keys',
  'settling_states',
] as const;
/** Older sets of pins lack it, and its map: their programs take no frames of several buffers. */
export const HANDOVER_FRAGS = 'xdp_handover_frags';
export const HANDOVER_PROGRAMS = ['xdp_handover', 'tc_handover', 'settle_states'] as const;
