/** Probes as bytes, and what they say. docs/decisions/0032-probes.md tells the protocol. */
import { createHash } from 'node:crypto';
import { type Probe, ProbeFlags, ProbeWire, probe, RoleFlags } from '../../generated/layouts.js';
import type { Announcement, Path } from '../roles/index.js';

/** Bytes before the payload of a frame. */
export const ETHERNET_BYTES = 14;
export const PROBE_BYTES = probe.size;
/** A locally administered group: switches send it everywhere, and nobody can take it away. */
const GROUP = Uint8Array.of(0x03, 0x42, 0x57, 0x48, 0x41, 0x00);
const PATH_NUMBERS: Readonly<Record<Path, number>> = {
  uplink: 0,
  inside: 1,
  sync: ProbeWire.PROBE_SYNC,
};

/** Number of a node on the wire. Names are the same in capitals. */
export function nodeNumber(name: string): number {
  return createHash('sha256').update(name.toLowerCase()).digest().readUInt32BE(0);
}

export interface Speaker {
  readonly node: number;
  readonly priority: number;
  readonly life: bigint;
}

/** The payload, but for what changes from one probe to the next. */
export function probeTemplate({ node, priority, life }: Speaker, path: Path): Buffer {
  return probe.encode({
    magic: ProbeWire.PROBE_MAGIC,
    version: ProbeWire.PROBE_VERSION,
    kind: ProbeWire.PROBE_ASKS,
    path: PATH_NUMBERS[path],
    key: 0,
    node,
    priority,
    quiet: new Uint8Array(2),
    epoch: 0,
    role: 0,
    flags: 0,
    hears: 0,
    life,
    counter: 0n,
    nonce: life,
    tag: 0n,
  });
}

/** @param source MAC of the port that sends it */
export function probeFrame(source: Uint8Array, payload: Uint8Array): Buffer {
  const type = Buffer.alloc(2);
  type.writeUInt16BE(ProbeWire.ETH_P_PROBE);
  return Buffer.concat([GROUP, source, type, payload]);
}

/** Bits of a payload that lie in these fields. */
export function maskOf(fields: readonly (keyof typeof probe.offsets)[]): Buffer {
  const sizes: Readonly<Partial<Record<keyof typeof probe.offsets, number>>> = {
    magic: 4,
    node: 4,
    epoch: 4,
    priority: 2,
    life: 8,
  };
  const mask = Buffer.alloc(PROBE_BYTES);
  for (const field of fields) {
    const at = probe.offsets[field];
    mask.fill(0xff, at, at + (sizes[field] ?? 1));
  }
  return mask;
}

/** What a node said, from the probe that it said it in. */
export function announcementOf(said: Probe): Announcement {
  const has = (flag: number) => (said.flags & flag) !== 0;
  const hears = (path: Path) => (said.hears & (1 << PATH_NUMBERS[path])) !== 0;
  const quiet = (side: number) => (said.quiet[side] ?? 0) * ProbeWire.PROBE_QUIET_MS;
  return {
    life: said.life,
    standby: (said.role & RoleFlags.STANDBY) !== 0,
    epoch: said.epoch,
    priority: said.priority,
    ready: has(ProbeFlags.READY),
    fault: has(ProbeFlags.FAULT),
    yielding: has(ProbeFlags.YIELDING),
    attended: has(ProbeFlags.ATTENDED),
    quiet: { uplink: quiet(0), inside: quiet(1) },
    hears: { uplink: hears('uplink'), inside: hears('inside'), sync: hears('sync') },
  };
}

/** The flags under which a node announces itself. */
export function flagsOf(o: Pick<Announcement, 'ready' | 'fault' | 'yielding'>): number {
  return (
    ProbeFlags.ATTENDED |
    (o.ready ? ProbeFlags.READY : 0) |
    (o.fault ? ProbeFlags.FAULT : 0) |
    (o.yielding ? ProbeFlags.YIELDING : 0)
  );
}
