/** Connections from the table of one wall into that of another, and what the other makes of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cell } from '../../src/control/dataplane/cell.js';
import {
  adoptAll,
  bornBefore,
  CHANGE_KINDS,
  CHOICE_BYTES,
  type ChangeKind,
  ChangeReader,
  changesLost,
  digestsOf,
  dropBuckets,
  type Imported,
  importRecords,
  KINDS,
  NOTHING,
  noteBirthday,
  tellBuckets,
  tellChildren,
  tellMoved,
} from '../../src/control/dataplane/replica/index.js';
import * as layouts from '../../src/generated/layouts.js';
import { difference } from '../../src/sync/replication/difference.js';
import {
  detoured,
  dropped,
  forwarded,
  handshake,
  known,
  mail,
  mail6,
  segment,
  stranger,
  stranger6,
  www,
} from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import type { FrameStep } from './fixtures/types.js';
import { writeExpectation } from './harness/expected.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { liveRecords, liveStates } from './harness/states.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

const { Phase, StateBits } = layouts;
const EPOCH = 7;
const ALL = new Uint8Array(CHOICE_BYTES).fill(0xff);

/** Changes as they came, by kind. */
class Told {
  readonly batches: { kind: ChangeKind; bytes: Uint8Array }[] = [];
  readonly #reader: ChangeReader;

  constructor(wall: TestWall) {
    this.#reader = new ChangeReader(wall.dataplane, ({ runs }) => {
      for (const { kind, records } of runs) {
        this.batches.push({ kind, bytes: Uint8Array.from(records) });
      }
    });
  }

  count(kind: ChangeKind): number {
    const bytes = this.batches.filter((b) => b.kind === kind).map((b) => b.bytes.length);
    return bytes.reduce((sum, n) => sum + n, 0) / KINDS[kind].size;
  }

  async until(done: (told: Told) => boolean): Promise<void> {
    for (let i = 0; i < 500 && !done(this); i++) await sleep(10);
  }

  close(): void {
    this.#reader.close();
  }
}

let a: TestWall;
let b: TestWall;
let fromA: Told;
const runs = new Map<TestWall, TestRuns>();

beforeAll(() => {
  const ports = layCables();
  for (const make of [() => (a = new TestWall(ports)), () => (b = new TestWall(ports))]) {
    const wall = make();
    runs.set(wall, new TestRuns(wall, 'xdp'));
  }
});
afterAll(() => {
  for (const [wall, run] of runs) {
    run.close();
    wall.close();
  }
});
beforeEach(() => {
  for (const wall of [a, b]) {
    wall.reset({}, planOf(CAMPUS));
  }
  clearClosed();
  a.setStandby(false, EPOCH, true);
  b.setStandby(true, EPOCH, true);
  fromA?.close();
  fromA = new Told(a);
});
afterAll(() => fromA?.close());

function clearClosed(): void {
  for (const wall of [a, b]) {
    const map = wall.map('closed_buckets');
    const { maxEntries } = map.info;
    const keys = Buffer.alloc(4 * maxEntries);
    for (let i = 0; i < maxEntries; i++) keys.writeUInt32LE(i, 4 * i);
    map.updateBatch(keys, Buffer.alloc(8 * maxEntries), maxEntries);
  }
}

function send(wall: TestWall, ...steps: FrameStep[]): void {
  const problems = steps.flatMap((step) => runs.get(wall)!.send(step));
  expect(problems).toEqual([]);
}

function sum(all: readonly Imported[]): Imported {
  const sums = { ...NOTHING };
  for (const one of all) {
    for (const key of Object.keys(sums) as (keyof Imported)[]) sums[key] += one[key];
  }
  return sums;
}

const take = (wall: TestWall, kind: ChangeKind, bytes: Uint8Array, epoch = EPOCH) =>
  importRecords(wall.dataplane, kind, epoch, bytes);

/** Everything that was told, in the order in which it came. */
const takeAll = (wall: TestWall, told: Told) =>
  sum(told.batches.splice(0).map(({ kind, bytes }) => take(wall, kind, bytes)));

async function takenFrom(told: Told, kind: ChangeKind, count: number): Promise<Imported> {
  await told.until((t) => t.count(kind) >= count);
  return takeAll(b, told);
}

/** What both walls should agree on. */
const known4 = (wall: TestWall) =>
  liveStates(wall)
    .filter(({ established }) => established)
    .map(({ proto, src, dst, sport, dport, phase, vlan }) => ({
      ...{ proto, src, dst, sport, dport, phase, vlan },
    }));

/** The other node takes over, with all that it was told. */
function takeOver(wall: TestWall, knownUntil = 0n): void {
  adoptAll(wall.dataplane, new Cell(wall.map('cell')), knownUntil);
  wall.setStandby(false, EPOCH + 1, true);
  send(wall, ...known(mail, www, stranger, mail6, stranger6));
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('changes', () => {
  it('are told once a connection is open, and once it is over, and not before', async () => {
    send(a, ...known(mail, www, stranger, mail6, stranger6));
    send(a, forwarded(segment(stranger, mail, 9, 25, 'S'), mail));
    send(a, ...handshake(stranger, mail, 1, 25), ...handshake(stranger6, mail6, 2, 25));
    await fromA.until((t) => t.count('states4') >= 1 && t.count('states') >= 1);
    expect(CHANGE_KINDS.map((kind) => fromA.count(kind))).toEqual([0, 1, 1, 0, 0]);
    expect(takeAll(b, fromA)).toEqual({ ...NOTHING, added: 2 });
    expect(known4(b)).toEqual(expect.arrayContaining(known4(a)));
    expect(known4(b)).toHaveLength(2);

    send(
      a,
      forwarded(segment(stranger, mail, 1, 25, 'FA'), mail),
      forwarded(segment(mail, stranger, 25, 1, 'FA', { ack: 1002 }), stranger),
      forwarded(segment(stranger, mail, 1, 25, 'A', { seq: 1002, ack: 1002 }), mail),
    );
    expect(known4(a).find(({ sport }) => sport === 1)?.phase).toBe('time-wait');
    expect(await takenFrom(fromA, 'ends4', 1)).toEqual({ ...NOTHING, ended: 1 });
    expect(known4(b)).toEqual(expect.arrayContaining(known4(a)));
    expect(changesLost(a.dataplane)).toBe(0);
  });

  it('are not told by a standby, nor by a node without a peer', async () => {
    a.setStandby(false, EPOCH, false);
    send(a, ...known(mail, stranger), ...handshake(stranger, mail, 1, 25));
    await sleep(50);
    expect(fromA.batches).toEqual([]);
  });
});

describe('a takeover', () => {
  it('goes on with connections, and is strict after the first segment of an end', async () => {
    send(a, ...known(mail, www, stranger), ...handshake(stranger, mail, 1, 25));
    await takenFrom(fromA, 'states4', 1);
    send(b, dropped(segment(stranger, mail, 1, 25, 'A'), 'standby'));
    takeOver(b);
    // The connection went on by 5 MB before the other node fell silent.
    const moved = 5_000_000;
    send(
      b,
      forwarded(segment(stranger, mail, 1, 25, 'A', { seq: 1001 + moved, ack: 1001 }), mail),
      forwarded(segment(mail, stranger, 25, 1, 'A', { seq: 1001, ack: 1001 + moved }), stranger),
      dropped(
        segment(stranger, mail, 1, 25, 'A', { seq: 1 + 2 ** 31, ack: 1001 }),
        'out-of-window',
      ),
      dropped(
        segment(mail, stranger, 25, 1, 'A', { seq: 1 + 2 ** 31, ack: 1001 }),
        'out-of-window',
      ),
      dropped(segment(mail, stranger, 25, 1, 'R', { seq: 77_000_000 }), 'out-of-window'),
    );
  });

  it('believes nothing of who was silent that lies behind what was told', async () => {
    send(a, ...known(mail, www, stranger), ...handshake(stranger, mail, 1, 25));
    await takenFrom(fromA, 'states4', 1);
    takeOver(b, 1n << 40n);
    const behind = 2 ** 32 + 1001 - 2 ** 30 - 10;
    const first = [
      dropped(segment(stranger, mail, 1, 25, 'A', { seq: behind }), 'out-of-window'),
      dropped(segment(stranger, mail, 1, 25, 'A', { ack: 2 ** 32 - 70_000 }), 'out-of-window'),
      dropped(segment(mail, stranger, 25, 1, 'A', { seq: behind }), 'out-of-window'),
    ];
    // Who only asks is told of the windows as they were: the segment itself makes them hints.
    const problems = first.flatMap((step) => runs.get(b)!.send(step));
    expect(problems.filter((text) => !text.startsWith('explain'))).toEqual([]);
    // It may have spoken after that was told.
    send(
      b,
      forwarded(segment(stranger, mail, 1, 25, 'A', { seq: 50_001 }), mail),
      forwarded(segment(mail, stranger, 25, 1, 'A', { ack: 50_001 }), stranger),
      dropped(segment(stranger, mail, 1, 25, 'A', { seq: 1 + 2 ** 30 }), 'out-of-window'),
    );
  });

  describe('beside a node that is active all the same', () => {
    /** Both pass frames; `moved`: bytes of the one end that only `b` has seen. */
    const besides = async (moved: number) => {
      send(a, ...known(mail, www, stranger), ...handshake(stranger, mail, 1, 25));
      await takenFrom(fromA, 'states4', 1);
      takeOver(b);
      const seen = { seq: 1001 + moved, ack: 1001 };
      send(b, forwarded(segment(stranger, mail, 1, 25, 'A', seen), mail));
      take(a, 'states', await collect(tellBuckets(b.dataplane, whole(b))), EPOCH + 1);
    };

    it('is not believed what it supposes of an end that has not spoken there', async () => {
      await besides(0);
      send(
        a,
        forwarded(segment(mail, stranger, 25, 1, 'A', { seq: 1001, ack: 1001 }), stranger),
        forwarded(segment(stranger, mail, 1, 25, 'A', { seq: 1001, ack: 1001 }), mail),
        dropped(segment(mail, stranger, 25, 1, 'A', { seq: 1 + 2 ** 31 }), 'out-of-window'),
      );
    });

    it('does not lose what went on there', async () => {
      const moved = 5_000_000;
      await besides(moved);
      send(
        a,
        forwarded(segment(mail, stranger, 25, 1, 'A', { seq: 1001, ack: 1001 + moved }), stranger),
        forwarded(segment(stranger, mail, 1, 25, 'A', { seq: 1001 + moved, ack: 1001 }), mail),
        dropped(segment(stranger, mail, 1, 25, 'A', { seq: 1 + 2 ** 31 }), 'out-of-window'),
      );
    });
  });

  it('cuts what the policy of that node does not allow', async () => {
    send(a, ...known(mail, www, stranger), ...handshake(stranger, mail, 1, 25));
    await takenFrom(fromA, 'states4', 1);
    b.install(planOf('apiVersion: bridgewall/v1\nhosts: {mail: {addresses: [192.0.2.25]}}\n'));
    takeOver(b);
    send(b, dropped(segment(stranger, mail, 1, 25, 'A'), 'no-in'));
    expect(known4(b)).toEqual([]);
  });
});

describe('a connection that a helper expected', () => {
  const FTP = `
apiVersion: bridgewall/v1
hosts:
  mail: {addresses: [192.0.2.25], in: {21/tcp: {from: any, helper: ftp}}}
`;
  const data = (flags: string) => segment(stranger, mail, 50001, 50000, flags);

  async function opened(): Promise<void> {
    for (const wall of [a, b]) wall.reset({ detour: true }, planOf(FTP));
    clearClosed();
    a.setStandby(false, EPOCH, true);
    b.setStandby(true, EPOCH, true);
    send(
      a,
      ...known(mail, stranger),
      detoured(segment(stranger, mail, 40000, 21, 'S')),
      detoured(segment(mail, stranger, 21, 40000, 'SA')),
      detoured(segment(stranger, mail, 40000, 21, 'A')),
    );
    const ends = { client: stranger.ip, server: mail.ip, sport: 40000, dport: 21, proto: 6 };
    const expected = { from: stranger.ip, sport: null, to: mail.ip, dport: 50000, proto: 6 };
    writeExpectation(a, { master: ends, ...expected }, a.jiffies(300));
    send(a, ...handshake(stranger, mail, 50001, 50000));
    await fromA.until((t) => t.count('states4') >= 2 && t.count('children') >= 1);
  }

  it('goes on, for it is told for whose sake it is accepted', async () => {
    await opened();
    expect(fromA.count('children')).toBe(1);
    takeAll(b, fromA);
    takeOver(b);
    send(
      b,
      forwarded(data('A'), mail),
      forwarded(segment(mail, stranger, 50000, 50001, 'A'), stranger),
    );
  });

  it('goes on after a repair as well', async () => {
    await opened();
    take(b, 'children', await collect(tellChildren(a.dataplane)));
    take(b, 'states', await collect(tellBuckets(a.dataplane, whole(a))));
    takeOver(b);
    send(b, forwarded(data('A'), mail));
  });

  it('would end if that were not told', async () => {
    await opened();
    take(b, 'states', await collect(tellBuckets(a.dataplane, whole(a))));
    takeOver(b);
    send(b, dropped(data('A'), 'no-in'));
  });
});

describe('records in any order', () => {
  it('move nothing back, and bring nothing back to life', async () => {
    send(a, ...known(mail, www, stranger), ...handshake(stranger, mail, 1, 25));
    a.setClock(1);
    send(a, forwarded(segment(stranger, mail, 1, 25, 'FA'), mail));
    await fromA.until((t) => t.count('states4') >= 1);
    const opened = fromA.batches.splice(0)[0]!.bytes;
    const closing = await collect(tellBuckets(a.dataplane, whole(a)));
    a.setClock(2);
    send(a, forwarded(segment(mail, stranger, 25, 1, 'RA', { seq: 1001, ack: 1002 }), stranger));
    await fromA.until((t) => t.count('ends4') >= 1);
    const over = fromA.batches.splice(0)[0]!.bytes;
    b.setClock(2);
    const told: [ChangeKind, Uint8Array][] = [
      ['states4', opened],
      ['states', closing],
      ['ends4', over],
    ];
    for (const order of permutations(told)) {
      b.reset({}, planOf(CAMPUS));
      clearClosed();
      b.setStandby(true, EPOCH, true);
      b.setClock(2);
      let ended = false;
      for (const [kind, bytes] of [...order, ...order]) {
        take(b, kind, bytes);
        ended ||= kind === 'ends4';
        const phases = known4(b).map(({ phase }) => phase);
        if (ended)
          expect(phases, JSON.stringify(order.map(([k]) => k))).not.toContain('established');
        if (ended) expect(phases).not.toContain('fin-wait');
      }
    }
  });

  it('do not let an earlier connection take the place of a later one', async () => {
    send(a, ...known(mail, www, stranger), ...handshake(stranger, mail, 1, 25));
    await fromA.until((t) => t.count('states4') >= 1);
    const first = fromA.batches.splice(0)[0]!.bytes;
    a.setClock(1);
    send(a, forwarded(segment(mail, stranger, 25, 1, 'RA', { seq: 1001, ack: 1001 }), stranger));
    await fromA.until((t) => t.count('ends4') >= 1);
    const over = fromA.batches.splice(0)[0]!.bytes;
    a.setClock(3);
    send(
      a,
      forwarded(segment(stranger, mail, 1, 25, 'S', { seq: 70_000 }), mail),
      forwarded(segment(mail, stranger, 25, 1, 'SA', { seq: 90_000, ack: 70_001 }), stranger),
      forwarded(segment(stranger, mail, 1, 25, 'A', { seq: 70_001, ack: 90_001 }), mail),
    );
    await fromA.until((t) => t.count('states4') >= 1);
    const second = fromA.batches.splice(0)[0]!.bytes;
    b.setClock(3);
    expect(take(b, 'states4', second)).toMatchObject({ added: 1 });
    expect(take(b, 'states4', first)).toMatchObject({ stale: 1 });
    expect(take(b, 'ends4', over)).toMatchObject({ stale: 1 });
    expect(known4(b)).toEqual(known4(a));
  });

  it('that make no sense change nothing', () => {
    for (const kind of CHANGE_KINDS) {
      const bytes = Buffer.alloc(KINDS[kind].size * 100, 0xa5);
      expect(take(b, kind, bytes)).toEqual({ ...NOTHING, bad: 100 });
      expect(take(b, kind, Buffer.alloc(bytes.length))).toEqual({ ...NOTHING, bad: 100 });
      expect(() => take(b, kind, bytes.subarray(1))).toThrow(RangeError);
    }
    expect(liveRecords(b)).toEqual([]);
  });
});

const whole = (wall: TestWall, buckets: Uint8Array = ALL) => ({
  until: bornBefore(wall.dataplane, EPOCH, 0),
  buckets,
});

function permutations<T>(all: readonly T[]): T[][] {
  if (all.length < 2) return [[...all]];
  return all.flatMap((one, i) =>
    permutations(all.filter((_, j) => j !== i)).map((rest) => [one, ...rest]),
  );
}

describe('digests', () => {
  it('find what was lost, and buckets that are told again are equal afterwards', async () => {
    send(a, ...known(mail, www, stranger, mail6, stranger6));
    for (let port = 1; port <= 200; port++) {
      send(a, ...handshake(stranger, mail, port, 25));
      if (port % 4 === 0) send(a, ...handshake(stranger6, mail6, port, 25));
    }
    const { until } = whole(a);
    await fromA.until((t) => t.count('states4') >= 200 && t.count('states') >= 50);
    const batches = fromA.batches.splice(0);
    for (const { kind, bytes } of batches) {
      // Every second one is lost.
      const { size } = KINDS[kind];
      for (let from = 0; from < bytes.length; from += 2 * size) {
        take(b, kind, bytes.subarray(from, from + size));
      }
    }
    const lost = difference(
      (await digestsOf(a.dataplane, until)).bytes,
      (await digestsOf(b.dataplane, until)).bytes,
    );
    expect(lost.count).toBeGreaterThan(50);
    const told = await collect(tellBuckets(a.dataplane, { until, buckets: lost.buckets }));
    expect(told.length / KINDS.states.size).toBeLessThan(200);
    expect(take(b, 'states', told).added).toBeGreaterThan(90);
    const after = difference(
      (await digestsOf(a.dataplane, until)).bytes,
      (await digestsOf(b.dataplane, until)).bytes,
    );
    expect(after.count).toBe(0);
    expect(known4(b)).toHaveLength(250);
  });

  it('find what should not be there, and it goes', async () => {
    send(a, ...known(mail, www, stranger), ...handshake(stranger, mail, 1, 25));
    await takenFrom(fromA, 'states4', 1);
    send(a, ...handshake(stranger, mail, 2, 25));
    const { until } = whole(a);
    const told = await collect(tellBuckets(a.dataplane, whole(a)));
    take(b, 'states', told);
    for (const { keys } of a.map('established').entries(1)) {
      a.map('established').delete(keys.subarray(0, layouts.stateKey.size));
      break;
    }
    const extra = difference(
      (await digestsOf(a.dataplane, until)).bytes,
      (await digestsOf(b.dataplane, until)).bytes,
    );
    expect(extra.count).toBe(1);
    expect(await dropBuckets(b.dataplane, { until, buckets: extra.buckets })).toBeGreaterThan(0);
    take(b, 'states', await collect(tellBuckets(a.dataplane, { until, buckets: extra.buckets })));
    const after = difference(
      (await digestsOf(a.dataplane, until)).bytes,
      (await digestsOf(b.dataplane, until)).bytes,
    );
    expect(after.count).toBe(0);
  });

  it('heed nothing that began later', async () => {
    send(a, ...known(mail, www, stranger), ...handshake(stranger, mail, 1, 25));
    const { until } = whole(a);
    const before = (await digestsOf(a.dataplane, until)).bytes;
    a.setClock(1);
    send(a, ...handshake(stranger, mail, 2, 25));
    expect(difference(before, (await digestsOf(a.dataplane, until)).bytes).count).toBe(0);
    const now = bornBefore(a.dataplane, EPOCH, 0);
    expect(difference(before, (await digestsOf(a.dataplane, now)).bytes).count).toBe(1);
  });
});

describe('what moves', () => {
  it('is told with how long ago, by whichever clock', async () => {
    send(a, ...known(mail, www, stranger), ...handshake(stranger, mail, 1, 25));
    send(a, ...handshake(stranger, mail, 2, 25));
    a.setClock(100);
    send(a, ...known(mail, stranger), forwarded(segment(stranger, mail, 1, 25, 'A'), mail));
    a.setClock(103);
    const since = a.jiffies(99);
    const told = await collect(tellMoved(a.dataplane, whole(a).until, since));
    expect(told.length).toBe(KINDS.states.size);
    b.setClock(5000);
    take(b, 'states', told);
    const [record] = liveRecords(b);
    const idle = Number(b.jiffies(5000) - record!.state.seen) / b.hz;
    expect(idle).toBeCloseTo(3, 1);
  });

  it('has the age that it has, once it is known when that clock began', async () => {
    a.setClock(50);
    send(a, ...known(mail, www, stranger), ...handshake(stranger, mail, 1, 25));
    await fromA.until((t) => t.count('states4') >= 1);
    b.setClock(5000);
    takeAll(b, fromA);
    noteBirthday(b.dataplane, { epoch: EPOCH, offset: b.jiffies(5000) - a.jiffies(50) });
    b.setClock(5010);
    const [record] = liveRecords(b);
    expect(Number(b.jiffies(5010) - record!.state.born) / b.hz).toBeCloseTo(10, 1);
    expect(record!.state.word & StateBits.PHASE).toBe(Phase.ESTABLISHED);
  });
});
