/** Records of the packet path's ring buffers, as typed events. */
import { RingBuffers } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { formatAddress } from '../policy/address.js';
import type { Dataplane } from './object.js';
import { protocolName } from './states.js';

const { EventType, TagBits } = layouts;
/** Of each record the reader tells offset, length and CPU. */
const RECORD_WORDS = 3;

/** A source had as many frames dropped as an `onDrop` allows, and is to go into its group. */
export interface DropsEvent {
  readonly kind: 'drops';
  /** Jiffies. */
  readonly time: bigint;
  /** By whose count. */
  readonly generation: number;
  /** Index into Plan.onDrop. */
  readonly number: number;
  /** Why the last one was dropped. */
  readonly reason: string;
  readonly port: number;
  /** 16 bytes each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly proto: string;
  readonly destinationPort: number;
}

/** What the packet path tells. */
export type WallEvent =
  | DropsEvent
  | {
      readonly kind: 'mac-moved';
      readonly mac: string;
      readonly fromPort: number;
      readonly toPort: number;
      readonly vlan: number[];
    }
  | { readonly kind: 'table-full'; readonly port: number }
  | {
      readonly kind: 'state-cut';
      readonly proto: string;
      readonly low: string;
      readonly high: string;
      readonly reason: string;
    }
  | { readonly kind: 'unknown'; readonly type: number };

/** Reads one record. */
export function describeEvent(
  event: layouts.Event,
  reasonName: (reason: number) => string,
): WallEvent {
  const { key } = event;
  switch (event.type) {
    case EventType.MAC_MOVED:
      return {
        kind: 'mac-moved',
        mac: Array.from(key.low.byte.subarray(0, 6), (b) => b.toString(16).padStart(2, '0')).join(
          ':',
        ),
        fromPort: event.info >>> 16,
        toPort: event.info & 0xffff,
        vlan: key.tag.filter((tag) => tag !== 0).map((tag) => tag & TagBits.VID),
      };
    case EventType.TABLE_FULL:
      return { kind: 'table-full', port: event.port };
    case EventType.STATE_CUT:
      return {
        kind: 'state-cut',
        proto: protocolName(key.proto),
        low: `${formatAddress(key.low.byte)} port ${key.lowPort}`,
        high: `${formatAddress(key.high.byte)} port ${key.highPort}`,
        reason: reasonName(event.info),
      };
    case EventType.DROPS:
      return {
        kind: 'drops',
        time: event.time,
        generation: event.epoch,
        number: event.info >>> 16,
        reason: reasonName(event.info & 0xff),
        port: event.port,
        // Copies: the slab is used again.
        source: Uint8Array.from(key.low.byte),
        destination: Uint8Array.from(key.high.byte),
        proto: protocolName(key.proto),
        destinationPort: key.highPort,
      };
    default:
      return { kind: 'unknown', type: event.type };
  }
}

/**
 * Reads the ring buffers until closed. `onEvents` gets a slab's events at once, and how many records
 * were lost on the way.
 */
export function readEvents(
  dataplane: Dataplane,
  onEvents: (events: WallEvent[], lost: number) => void,
): RingBuffers {
  const name = (reason: number) => dataplane.reasons.get(reason).name;
  return new RingBuffers(dataplane.rings, (slab, records, lost) => {
    const events: WallEvent[] = [];
    for (let i = 0; i < records.length; i += RECORD_WORDS) {
      events.push(describeEvent(layouts.event.decode(slab, records[i]!), name));
    }
    onEvents(events, lost);
  });
}
