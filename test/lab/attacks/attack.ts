/** Frames that nobody who sees the connection would send, at the uplink, by a program that is fast. */
import type { Namespace } from '../../../src/lab/netns.js';
import { built } from '../../dataplane/harness/native.js';
import { type Bench, CLIENT, SERVER } from '../daemon/bench.js';

const SOURCE = 'test/lab/attacks/native/attack.c';

/** Blind segments of one connection, ICMP errors about it, or floods from anywhere. */
export type Kind = 'rst' | 'data' | 'syn' | 'ack' | 'mix' | 'icmp' | 'syns' | 'datagrams';

export interface Attack {
  readonly kind: Kind;
  readonly count: number;
  /** Ports of the connection's client and server; of floods, only the latter counts. */
  readonly sport?: number;
  readonly dport: number;
  /** To whom, if it is not the server. */
  readonly to?: { readonly mac: string; readonly address: string };
}

/** Path of the program; its usage stands at the head of its source. */
export function attackProgram(): string {
  return built('build/test/attack', SOURCE, (output) => [
    ...['cc', '-O2', '-Wall', '-Werror', '-D_GNU_SOURCE', '-o', output, SOURCE],
  ]);
}

/** Sends it from the client's own cable; resolves with the frames that it sent in a second. */
export async function attack(
  bench: Bench,
  { kind, count, sport = 0, dport, to }: Attack,
): Promise<number> {
  const { mac, address } = to ?? { mac: macOf(bench.server), address: SERVER.v4 };
  const frames = ['e0', kind, String(count), macOf(bench.client), mac];
  const ends = [CLIENT.v4, address, String(sport), String(dport)];
  const ended = await bench.client.run([attackProgram(), ...frames, ...ends], {
    timeoutMs: 600_000,
  });
  const [sent, speed] = ended.stdout.split(' ').map(Number);
  if (ended.status !== 0 || sent !== count) throw new Error(`${kind}: ${ended.stderr}`);
  return speed!;
}

export function macOf(end: Namespace): string {
  return /link\/ether (\S+)/.exec(end.ip('link', 'show', 'dev', 'e0'))![1]!;
}
