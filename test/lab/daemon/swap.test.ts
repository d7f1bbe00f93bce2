/**
 * Policies are swapped under load, again and again. The two number everything differently: hosts,
 * classes of peers and of services. So a packet that was judged by parts of both would show: as a frame
 * of what both allow that is missing, or as one of what both deny that arrives.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { Bench, macOf } from './bench.js';
import { type Flow, type Heard, NumberedCounter, NumberedSender } from './numbered.js';

const SWAPS = Number(process.env.POLICY_SWAPS ?? 12);
const MICROSECONDS = 1000;

/** Hosts that no stack answers for. `near` and `far` are behind two ports of the inside. */
const NEAR = '10.9.0.102';
const FAR = '10.9.0.103';
const VISITOR = '10.9.0.101';

/** What both allow, what both deny, what only one allows, by destination port. */
const ALLOWED = [1000, 1001];
const DENIED = [1010, 1011];
const ONLY_A = [1020, 1021];
const ONLY_B = [1030, 1031];
/** Between the two hosts: one policy has the out half of a line, the other the in half. */
const HALVES = 1040;

const text = (lines: readonly string[]) => ['apiVersion: bridgewall/v1', ...lines].join('\n');
const lines = (ports: readonly number[], peers: string) =>
  ports.map((port) => `      ${port}/udp: ${peers}`);

const A = text([
  'groups:',
  `  visitors: [${VISITOR}]`,
  '  nobody: [192.0.2.0/24]',
  '  neighbours: [10.9.0.0/24]',
  'hosts:',
  `  near:`,
  `    addresses: [${NEAR}, 10.9.0.2]`,
  '    in:',
  '      ping: neighbours',
  '      900/udp: nobody',
  ...lines([...ALLOWED, ...ONLY_A], 'visitors'),
  ...lines([...DENIED, ...ONLY_B], 'nobody'),
  `    out: {1000/udp: far, ${HALVES}/udp: far}`,
  '  far:',
  `    addresses: [${FAR}, 10.9.0.3]`,
  '    in: {ping: neighbours, 1000/udp: near}',
]);
const B = text([
  'groups:',
  '  first: [198.51.100.0/24]',
  '  neighbours: [10.9.0.0/24]',
  `  visitors: [${VISITOR}]`,
  'hosts:',
  '  another: {addresses: [10.9.0.200], in: {999/udp: first, 53/udp: neighbours}}',
  '  far:',
  `    addresses: [${FAR}, 10.9.0.3]`,
  `    in: {ping: neighbours, 1000/udp: near, ${HALVES}/udp: near}`,
  '  near:',
  `    addresses: [${NEAR}, 10.9.0.2]`,
  '    in:',
  '      ping: neighbours',
  ...lines([...ONLY_A, ...DENIED], 'first'),
  ...lines([...ALLOWED, ...ONLY_B], 'visitors'),
  '    out: {1000/udp: far}',
  'deny:',
  '  - {from: first}',
]);

let bench: Bench;

afterEach(() => bench.close());

/** How often the policy changed, by what became of frames in the order in which they were sent. */
function changes(
  rounds: number,
  flows: readonly Flow[],
  heard: ReadonlyMap<number, Heard>,
): number {
  const marks = flows.flatMap(({ port }) => {
    if (ONLY_A.includes(port)) return [{ when: true, of: heard.get(port)! }];
    return ONLY_B.includes(port) ? [{ when: false, of: heard.get(port)! }] : [];
  });
  let [found, judging] = [0, true];
  for (let round = 0; round < rounds; round++) {
    for (const { when, of } of marks) {
      const byA = of.has(round) === when;
      if (byA !== judging) found++;
      judging = byA;
    }
  }
  return found;
}

describe('a policy that is swapped under load', () => {
  it.each(['tc', 'xdp', 'generic'])(
    `judges each packet whole, ${SWAPS} times, in %s`,
    async (mode) => {
      bench = new Bench(mode);
      const { lab, wall, client, server } = bench;
      const other = lab.namespace('other');
      lab.link(
        { namespace: wall, device: 'dn1' },
        { namespace: other, device: 'e0', addresses: ['10.9.0.3/24'] },
      );
      const inside = ['dn0', 'dn1'].map((name) => `{name: ${name}, side: inside}`);
      bench.configure({ attach: mode, ports: `[{name: up0, side: uplink}, ${inside.join(', ')}]` });
      await bench.start();
      await bench.apply(A);
      // Every MAC is known from here on: frames go straight from port to port.
      for (const address of ['10.9.0.2', '10.9.0.3']) expect(await bench.pings(address)).toBe(2);

      const flows = [...ALLOWED, ...ONLY_A, ...DENIED, ...ONLY_B].map((port) => ({
        ...{ from: VISITOR, to: NEAR, port, fresh: port % 2 === 1 },
      }));
      const between = [1000, HALVES].map((port) => ({ from: NEAR, to: FAR, port, fresh: true }));
      const [macs, onward] = [
        { from: macOf(client), to: macOf(server) },
        { from: macOf(server), to: macOf(other) },
      ];
      const counters = [await NumberedCounter.start(server), await NumberedCounter.start(other)];
      const senders = [
        await NumberedSender.start(client, macs, MICROSECONDS, flows),
        await NumberedSender.start(server, onward, MICROSECONDS, between),
      ];
      for (let swap = 0; swap < SWAPS; swap++) {
        await new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 40));
        const { installed } = await bench.apply(swap % 2 === 0 ? B : A);
        expect(installed).toBe(true);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      const rounds = [await senders[0]!.stop(), await senders[1]!.stop()] as const;
      await new Promise((resolve) => setTimeout(resolve, 200));
      const [near, far] = [await counters[0]!.stop(), await counters[1]!.stop()];

      for (const port of ALLOWED) expect(near.get(port)!.count(rounds[0])).toBe(rounds[0]);
      expect(far.get(1000)!.count(rounds[1])).toBe(rounds[1]);
      for (const port of DENIED) expect(near.has(port)).toBe(false);
      expect(far.has(HALVES)).toBe(false);
      expect(changes(rounds[0], flows, near)).toBe(SWAPS);
      const arrived = [...near.values()].map((heard) => heard.count(rounds[0]));
      process.stdout.write(
        `  ${mode}: ${SWAPS} swaps in ${rounds[0]} rounds, ${arrived.join(' ')} of each flow\n`,
      );
    },
    60_000 + SWAPS * 1000,
  );
});
