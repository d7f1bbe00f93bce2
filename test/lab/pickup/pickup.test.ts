/**
 * A wall that is put into a network that lives: connections of real stacks go through a plain bridge,
 * and then there is a wall. With `pickup` none of them is lost; without it all end.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { StateEntry } from '../../../src/control/service.js';
import { attack } from '../attacks/attack.js';
import { Bench, policy } from '../daemon/bench.js';
import { Echoes } from './echoes.js';

const PORT = 80;
const CONNECTIONS = 24;
const PATIENCE_MS = 120_000;
const SOON = { timeout: 60_000, interval: 100 };

let bench: Bench;

afterEach(() => bench.close());

/** A bridge without any wall, and connections through it. */
async function living(attach: string, impatient = false): Promise<Echoes> {
  bench = new Bench(attach);
  bench.wall.ip('link', 'add', 'br0', 'type', 'bridge');
  for (const port of ['up0', 'dn0']) bench.wall.ip('link', 'set', port, 'master', 'br0');
  bench.wall.ip('link', 'set', 'br0', 'up');
  await bench.serve(PORT);
  return await Echoes.open(bench, PORT, CONNECTIONS, impatient);
}

const within = (time: string) => policy([PORT], `defaults: {pickup: ${time}}`);
/** Every one of them goes on. */
const allGoOn = async (echoes: Echoes) => {
  const before = await echoes.rounds();
  expect(before).not.toContain(-1);
  await expect.poll(() => echoes.further(before), SOON).toBe(CONNECTIONS);
};
const allEnd = (echoes: Echoes) =>
  expect
    .poll(async () => (await echoes.rounds()).filter((n) => n === -1).length, SOON)
    .toBe(CONNECTIONS);

async function states(): Promise<StateEntry[]> {
  const all: StateEntry[] = [];
  for await (const batch of bench.api.states({ phase: 'established' })) all.push(...batch);
  return all;
}

/** Ends give up soon on what is never answered. */
function impatient(): void {
  for (const end of [bench.client, bench.server]) end.sysctl('net.ipv4.tcp_retries2', 3);
}

describe.each(['tc', 'xdp', 'generic'])('a wall that is inserted, %s', (attach) => {
  it(
    'loses none of the connections that were there',
    async () => {
      const echoes = await living(attach);
      await bench.start();
      await bench.apply(within('60s'));
      await allGoOn(echoes);
      const all = await states();
      expect(all).toHaveLength(CONNECTIONS);
      expect(all.filter(({ pickedUp, dport }) => pickedUp && dport === PORT)).toHaveLength(
        CONNECTIONS,
      );
      const { counters } = await bench.api.status();
      expect(counters.pickedUp).toBe(CONNECTIONS);
      process.stdout.write(`  ${attach}: dropped ${JSON.stringify(counters.dropped)}\n`);
      expect(counters.dropped).not.toHaveProperty('out-of-window');

      const { sport } = all[0]!;
      const guesses = 2000;
      await attack(bench, { kind: 'mix', count: guesses, sport, dport: PORT });
      const after = (await bench.api.status()).counters.dropped['out-of-window'] ?? 0;
      process.stdout.write(`  ${attach}: ${after} of ${guesses} guesses out of window\n`);
      expect(after).toBeGreaterThan(guesses / 2);
      await allGoOn(echoes);
      expect((await bench.api.status()).counters.pickedUp).toBe(CONNECTIONS);
    },
    PATIENCE_MS,
  );
});

describe('a wall that is taken down and put up again', () => {
  it(
    'begins with nothing, and loses nothing',
    async () => {
      const echoes = await living('tc');
      const daemon = await bench.start();
      await bench.apply(within('60s'));
      await allGoOn(echoes);
      await daemon.end('SIGTERM');
      expect((await bench.run('--detach')).status).toBe(0);
      await bench.start();
      await allGoOn(echoes);
      const { counters, generation } = await bench.api.status();
      expect({ generation, pickedUp: counters.pickedUp }).toEqual({
        ...{ generation: 2, pickedUp: CONNECTIONS },
      });
    },
    PATIENCE_MS,
  );
});

describe('the time in which connections are picked up', () => {
  it(
    'does not begin again with the daemon, nor with a policy',
    async () => {
      const echoes = await living('tc', true);
      await bench.start();
      await bench.apply(within('60s'));
      await allGoOn(echoes);
      // Since the first one has begun to judge, a second is over.
      await bench.apply(within('1s'));
      await bench.restart('SIGKILL');
      await allGoOn(echoes);
      impatient();
      await bench.api.killStates({}, true, { user: 'test', uid: 0 });
      await allEnd(echoes);
    },
    PATIENCE_MS,
  );

  it(
    'is none with 0s: all connections end',
    async () => {
      const echoes = await living('tc', true);
      await bench.start();
      await bench.apply(within('0s'));
      // Whoever has said it often enough while there was no policy says nothing any more.
      const unknown = async () => (await bench.api.status()).counters.dropped['no-state'] ?? 0;
      await expect.poll(unknown, SOON).toBeGreaterThan(0);
      impatient();
      await allEnd(echoes);
      expect((await bench.api.status()).counters.pickedUp).toBe(0);
    },
    PATIENCE_MS,
  );
});
