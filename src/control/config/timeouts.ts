/** How long connections live without a packet. */
import type { Located } from './located.js';
import { seconds } from './values.js';

/**
 * Seconds, by the name under `state.timeouts`. nf_conntrack's defaults: tcp_timeouts in
 * nf_conntrack_proto_tcp.c, udp_timeouts in ..._udp.c, nf_ct_icmp_timeout in ..._icmp.c and its like in
 * ..._icmpv6.c, established and heartbeat-sent of sctp_timeouts in ..._sctp.c, nf_ct_generic_timeout
 * in ..._generic.c (net/netfilter of Linux 6.1; nf_conntrack-sysctl.rst lists them).
 */
const DEFAULTS = {
  'tcp-syn-sent': 120,
  'tcp-syn-recv': 60,
  'tcp-established': 432_000,
  'tcp-fin-wait': 120,
  'tcp-close-wait': 60,
  'tcp-last-ack': 30,
  'tcp-time-wait': 120,
  'tcp-close': 10,
  'tcp-syn-sent2': 120,
  'tcp-mid-stream': 30,
  udp: 30,
  'udp-stream': 120,
  icmp: 30,
  sctp: 30,
  'sctp-established': 210,
  other: 600,
} as const;

export type TimeoutName = keyof typeof DEFAULTS;
/** Seconds. */
export type StateTimeouts = Readonly<Record<TimeoutName, number>>;

export const DEFAULT_TIMEOUTS: StateTimeouts = DEFAULTS;
const NAMES = Object.keys(DEFAULTS) as TimeoutName[];

/** Those that the file names, and the defaults of the others. Throws ConfigError. */
export function readTimeouts(value: Located | undefined): StateTimeouts {
  const map = value?.mapping(NAMES);
  const timeouts: Record<TimeoutName, number> = { ...DEFAULT_TIMEOUTS };
  for (const name of NAMES) {
    const given = map?.get(name);
    if (given !== undefined) timeouts[name] = seconds(given);
  }
  return timeouts;
}
