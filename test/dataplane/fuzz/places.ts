/** The small world in which random policies and frames meet often enough. */
import type { PortName } from '../fixtures/types.js';

/** Addresses that policies may screen; behind inside ports as a rule. */
export const SCREENABLE = [
  ['192.0.2.1', '2001:db8:1::1'],
  ['192.0.2.2', '2001:db8:1::2'],
  ['192.0.2.3', '2001:db8:1::3'],
  ['192.0.2.130', '2001:db8:1:8000::4'],
] as const;

export const PEERS_V4 = [
  '198.51.100.1',
  '198.51.100.2',
  '198.51.100.77',
  '203.0.113.1',
  '203.0.113.200',
] as const;
export const PEERS_V6 = [
  '2001:db8:9::1',
  '2001:db8:9::2',
  '2001:db8:9:8000::77',
  '2001:db8:ff::1',
  'fe80::1',
] as const;

/** Prefixes that hold some of the addresses above, and overlap. */
export const PREFIXES = [
  '192.0.2.0/24',
  '192.0.2.0/25',
  '192.0.2.2/31',
  '198.51.100.0/24',
  '198.51.100.64/26',
  '198.51.100.2',
  '203.0.113.0/24',
  '203.0.112.0/23',
  '128.0.0.0/1',
  '0.0.0.0/0',
  '"2001:db8:1::/48"',
  '"2001:db8:1::2"',
  '"2001:db8:9::/48"',
  '"2001:db8:9::/64"',
  '"2001:db8::/32"',
  '"fe80::/10"',
  '"::/0"',
] as const;

export const SERVICE_PORTS = [22, 25, 53, 80, 443, 8000, 8001, 8002] as const;
export const CLIENT_PORTS = [40000, 40001, 65535, 0] as const;
export const PROTOCOLS = [4, 41, 47, 50, 89, 136, 255] as const;
export const GROUPS = ['red', 'green', 'blue', 'mixed'] as const;
export const DYNAMIC_GROUPS = ['bad', 'worse'] as const;
export const HOSTS = ['one', 'two', 'three', 'four'] as const;

export const UPLINKS: readonly PortName[] = ['up0', 'up1'];
export const INSIDES: readonly PortName[] = ['dn0', 'dn1'];

export const MACS = [
  '02:00:00:00:01:01',
  '02:00:00:00:01:02',
  '02:00:00:00:01:03',
  '02:00:00:00:02:01',
  '02:00:00:00:02:02',
  '02:00:00:00:02:03',
] as const;
