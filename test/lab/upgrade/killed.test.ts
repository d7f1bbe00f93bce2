/** An upgrade that is killed at any moment leaves a whole wall: the old one, or the new one. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PinSet } from '../../../src/control/dataplane/index.js';
import { Bench, policy } from '../daemon/bench.js';
import { DeniedStream } from '../repair/denied-stream.js';
import { Crowd } from './crowd.js';
import { makeOlder } from './older.js';

const TIMES = Number(process.env.KILLED_UPGRADES ?? 3);
const CONNECTIONS = 200;
/** From the first pin of the new version: longer than an upgrade takes here. */
const WITHIN_MS = 300;

/** A name that appears in the node's directory, or in that of the new version, at a step of an upgrade. */
type Moment = RegExp;
/** At random after the first pin; as soon as the new one is in force; before anything is swapped. */
const MOMENTS: readonly Moment[] = [/^set-/, /^retire-/, /^settle_states$/];

/** Looks without a pause: the steps are shorter than any timer. */
async function until(directory: string, moment: Moment): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const burst = Date.now() + 50;
    while (Date.now() < burst) if (appeared(directory, moment)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`${moment} did not appear`);
}

function appeared(directory: string, moment: Moment): boolean {
  const names = readdirSync(directory);
  if (names.some((name) => moment.test(name))) return true;
  const set = names.find((name) => name.startsWith('set-'));
  const programs = set && join(directory, set, 'progs');
  return programs !== undefined && existsSync(programs)
    ? readdirSync(programs).some((name) => moment.test(name))
    : false;
}

describe.each(['tc', 'xdp'])('an upgrade in %s that is killed', (attach) => {
  let bench: Bench;
  let crowd: Crowd;

  beforeAll(async () => {
    bench = new Bench(attach);
    await bench.serve(80);
    await bench.start();
    await bench.apply(policy([80]));
    await bench.kill();
    makeOlder(bench, 'reordered');
    crowd = await Crowd.open(bench, CONNECTIONS);
  });
  afterAll(async () => {
    await crowd?.close();
    await bench.close();
  });

  it(`leaves a whole wall ${TIMES} times, and is made good`, {
    timeout: 60_000 + TIMES * 30_000,
  }, async () => {
    const pins = new PinSet(bench.pins, 'fw-1');
    const links = () => readdirSync(join(pins.directory, 'links')).sort();
    const hung = links();
    const denied = await DeniedStream.start(bench);
    const seen = { before: 0, during: 0, after: 0 };
    for (let time = 0; time < TIMES; time++) {
      const older = pins.completeTag()!;
      const daemon = bench.spawn();
      await until(pins.directory, MOMENTS[time % MOMENTS.length]!);
      if (time % MOMENTS.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * WITHIN_MS));
      }
      await daemon.end('SIGKILL');
      if (pins.completeTag() === older) seen.before++;
      else if (pins.retiring() !== undefined) seen.during++;
      else seen.after++;

      // No daemon: the packets say what stands.
      expect(await crowd.echoes()).toBe(CONNECTIONS);
      expect(await bench.connects(80)).toBe(true);
      expect(await bench.connects(25)).toBe(false);

      await bench.start();
      expect(await crowd.echoes()).toBe(CONNECTIONS);
      expect(pins.completeTag()).not.toBe(older);
      expect([pins.retiring(), pins.strays(), links()]).toEqual([undefined, [], hung]);
      expect(existsSync(join(pins.directory, 'maps'))).toBe(false);
      expect(await bench.api.status()).toMatchObject({ generation: 1, policy: { rules: 3 } });
      expect(await bench.connects(80)).toBe(true);
      await bench.kill();
      if (time < TIMES - 1) makeOlder(bench, time % 2 === 0 ? 'first' : 'reordered');
    }
    await denied.stop();
    expect(denied.sent).toBeGreaterThan(TIMES * 100);
    expect(denied.arrived).toBe(0);
    expect(crowd.lost()).toBe(0);
    process.stdout.write(`  killed in ${attach}: ${JSON.stringify(seen)}\n`);
  });
});
