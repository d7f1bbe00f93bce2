/** Layers of the guard are taken away under traffic, again and again: nothing unjudged ever crosses. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Bench, policy } from '../daemon/bench.js';
import { DeniedStream } from './denied-stream.js';

const ROUNDS = Number(process.env.REPAIR_ROUNDS ?? 10);
/** Generic XDP is taken apart as the native one is: its turn is in the long form. */
const MODES = ROUNDS > 10 ? ['tc', 'xdp', 'generic'] : ['tc', 'xdp'];
const TABLES = 'nft delete table netdev bridgewall_fw_1; nft delete table bridge bridgewall_fw_1';
const PROGRAMS = 'tc qdisc delete dev up0 clsact; tc qdisc delete dev dn0 clsact';

let bench: Bench;

afterEach(() => bench.close());

/** What is there of the guard, as the tools of the distribution show it. */
function guard(): string {
  const filters = ['up0', 'dn0'].map((port) =>
    bench.wall.exec('tc', 'filter', 'show', 'dev', port, 'ingress').replaceAll(/ id \d+/g, ''),
  );
  const links = bench.wall.ip('-d', 'link').match(/prog\/xdp id \d+/g) ?? [];
  return [bench.wall.exec('nft', '-s', 'list', 'ruleset'), ...filters, ...links].join('\n');
}

function take(script: string): void {
  bench.wall.exec('sh', '-c', script);
}

async function run(attach: string): Promise<void> {
  bench = new Bench(attach);
  const daemon = await bench.start();
  await bench.apply(policy([]));
  expect(await bench.pings()).toBe(2);
  const links = () => {
    for (const number of [0, 1]) {
      rmSync(join(bench.pins, 'fw-1', 'links', `xdp-${number}`), { force: true });
    }
  };
  const faults: readonly (() => void)[] = [
    () => take('nft flush ruleset'),
    () => take(PROGRAMS),
    () => take('nft delete table bridge bridgewall_fw_1'),
    () => take('nft delete table netdev bridgewall_fw_1'),
    links,
    () => take(`${TABLES}; ${PROGRAMS}`),
    () => take('nft flush chain bridge bridgewall_fw_1 prerouting'),
    () => take(`${PROGRAMS}; nft flush ruleset`),
    () => {
      links();
      take(`nft flush ruleset; ${PROGRAMS}`);
    },
    () => take('nft delete rule netdev bridgewall_fw_1 ingress handle 3 || nft flush ruleset'),
  ];
  const whole = guard();
  const stream = await DeniedStream.start(bench);
  const leaks: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = stream.arrived;
    faults[round % faults.length]!();
    await expect.poll(guard, { timeout: 5000, interval: 20 }).toBe(whole);
    expect(await bench.pings(undefined, 1)).toBe(1);
    leaks.push(stream.arrived - before);
  }
  await stream.stop();
  expect(daemon.log.match(/"repaired":"table"/g)!.length).toBeGreaterThan(0);
  expect(daemon.log).toMatch(/"repaired":"program"/);
  expect(stream.sent).toBeGreaterThan(100);
  expect(leaks.filter((leak) => leak !== 0)).toEqual([]);
  expect(stream.arrived).toBe(0);
}

describe('a wall that is taken apart under traffic', () => {
  it.each(MODES)('stays closed, and is whole again, in %s', run, 600_000);
});
