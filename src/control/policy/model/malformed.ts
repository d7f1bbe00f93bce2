/** Reasons of frames that cannot be parsed. */
export type Malformed =
  | 'malformed-eth'
  | 'malformed-vlan'
  | 'malformed-arp'
  | 'malformed-ip'
  | 'malformed-ext'
  | 'malformed-l4';
