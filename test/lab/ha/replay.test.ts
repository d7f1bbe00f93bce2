/** What was said on the sync link before a daemon began is not believed when it comes once more. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Lab } from '../../../src/lab/netns.js';
import { Pair } from '../../../src/lab/pair/pair.js';
import { SYNC } from '../../../src/lab/pair/pair-net.js';

const COUNT = 50;
const WITHIN = { timeout: 20_000, interval: 100 };

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Datagrams of a packet dump of tcpdump -x, as hexadecimal. */
function payloads(dump: string): string[] {
  return dump
    .split(/^(?=\S)/m)
    .map((packet) => packet.replace(/^\S.*\n/, '').replace(/^\s*0x[0-9a-f]+:|\s/gm, ''))
    .map((hex) => hex.slice(2 * 28))
    .filter((hex) => hex.length > 0);
}

describe('a daemon that starts', () => {
  let lab: Lab;
  let pair: Pair;

  beforeAll(async () => {
    lab = new Lab('ha-replay');
    pair = await Pair.build(lab, { attach: 'tc' });
    await pair.start();
  }, 120_000);
  afterAll(() => lab.close());

  it('believes no datagram from before', async () => {
    const { fw1, fw2 } = pair.net.nodes;
    const filter = `udp and src host ${SYNC.fw1} and dst port 7443`;
    const args = ['-i', 'sync0', '-nn', '-x', '-c', String(COUNT), filter];
    const { stdout } = await fw2.run(['tcpdump', ...args], { timeoutMs: 20_000 });
    const recorded = payloads(stdout);
    expect(recorded.length).toBe(COUNT);
    // Of the other node only its packet path is left, which says nothing of its own.
    await pair.walls.fw1.kill();
    await pair.walls.fw2.kill();
    await pair.walls.fw2.start();
    const before = await pair.clients.fw2.ha();
    const code = `const s = require('dgram').createSocket('udp4');
      const all = ${JSON.stringify(recorded)};
      s.bind(0, '${SYNC.fw1}', () => {
        const next = () => all.length === 0 ? s.close()
          : s.send(Buffer.from(all.shift(), 'hex'), 7443, '${SYNC.fw2}', () => setTimeout(next, 5));
        next();
      });`;
    await fw1.run([process.execPath, '-e', code], { timeoutMs: 20_000 });
    const after = async () => await pair.clients.fw2.ha();
    await expect
      .poll(async () => (await after()).probes.refused - before.probes.refused, WITHIN)
      .toBe(COUNT);
    const heard = async () => (await after()).paths.find(({ name }) => name === 'sync')?.heardMs;
    expect(await heard()).toBeNull();
    // What is said anew takes the same way, and is believed.
    await pair.walls.fw1.start();
    await expect.poll(heard, WITHIN).toEqual(expect.any(Number));
  });
});
