/**
 * Blind attacks on an open connection of two real stacks: whoever knows addresses and ports and sees no
 * packet of it cannot end it, nor slip anything into it. GUESSES sets how many random numbers each attack
 * tries (2^14; the long form is 2^20).
 *
 * By design a reset closes when its number is the next that is expected, or follows the last data: two of
 * 2^32. Who hits one of these knows it and does not guess: in 2^20 tries that happens once in 2,000 runs.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, LiveConnection, policy } from '../daemon/bench.js';
import { Echoes } from '../pickup/echoes.js';
import { attack, type Kind } from './attack.js';

const GUESSES = Number(process.env.GUESSES ?? 2 ** 14);
const PORT = 80;
const PATIENCE_MS = 900_000;
const SOON = { timeout: 60_000, interval: 100 };

/** Of all guesses: windows of 64 KiB hold one of 65,536 numbers, and both ends are open a little wider. */
const MOST_PASSED = Math.max(16, GUESSES / 1000);

interface Case {
  readonly name: string;
  readonly kind: Kind;
  /** Why the wall drops them. */
  readonly reason: string | null;
}

const ATTACKS: readonly Case[] = [
  { name: 'resets', kind: 'rst', reason: 'out-of-window' },
  { name: 'data', kind: 'data', reason: 'out-of-window' },
  // A SYN passes for its receiver to challenge (RFC 5961 4), and changes nothing.
  { name: 'SYNs', kind: 'syn', reason: null },
  { name: 'acknowledgements', kind: 'ack', reason: 'out-of-window' },
  { name: 'ICMP errors', kind: 'icmp', reason: 'no-state' },
];

let bench: Bench;

beforeEach(() => {
  bench = new Bench('xdp');
});
afterEach(() => bench.close());

/** Frames that the uplink has received, and what was dropped of them. */
async function counters() {
  const { ports } = await bench.api.counters({ port: 'up0' });
  return ports.up0!;
}

describe(`an open connection, ${GUESSES} guesses each`, () => {
  it.each(ATTACKS)(
    'survives blind $name',
    async ({ name, kind, reason }) => {
      await bench.start();
      await bench.serve(PORT);
      await bench.apply(policy([PORT]));
      // One that talks all the while, and one that is silent while it lasts.
      const busy = await Echoes.open(bench, PORT, 1);
      const silent = new LiveConnection(bench, PORT);
      expect(await silent.hears('open')).toBe(true);
      expect(await silent.echoes('before')).toBe(true);
      const sports = await openPorts();
      expect(sports).toHaveLength(2);

      const before = await counters();
      const rounds = await busy.rounds();
      for (const sport of sports) {
        await attack(bench, { kind, count: GUESSES, sport, dport: PORT });
      }
      const sent = GUESSES * sports.length;
      const after = await counters();
      await expect.poll(() => busy.further(rounds), SOON).toBe(1);
      expect(await silent.echoes('after', 20_000)).toBe(true);
      expect((await openPorts()).sort()).toEqual(sports.sort());

      const dropped = Object.entries(after.dropped).map(
        ([why, count]) => [why, count - (before.dropped[why] ?? 0)] as const,
      );
      const refused = dropped.reduce((sum, [, count]) => sum + count, 0);
      const fates = Object.fromEntries([...dropped, ['passed', sent - refused]]);
      process.stdout.write(`  ${sent} blind ${name}: ${JSON.stringify(fates)}\n`);
      expect(after.rx - before.rx).toBeGreaterThanOrEqual(sent);
      if (reason === null) {
        expect(refused).toBe(0);
      } else {
        expect(Object.keys(fates).sort()).toEqual([reason, 'passed'].sort());
        expect(sent - refused).toBeLessThan(MOST_PASSED);
      }
    },
    PATIENCE_MS,
  );
});

/** Client ports of the connections that are open. */
async function openPorts(): Promise<number[]> {
  const ports: number[] = [];
  for await (const batch of bench.api.states({ phase: 'established', port: PORT })) {
    ports.push(...batch.map(({ sport }) => sport));
  }
  return ports;
}
