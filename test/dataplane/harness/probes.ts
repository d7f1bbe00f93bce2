/** Probes of the other node, and what a test wall heard of them. */
import type { Pair } from '../../../src/generated/layouts.js';
import * as layouts from '../../../src/generated/layouts.js';
import { macBytes } from '../../packet/index.js';
import { siphash } from '../../packet/siphash.js';
import { index, type TestWall } from './wall.js';

const { ProbeFlags, ProbeWire } = layouts;

export const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
export const OTHER_KEY = Buffer.from('ffeeddccbbaa99887766554433221100', 'hex');
export const SELF = 0x11111111;
export const PEER = 0x22222222;
export const PEER_MAC = '02:00:00:00:aa:01';
export const GROUP_MAC = '03:42:57:48:41:00';
export const LIFE = 0x1234_5678_9abc_def0n;

export type Said = Partial<Omit<layouts.Probe, 'tag'>> & { signedWith?: Buffer };

/** A frame that carries a probe of the peer; what is not given is as it should be. */
export function probeFrame(said: Said = {}, o: { to?: string; from?: string } = {}): Buffer {
  const { signedWith = KEY, ...fields } = said;
  const probe = layouts.probe.encode({
    magic: ProbeWire.PROBE_MAGIC,
    version: ProbeWire.PROBE_VERSION,
    kind: ProbeWire.PROBE_ASKS,
    path: 0,
    key: 0,
    node: PEER,
    priority: 100,
    quiet: Uint8Array.of(3, 4),
    epoch: 7,
    role: 0,
    flags: ProbeFlags.ATTENDED | ProbeFlags.READY,
    hears: 7,
    life: 99n,
    counter: 1000n,
    nonce: 99n,
    ...fields,
    tag: 0n,
  });
  probe.writeBigUInt64LE(siphash(probe.subarray(0, -8), signedWith), probe.length - 8);
  const ethertype = Buffer.alloc(2);
  ethertype.writeUInt16BE(ProbeWire.ETH_P_PROBE);
  const { to = GROUP_MAC, from = PEER_MAC } = o;
  return Buffer.concat([macBytes(to), macBytes(from), ethertype, probe]);
}

/** What is in a frame, and whether its tag is right. */
export function readProbe(frame: Buffer, key = KEY): layouts.Probe & { genuine: boolean } {
  const bytes = frame.subarray(14, 14 + layouts.probe.size);
  const tag = bytes.readBigUInt64LE(bytes.length - 8);
  return {
    ...layouts.probe.decode(bytes),
    genuine: tag === siphash(Buffer.from(bytes.subarray(0, -8)), key),
  };
}

/** Makes the wall one of a pair. */
export function setPair(wall: TestWall, o: Partial<Pair> = {}): void {
  const words = (key: Buffer) => [key.readBigUInt64LE(0), key.readBigUInt64LE(8)];
  const value = layouts.pair.encode({
    key: [words(KEY), words(OTHER_KEY)],
    life: LIFE,
    awake: process.hrtime.bigint() + 3_600_000_000_000n,
    node: SELF,
    peer: PEER,
    priority: 100,
    keys: 1,
    first: 1,
    flags: ProbeFlags.READY,
    hears: 3,
    quiet: Uint8Array.of(1, 2),
    ...o,
  });
  wall.map('pair').update(index(0), value);
}

export function heardOn(wall: TestWall, side: number): layouts.Heard {
  return layouts.heard.decode(wall.map('heard').lookup(index(side))!);
}

/** Forgets the other node, and that there is one. */
export function forgetPair(wall: TestWall): void {
  wall.map('pair').update(index(0), Buffer.alloc(layouts.pair.size));
  for (const side of [0, 1]) {
    wall.map('heard').update(index(side), Buffer.alloc(layouts.heard.size));
  }
  for (let port = 0; port < wall.ports.length; port++) {
    wall.map('probe_counters').update(index(port), Buffer.alloc(layouts.probeCounter.size));
  }
}

/** All that a probe may change. */
export function everythingHeard(wall: TestWall): string {
  const list = [
    wall.map('pair').lookup(index(0)),
    wall.map('role').lookup(index(0)),
    ...[0, 1].map((side) => wall.map('heard').lookup(index(side))),
    ...wall.ports.map((_, port) => wall.map('probe_counters').lookup(index(port))),
  ];
  return list.map((value) => value!.toString('hex')).join();
}
