/**
 * Many live connections through one failover after the other, of each kind in turn: none is lost or reset,
 * and after each a segment that does not fit its connection is still dropped.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../../src/lab/netns.js';
import { Crowd, serveEchoes } from '../../../src/lab/pair/crowd.js';
import { FAILURES } from '../../../src/lab/pair/failures.js';
import { Pair } from '../../../src/lab/pair/pair.js';
import { CLIENT, type NodeName, otherOf, SERVER } from '../../../src/lab/pair/pair-net.js';
import { attackProgram } from '../attacks/attack.js';

const FAILOVERS = Number(process.env.FAILOVERS ?? 3);
const CONNECTIONS = Number(process.env.FAILOVER_CONNECTIONS ?? 500);
/** Words a second over all connections. */
const WORDS = 1000;
const PORT = 80;
/** Segments with random numbers: at most one of them fits by chance. */
const STRAYS = 50;

describe(`${CONNECTIONS} connections through ${FAILOVERS} failovers`, () => {
  let lab: Lab;
  let pair: Pair;
  let crowd: Crowd;

  beforeAll(async () => {
    lab = new Lab('connections');
    pair = await Pair.build(lab, { attach: 'tc' });
    await pair.start();
    await serveEchoes(pair.net.server);
    crowd = new Crowd(pair.net.client);
    await crowd.open(SERVER.v4, PORT, CONNECTIONS);
  }, 240_000);
  afterAll(() => lab.close());

  const dropped = async (node: NodeName) =>
    (await pair.status(node)).counters.dropped['out-of-window'] ?? 0;

  /** Sends segments of a live connection with numbers of chance; resolves to how many were dropped for that. */
  const stray = async (node: NodeName) => {
    const sockets = pair.net.client.exec('ss', '-Htn', 'dst', SERVER.v4, 'dport', `= :${PORT}`);
    const ports = sockets
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[3]!.split(':').at(-1)!);
    const before = await dropped(node);
    const { status, stderr } = await pair.net.client.run([
      ...[attackProgram(), 'eth0', 'data', String(STRAYS), CLIENT.mac, SERVER.mac],
      ...[CLIENT.v4, SERVER.v4, ports[Math.floor(ports.length / 2)]!, String(PORT)],
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    await expect
      .poll(async () => (await dropped(node)) - before, { timeout: 10_000 })
      .toBeGreaterThanOrEqual(STRAYS - 1);
    return (await dropped(node)) - before;
  };

  it('loses none, resets none, and stays strict', {
    timeout: 240_000 + FAILOVERS * 60_000,
  }, async () => {
    for (let number = 0; number < FAILOVERS; number++) {
      const from = await pair.settled(60_000);
      const to = otherOf(from);
      const failure = FAILURES[number % FAILURES.length]!;
      await crowd.talk(WORDS);
      const before = await crowd.report();
      await failure.begin(pair, from);
      await pair.becomes(to);
      const after = await crowd.ask(60_000);
      expect(after).toMatchObject({ open: CONNECTIONS, ended: 0, resets: 0, owing: 0 });
      const strays = await stray(to);
      process.stdout.write(
        `  ${number + 1}: ${failure.name}, ${from} -> ${to}: ${after.echoed - before.echoed} words, ` +
          `${after.late - before.late} late, ${strays} of ${STRAYS} strays dropped\n`,
      );
      await failure.end?.(pair, from);
    }
    await pair.settled(60_000);
    const last = await crowd.ask(60_000);
    expect(last).toMatchObject({ open: CONNECTIONS, ended: 0, resets: 0, owing: 0 });
  });
});
