/** How long states live without a packet, and learned MACs unheard. */
import { Phase, Timeout } from '../../generated/layouts.js';
import { DEFAULT_TIMEOUTS, type StateTimeouts, type TimeoutName } from '../config/index.js';
import { type Dataplane, index } from './object.js';

/** Indices of the map `timeouts`. */
const INDICES: Readonly<Record<TimeoutName, number>> = {
  'tcp-syn-sent': Timeout.TCP + Phase.SYN_SENT,
  'tcp-syn-recv': Timeout.TCP + Phase.SYN_RECV,
  'tcp-established': Timeout.TCP + Phase.ESTABLISHED,
  'tcp-fin-wait': Timeout.TCP + Phase.FIN_WAIT,
  'tcp-close-wait': Timeout.TCP + Phase.CLOSE_WAIT,
  'tcp-last-ack': Timeout.TCP + Phase.LAST_ACK,
  'tcp-time-wait': Timeout.TCP + Phase.TIME_WAIT,
  'tcp-close': Timeout.TCP + Phase.CLOSE,
  'tcp-syn-sent2': Timeout.TCP + Phase.SYN_SENT2,
  'tcp-mid-stream': Timeout.TCP + Phase.MID_STREAM,
  udp: Timeout.UDP,
  'udp-stream': Timeout.UDP_STREAM,
  icmp: Timeout.ICMP,
  sctp: Timeout.SCTP,
  'sctp-established': Timeout.SCTP_ESTABLISHED,
  other: Timeout.OTHER,
};
const FDB_SECONDS = 300;

/** Writes the timeouts; states that live already are held to them at once. */
export function writeTimeouts(
  dataplane: Dataplane,
  timeouts: StateTimeouts = DEFAULT_TIMEOUTS,
): void {
  const map = dataplane.map('timeouts');
  const write = (at: number, seconds: number) => {
    const value = Buffer.alloc(8);
    value.writeBigUInt64LE(dataplane.clock.jiffies(seconds));
    map.update(index(at), value);
  };
  for (const [name, at] of Object.entries(INDICES)) write(at, timeouts[name as TimeoutName]);
  write(Timeout.FDB, FDB_SECONDS);
}
