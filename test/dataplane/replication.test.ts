/**
 * Two walls on one kernel, and the protocol between them: what one of them opens the other one knows, whatever
 * was lost on the way. `REPLICA_STATES` is how many connections there are; figures are printed, times are not
 * asserted.
 */
import type { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  credentials,
  Server,
  ServerCredentials,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  importRecords,
  KINDS,
  NOTHING,
  Replica,
} from '../../src/control/dataplane/replica/index.js';
import * as layouts from '../../src/generated/layouts.js';
import {
  ChangeSink,
  ChangeSource,
  replicationDefinition as definition,
  type Repair,
} from '../../src/sync/replication/index.js';
import { handshake, known, mail, stranger, www } from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import { fillEstablished } from './harness/fill.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

const STATES = Number(process.env.REPLICA_STATES ?? 20_000);
const STALE = Number(process.env.REPLICA_UPDATES ?? 100_000);
const EPOCH = 3;
const print = (text: string) => process.stdout.write(`replication: ${text}\n`);

let directory: string;
let active: TestWall;
let standby: TestWall;
let server: Server;
let source: ChangeSource;
let sink: ChangeSink;
let clock: NodeJS.Timeout;
let path = '';
let tests = 0;
let repairs: Repair[];
const errors: unknown[] = [];
const refused: string[] = [];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'bw-replication-'));
  const ports = layCables();
  const options = { maxStates: STATES + 70_000, realClock: true };
  active = new TestWall(ports, options);
  standby = new TestWall(ports, options);
});
afterAll(() => {
  active.close();
  standby.close();
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  for (const wall of [active, standby]) wall.reset({}, planOf(CAMPUS));
  active.setStandby(false, EPOCH, true);
  standby.setStandby(true, EPOCH, true);
  repairs = [];
  errors.length = 0;
  refused.length = 0;
  const onError = (error: unknown) => errors.push(error);
  sink = new ChangeSink({
    table: new Replica(standby.dataplane),
    onRefused: (reason, why) => refused.push(`${reason}: ${why}`),
    onRepaired: (repair) => repairs.push(repair),
    onError,
  });
  source = new ChangeSource({
    table: new Replica(active.dataplane),
    standing: () => ({ applied: 0, lagMs: 0, matches: true }),
    onError,
  });
  server = new Server();
  server.addService(definition().Replication.service, { ...source.handlers });
  path = `unix:${join(directory, `${tests++}.sock`)}`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(path, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  clock = setInterval(() => sink.tick(), 50);
});
afterEach(() => {
  clearInterval(clock);
  sink.leave();
  source.close();
  server.forceShutdown();
});

function follow(): void {
  sink.follow(new (definition().Replication)(path, credentials.createInsecure()));
}

/** Has the standby follow another peer, which answers like this. */
async function follows(answers: UntypedServiceImplementation): Promise<void> {
  server.forceShutdown();
  source.close();
  server = new Server();
  server.addService(definition().Replication.service, answers);
  const at = `unix:${join(directory, `${tests++}.sock`)}`;
  await new Promise<void>((resolve) => {
    server.bindAsync(at, ServerCredentials.createInsecure(), () => resolve());
  });
  sink.follow(new (definition().Replication)(at, credentials.createInsecure()));
}

async function until(what: string, done: () => boolean, ms = 30_000): Promise<void> {
  const end = performance.now() + ms;
  while (!done()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}: ${errors.join()}`);
    await sleep(10);
  }
}

function open(...ports: number[]): void {
  const runner = new TestRuns(active, 'xdp');
  const steps = [
    ...known(mail, www, stranger),
    ...ports.flatMap((p) => handshake(stranger, mail, p, 25)),
  ];
  expect(steps.flatMap((step) => runner.send(step))).toEqual([]);
  runner.close();
}

const size = (wall: TestWall) => {
  let count = 0;
  for (const batch of wall.map('established').entries(4096)) count += batch.count;
  return count;
};
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('a standby', () => {
  it('knows what was there before it came, and what comes after', async () => {
    fillEstablished(active, STATES, () => active.dataplane.clock.now() - 100n * BigInt(active.hz));
    open(...range(1, 50));
    const began = performance.now();
    follow();
    await until('the tables match', () => sink.matches);
    print(`${STATES} connections joined in ${Math.round(performance.now() - began)} ms`);
    expect(size(standby)).toBe(STATES + 49);
    expect(sink.counts).toMatchObject({ added: STATES + 49, ended: 0, full: 0, bad: 0 });
    // The first pass tells of all: nobody knows what the other node has.
    await until('a pass was told', () => sink.knownUntilMs > 0);
    const sent = source.sent;
    open(...range(50, 250));
    await until('the new ones are known', () => size(standby) === STATES + 249);
    expect(sink.counts).toMatchObject({ full: 0, bad: 0 });
    print(`${((source.sent - sent) / 200).toFixed(1)} bytes for each that opened`);
    expect(sink.matches).toBe(true);
    expect(errors).toEqual([]);
  });

  it('is told again what it missed, and little else', async () => {
    fillEstablished(active, STATES, () => active.dataplane.clock.now() - 100n * BigInt(active.hz));
    follow();
    await until('the tables match', () => sink.matches);
    // The first pass over those that moved counts only once it was taken.
    await sleep(2500);
    sink.leave();
    const { added, bytes } = { ...sink.counts };
    open(...range(1000, 1100));
    await sleep(1200);
    follow();
    await until('the tables match again', () => sink.matches && size(standby) === STATES + 100);
    expect(size(standby)).toBe(STATES + 100);
    const took = sink.counts.bytes - bytes;
    print(`a repair of 100 among ${STATES} took ${took} bytes`);
    expect(sink.counts.added - added).toBe(100);
    // Those of a bucket that differs come again with it.
    expect(took).toBeLessThan(KINDS.states.size * (300 + (200 * STATES) / 16384));
  });

  it('loses what the other node does not hold', async () => {
    fillEstablished(standby, 1000, () => standby.dataplane.clock.now() - 100n * BigInt(standby.hz));
    open(1);
    await sleep(1100);
    follow();
    await until('the tables match', () => sink.matches);
    expect(repairs.at(-1)!.dropped).toBe(1000);
  });

  it('listens again when the other node hangs up', async () => {
    open(1);
    follow();
    await until('the tables match', () => sink.matches);
    // Whoever listens last is served.
    const other = new (definition().Replication)(path, credentials.createInsecure());
    other
      .Changes({ format: 1 })
      .on('error', () => {})
      .on('data', () => {});
    await until('it was hung up on', () => !sink.matches);
    await until('the tables match again', () => sink.matches);
    other.close();
  });

  it('matches while connections that nobody ends run out of time', async () => {
    const left = (number: number) => 30 - (number % 40);
    const seen = (number: number) =>
      active.dataplane.clock.now() - BigInt(Math.round((432_000 - left(number)) * active.hz));
    fillEstablished(active, 4000, seen);
    open(...range(1, 30));
    follow();
    await until('the tables match', () => sink.matches);
    for (let i = 0; i < 30; i++) {
      await sleep(100);
      expect(sink.matches).toBe(true);
    }
    expect(errors).toEqual([]);
  });

  /** What a peer says, and in which words nothing of it is taken; then it is listened to again. */
  const whole = (port: number) => state4(port, (BigInt(EPOCH) << 48n) | BigInt(port), port);
  /** A message that is in order, and then one with that number. */
  const andThen = (sequence: number) => [
    { sequence: 3, states4: whole(7) },
    { sequence, states4: whole(8) },
  ];
  const refusals: readonly {
    what: string;
    says: readonly { sequence: number; states4: Buffer }[];
    added: number;
    why: string;
  }[] = [
    {
      what: 'a message that is garbled',
      says: [{ sequence: 1, states4: Buffer.alloc(KINDS.states4.size * 2 + 1) }],
      added: 0,
      why: 'garbled: message 1: states4 are no whole records',
    },
    {
      what: 'a message that comes again',
      says: andThen(3),
      added: 1,
      why: 'replayed: message 3 came after 3',
    },
    {
      what: 'a message from before',
      says: andThen(2),
      added: 1,
      why: 'replayed: message 2 came after 3',
    },
  ];

  it.each(refusals)('takes nothing of $what, and listens again', async ({ says, added, why }) => {
    let calls = 0;
    await follows({
      Changes: (call: { write(message: object): void }) => {
        calls++;
        for (const message of says) call.write({ ...message, epoch: EPOCH });
      },
    });
    await until('it was heard twice', () => calls >= 2 && refused.length >= 2);
    expect(new Set(refused)).toEqual(new Set([why]));
    expect(size(standby)).toBe(added);
    expect(errors).toEqual([]);
  });

  it('says so when the other node does not speak its format', async () => {
    await follows({
      Changes: (call: EventEmitter) =>
        call.emit('error', { code: status.FAILED_PRECONDITION, details: 'format 1: 7 is spoken' }),
    });
    await until('it asked twice', () => refused.length >= 2);
    expect(refused[0]).toBe('format: format 1: 7 is spoken');
    expect(size(standby)).toBe(0);
    expect(errors).toEqual([]);
  });

  it('knows until when it knows all', async () => {
    open(1);
    follow();
    await until('a pass was told', () => sink.knownUntilMs > 0);
    const now = new Replica(standby.dataplane).now();
    expect(sink.knownUntilMs).toBeLessThan(now);
    expect(now - sink.knownUntilMs).toBeLessThan(60_000);
    expect(sink.standing).toMatchObject({ active: true, epoch: EPOCH });
  });
});

describe('updates that come in any order', () => {
  it('bring nothing back: shuffled, twice, and late', async () => {
    const changes: { kind: 'states4' | 'ends4'; bytes: Buffer; port: number }[] = [];
    const many = Math.min(STALE / 20, 20_000);
    for (let i = 0; i < many; i++) {
      const born = (BigInt(EPOCH) << 48n) | BigInt(1000 + i);
      changes.push({ kind: 'states4', port: i, bytes: state4(i, born, 1000 + i) });
      changes.push({ kind: 'ends4', port: i, bytes: end4(i, born, 2000 + i) });
    }
    let sent = 0;
    const ended = new Set<number>();
    let seed = 12345;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    while (sent < STALE) {
      const batch = Array.from({ length: 1000 }, () => changes[random(changes.length)]!);
      for (const kind of ['states4', 'ends4'] as const) {
        const some = batch.filter((change) => change.kind === kind);
        for (const { port } of some) if (kind === 'ends4') ended.add(port);
        importRecords(
          standby.dataplane,
          kind,
          EPOCH,
          Buffer.concat(some.map(({ bytes }) => bytes)),
        );
      }
      sent += batch.length;
    }
    const alive = livePorts(standby);
    print(
      `${sent} updates of ${many} connections, ${ended.size} of them over, ${alive.size} alive`,
    );
    expect([...alive].filter((port) => ended.has(port))).toEqual([]);
    expect(ended.size).toBeGreaterThan(many / 2);
    expect({ ...NOTHING }).toEqual(NOTHING);
  });
});

function head(port: number, born: bigint, read: number) {
  return { born, read, lowPort: port & 0xffff, highPort: 25, tag: [port >> 16, 0] };
}

function state4(port: number, born: bigint, read: number): Buffer {
  const { Phase } = layouts;
  return layouts.change4.encode({
    head: {
      ...head(port, born, read),
      ...{ idle: 0, word: Phase.ESTABLISHED, proto: 6, family: 4, pad: new Uint8Array(2) },
      ...{ end: [1, 1], acked: [1, 1] },
    },
    low: 0x0a000001,
    high: 0x0a000002,
  });
}

function end4(port: number, born: bigint, read: number): Buffer {
  const { Phase } = layouts;
  return layouts.end4.encode({
    head: { ...head(port, born, read), proto: 6, family: 4, phase: Phase.DYING, pad: 0 },
    low: 0x0a000001,
    high: 0x0a000002,
  });
}

function livePorts(wall: TestWall): Set<number> {
  const ports = new Set<number>();
  const [keySize, size] = [layouts.stateKey.size, layouts.state.size];
  for (const { keys, values, count } of wall.map('established').entries(4096)) {
    for (let i = 0; i < count; i++) {
      const { word } = layouts.state.decode(values, i * size);
      if ((word & 0xff) !== layouts.Phase.ESTABLISHED) continue;
      const key = layouts.stateKey.decode(keys, i * keySize);
      ports.add(key.lowPort | (key.tag[0]! << 16));
    }
  }
  return ports;
}
