/**
 * Connections listed by the hundred thousand: bwctl and the daemon hold no more of them when there are ten
 * times as many, nor when nobody reads on, and the daemon answers others meanwhile.
 * `LISTED_STATES=1000000` is the long form. Times are told, not asserted.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BpfMap } from '../../../native/lib/index.js';
import { PinSet } from '../../../src/control/dataplane/pins.js';
import * as layouts from '../../../src/generated/layouts.js';
import { ROOT } from '../../../src/lab/root.js';
import { fillEstablished } from '../../dataplane/harness/fill.js';
import { Bench, policy } from './bench.js';

const MANY = Number(process.env.LISTED_STATES ?? 300_000);
const FEW = MANY / 10;
/** What the connections that there are more of take on their way. */
const ROWS_KIB = ((MANY - FEW) * layouts.stateRow.size) / 1024;
const BWCTL = join(ROOT, 'bin/bwctl');
const tell = (text: string) => process.stdout.write(`  ${text}\n`);
const now = () => Number(process.hrtime.bigint()) / 1e6;
const mib = (kib: number) => `${(kib / 1024).toFixed(0)} MiB`;

/** KiB that a process has held at most since it began, or since `forgetPeak`. */
function peak(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
}

function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** A listing by bwctl, and what came of it. */
interface Listing {
  readonly lines: number;
  readonly last: string;
  /** KiB, at most. */
  readonly client: number;
  readonly daemon: number;
  readonly seconds: number;
  /** Questions of others that were answered meanwhile. */
  readonly answers: number;
}

describe('states', () => {
  let bench: Bench;
  let established: BpfMap;
  let daemon: number;
  let like: layouts.State;

  beforeAll(async () => {
    bench = new Bench();
    bench.configure({ state: `{max: ${MANY + 1000}}` });
    daemon = (await bench.start()).child.pid!;
    await bench.apply(policy([]));
    expect(await bench.pings()).toBe(2);
    established = BpfMap.adopt(new PinSet(bench.pins, 'fw-1').map('established'));
    like = layouts.state.decode([...established.entries(1)][0]!.values);
  }, 120_000);
  afterAll(async () => {
    established?.close();
    await bench.close();
  });

  const fill = (count: number) =>
    fillEstablished({ map: () => established }, count, () => like.seen, like);

  /** @param idle milliseconds in which nobody reads what bwctl writes */
  async function list(words: string[], idle = 0): Promise<Listing> {
    forgetPeak(daemon);
    const begun = now();
    const args = [process.execPath, BWCTL, '--socket', bench.socket, 'states', ...words];
    const child = bench.wall.spawn(args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let answers = 0;
    let done = false;
    const asking = (async () => {
      while (!done) {
        await bench.api.history();
        answers++;
        await pause(5);
      }
    })();
    await pause(idle);
    const { lines, last, client } = await read(child);
    done = true;
    await asking;
    const seconds = (now() - begun) / 1000;
    return { lines, last, client, daemon: peak(daemon), seconds, answers };
  }

  it('take no more memory when there are more of them, and hold nobody up', async () => {
    fill(FEW);
    const few = await list(['-o', 'json']);
    fill(MANY);
    const many = await list(['-o', 'json']);
    for (const [count, of] of [
      [FEW, few],
      [MANY, many],
    ] as const) {
      tell(
        `${count} states: ${of.seconds.toFixed(1)} s; bwctl ${mib(of.client)}, daemon ${mib(of.daemon)}; ` +
          `${of.answers} other questions answered`,
      );
    }
    expect(few.lines).toBeGreaterThanOrEqual(FEW);
    expect(many.lines).toBeGreaterThanOrEqual(MANY);
    expect(JSON.parse(many.last)).toMatchObject({ proto: expect.any(String) });
    expect(many.client / few.client).toBeLessThan(2);
    expect(many.daemon - few.daemon).toBeLessThan(ROWS_KIB);
    // As often in a second as with a tenth of them, or nearly.
    expect(many.answers / many.seconds).toBeGreaterThan(few.answers / few.seconds / 4);
  }, 300_000);

  it('that nobody reads on wait in the kernel', async () => {
    const read = await list(['proto=tcp'], 0);
    const waited = await list(['proto=tcp'], 1500);
    expect(waited.lines).toBe(read.lines);
    expect(waited.client / read.client).toBeLessThan(1.5);
    expect(waited.daemon - read.daemon).toBeLessThan(ROWS_KIB);
  }, 300_000);

  it('are picked and counted in the kernel', async () => {
    const begun = now();
    expect(await bench.api.countStates({ src: '10.0.0.0/24' })).toBe(256);
    const counted = now();
    expect((await list(['src=10.0.0.0/24', 'sport=40000'])).lines).toBe(257);
    expect((await list(['proto=tcp', '--limit', '1000', '-o', 'json'])).lines).toBe(1000);
    tell(`256 of ${MANY} states counted in ${(counted - begun).toFixed(0)} ms`);
  });
});

/** Reads what bwctl writes, and asks what it has held meanwhile. */
async function read(child: ChildProcess): Promise<{ lines: number; last: string; client: number }> {
  let lines = 0;
  let client = 0;
  let tail = '';
  const ended = once(child, 'exit');
  for await (const piece of child.stdout as AsyncIterable<Buffer>) {
    for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) lines++;
    tail = (tail + piece.toString()).slice(-2000);
    client = peakOf(child.pid!) ?? client;
  }
  await ended;
  return { lines, last: tail.trimEnd().split('\n').at(-1) ?? '', client };
}

/** Null: it is gone. */
function peakOf(pid: number): number | null {
  try {
    return peak(pid);
  } catch {
    return null;
  }
}
