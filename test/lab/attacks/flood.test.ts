/**
 * Floods at full speed against a table of connections that is 90% full, while these go on: SYNs from
 * anywhere, and one-way UDP. None is lost, and the tables take no more memory. FLOOD sets how many frames
 * of each kind (100,000; the long form is 1,000,000), FLOOD_STATES the sizes of the table (16384; the long form is
 * 16384,65536,262144).
 */
import { afterEach, describe, expect, it } from 'vitest';
import { PinSet } from '../../../src/control/dataplane/index.js';
import { Bench } from '../daemon/bench.js';
import { type Attack, attack } from './attack.js';
import { Crowd } from './crowd.js';

const FLOOD = Number(process.env.FLOOD ?? 100_000);
const SIZES = (process.env.FLOOD_STATES ?? '16384').split(',').map(Number);
const PATIENCE_MS = 900_000;
const HOST = { address: '10.9.1.1', port: 80 };
const DNS = 53;

const POLICY = `
apiVersion: bridgewall/v1
hosts:
  crowd:
    addresses: [${HOST.address}]
    in:
      ${HOST.port}/tcp: any
      ${DNS}/udp: any
defaults: {log: {drops: none}}
`;

let bench: Bench;

afterEach(() => bench.close());

/** Bytes that the kernel holds for the tables of connections. */
function memory(): Record<string, number> {
  const pins = new PinSet(bench.pins, 'fw-1');
  const bytes = (name: string): [string, number] => {
    const show = ['-j', 'map', 'show', 'pinned', pins.map(name)];
    const shown: unknown = JSON.parse(bench.wall.exec('bpftool', ...show));
    return [name, Number((shown as { bytes_memlock: number }).bytes_memlock)];
  };
  return Object.fromEntries(['established', 'pending'].map(bytes));
}

describe.each(SIZES)('a table of %i connections that is 90 percent full', (size) => {
  it.each(['xdp', 'tc'])(
    `loses none to ${FLOOD} SYNs and ${FLOOD} datagrams, in %s`,
    async (attach) => {
      bench = new Bench(attach);
      bench.configure({ attach, state: `{max: ${size}}` });
      await bench.start();
      await bench.apply(POLICY);
      const count = Math.floor(size * 0.9);
      const crowd = await Crowd.open(bench, count, HOST);
      const established = async () => (await bench.api.status()).states.established;
      const everyone = { arrived: count, acknowledged: count };
      expect(await established()).toBe(count);
      expect(await crowd.round()).toEqual(everyone);
      const before = memory();

      const to = { mac: Crowd.serverMac, address: HOST.address };
      const floods: Attack[] = [
        { kind: 'syns', count: FLOOD, dport: HOST.port, to },
        { kind: 'datagrams', count: FLOOD, dport: DNS, to },
      ];
      for (const flood of floods) {
        const talk = await crowd.talkDuring(() => attack(bench, flood));
        const share = ((100 * talk.arrived) / talk.sent).toFixed(2);
        process.stdout.write(
          `  ${size} states, ${attach}: ${FLOOD} ${flood.kind} at ${talk.result}/s; meanwhile ${talk.sent} segments of ${count} connections, ${share}% of them arrived\n`,
        );
        // One of each, in both directions, and nothing else is under way.
        expect(await crowd.round()).toEqual(everyone);
        expect(await established()).toBe(count);
      }
      const { counters, states } = await bench.api.status();
      process.stdout.write(
        `  ${size} states, ${attach}: ${JSON.stringify(memory())} bytes, before ${JSON.stringify(before)}; ${states.pending} pending; dropped ${JSON.stringify(counters.dropped)}\n`,
      );
      expect(memory()).toEqual(before);
      expect(counters.dropped).toEqual({});
      crowd.close();
    },
    PATIENCE_MS,
  );
});
