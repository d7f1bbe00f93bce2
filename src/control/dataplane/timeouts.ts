/** How long states live without a packet: nf_conntrack's defaults. */
import { Phase, Timeout } from '../../generated/layouts.js';
import { type Dataplane, index } from './object.js';

/** Seconds, by index of the map `timeouts`. */
export const TIMEOUT_SECONDS: ReadonlyMap<number, number> = new Map([
  [Timeout.TCP + Phase.SYN_SENT, 120],
  [Timeout.TCP + Phase.SYN_RECV, 60],
  [Timeout.TCP + Phase.ESTABLISHED, 432000],
  [Timeout.TCP + Phase.FIN_WAIT, 120],
  [Timeout.TCP + Phase.CLOSE_WAIT, 60],
  [Timeout.TCP + Phase.LAST_ACK, 30],
  [Timeout.TCP + Phase.TIME_WAIT, 120],
  [Timeout.TCP + Phase.CLOSE, 10],
  [Timeout.TCP + Phase.SYN_SENT2, 120],
  [Timeout.UDP, 30],
  [Timeout.UDP_STREAM, 120],
  [Timeout.ICMP, 30],
  [Timeout.SCTP, 30],
  [Timeout.SCTP_ESTABLISHED, 210],
  [Timeout.OTHER, 600],
  [Timeout.FDB, 300],
]);

/** Writes the timeouts. */
export function writeTimeouts(dataplane: Dataplane): void {
  const map = dataplane.map('timeouts');
  for (const [at, seconds] of TIMEOUT_SECONDS) {
    const value = Buffer.alloc(8);
    value.writeBigUInt64LE(dataplane.clock.jiffies(seconds));
    map.update(index(at), value);
  }
}
