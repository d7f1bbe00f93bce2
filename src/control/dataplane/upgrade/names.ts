/** What an upgrade needs of the new object beyond what the wall itself does. */
export const HANDOVER_MAPS = [
  'handover_xdp',
  'handover_tc',
  'handover_stage',
  'settling_keys',
  'settling_states',
] as const;
export const HANDOVER_PROGRAMS = ['xdp_handover', 'tc_handover', 'settle_states'] as const;
