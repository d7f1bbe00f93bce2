/**
 * `make capacity WALL_NS=358 BARE_NS=141`: the tables of docs/on-real-hardware.md from two figures of `make bench`,
 * nanoseconds of an established packet in the wall and in a bare redirect.
 */
import { parseArgs } from 'node:util';
import { coresFor, gbits, lineRate, MIXES, perSecond } from './capacity.js';

/** Packets a second that one core redirects and does nothing else, as others have published it: the document says where. */
const DRIVERS = [
  { name: 'mlx5', perSecond: 8_650_000 },
  { name: 'ixgbe', perSecond: 6_853_768 },
  { name: 'i40e', perSecond: 6_724_519 },
] as const;
const WIRES = [1, 10, 40, 100] as const;
/** Share of a core's time that is planned with: what is left is for bursts. */
const LOAD = 0.7;

const { values } = parseArgs({ options: { wall: { type: 'string' }, bare: { type: 'string' } } });
const [wall, bare] = [Number(values.wall), Number(values.bare)];

const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
const names = MIXES.map(({ name }) => name);

/** What one core does, and how many it takes to fill a wire: one way, both ways. */
function tables(sources: readonly { readonly name: string; readonly ns: number }[]): string {
  const contention = 0;
  return [
    row(['packets', 'ns', 'Mpps', ...names.map((name) => `Gbit/s of ${name}`)]),
    `|---|${'---:|'.repeat(2 + names.length)}`,
    ...sources.map(({ name, ns }) => {
      const rate = perSecond(ns, 1);
      const full = MIXES.map((mix) => gbits(rate, mix).toFixed(1));
      return row([name, ns.toFixed(0), (rate / 1e6).toFixed(2), ...full]);
    }),
    '',
    row(['packets', 'Gbit/s', ...names.map((name) => `cores, ${name}`)]),
    `|---|${'---:|'.repeat(1 + names.length)}`,
    ...sources.flatMap(({ name, ns }) =>
      WIRES.map((wire) => {
        const cores = (mix: (typeof MIXES)[number], ways: number) =>
          coresFor(lineRate(wire, mix) * ways, { ns, contention, load: LOAD }) ?? 'none';
        return row([name, wire, ...MIXES.map((mix) => `${cores(mix, 1)} / ${cores(mix, 2)}`)]);
      }),
    ),
  ].join('\n');
}

if (!(wall > 0) || !(bare > 0) || wall < bare) {
  process.stderr.write('capacity: --wall NS and --bare NS are needed, the first the greater one\n');
  process.exitCode = 1;
} else {
  const drivers = DRIVERS.map((one) => ({
    name: `assumed: ${one.name}`,
    ns: wall - bare + 1e9 / one.perSecond,
  }));
  const all = [{ name: 'as measured, on veth', ns: wall }, ...drivers];
  process.stdout.write(`${tables(all)}\n`);
}
