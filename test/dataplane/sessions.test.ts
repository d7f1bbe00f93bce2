/** Connections that are told of: what begins, what ends and why, and what either end has sent. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RingBuffers } from '../../native/lib/index.js';
import {
  describeSession,
  readSessions,
  sessionStats,
  sweepSessions,
} from '../../src/control/dataplane/sessions.js';
import type { RuleRef, SessionRecord } from '../../src/control/service.js';
import { udp } from '../packet/index.js';
import {
  at,
  dropped,
  type Endpoint,
  forwarded,
  handshake,
  known,
  mail,
  packet,
  segment,
  stranger,
  tagged,
  www,
} from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import type { FrameStep } from './fixtures/types.js';
import { TcHook } from './harness/hooks.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { liveRecords } from './harness/states.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

const SMTP = 25;
const HTTP = 80;
const QUIC = 443;
const MOST = 64;
const POLICY = CAMPUS.replace(
  '25/tcp: {from: any, id: mail-smtp}',
  '25/tcp: {from: any, id: mail-smtp, log: session}',
).replace('443/udp: {from: any, id: www-quic}', '443/udp: {from: any, id: www-quic, log: session}');
const CUT = POLICY.replace('25/tcp: {from: any', '25/tcp: {from: partners');

let wall: TestWall;
let runner: TestRuns;
let reader: RingBuffers;
let records: SessionRecord[] = [];

beforeAll(() => {
  wall = new TestWall(layCables(), { sizes: { sessions: MOST } });
  runner = new TestRuns(wall, 'xdp');
  const ruleOf = (slot: number) =>
    slot === 0 ? null : ({ id: wall.ruleId(slot) } as unknown as RuleRef);
  reader = readSessions(wall.dataplane, (decode) => {
    const now = { jiffies: wall.dataplane.clock.now(), ms: 0 };
    for (const record of decode())
      records.push(describeSession(record, now, wall.dataplane.clock, ruleOf));
  });
});
afterAll(() => {
  reader.close();
  runner.close();
  wall.close();
});

let time = 0;
beforeEach(async () => {
  wall.reset({}, planOf(POLICY));
  time = 1;
  wall.setClock(time);
  send(...known(stranger, mail, www));
});

const send = (...steps: FrameStep[]) =>
  expect(steps.flatMap((step) => runner.send(step))).toEqual([]);

function later(seconds: number): void {
  time += seconds;
  wall.setClock(time);
}

/** What a pass has to tell. */
async function told(): Promise<SessionRecord[]> {
  later(0.1);
  records = [];
  await sweepSessions(wall.dataplane);
  await sleep(60);
  return records;
}

const mailed = (sport: number, from: Endpoint = stranger, to: Endpoint = mail) =>
  handshake(from, to, sport, SMTP);
const reasons = (list: readonly SessionRecord[]) =>
  list.map(({ event, sport, reason }) => [event.slice(8), sport, reason].join(' ').trimEnd());

describe('a session', () => {
  it('begins with its opening packet, and ends when both ends have closed', async () => {
    send(...mailed(1000));
    const [start, ...more] = await told();
    expect(more).toEqual([]);
    expect(start).toMatchObject({
      event: 'session-start',
      proto: 'tcp',
      src: stranger.ip,
      sport: 1000,
      dst: mail.ip,
      dport: SMTP,
      vlan: [],
      reason: '',
      rules: { out: null, in: { id: 'mail-smtp' }, transit: null },
    });
    later(5);
    send(
      forwarded(segment(stranger, mail, 1000, SMTP, 'FA'), mail),
      forwarded(segment(mail, stranger, SMTP, 1000, 'FA', { ack: 1002 }), stranger),
      forwarded(segment(stranger, mail, 1000, SMTP, 'A', { seq: 1002, ack: 1002 }), mail),
    );
    const [end, ...others] = await told();
    expect(others).toEqual([]);
    expect(end).toMatchObject({ event: 'session-end', reason: 'closed', sport: 1000 });
    expect([end!.sent.packets, end!.received.packets]).toEqual([4, 2]);
    expect(end!.seconds).toBeGreaterThanOrEqual(5);
    expect(Date.parse(end!.ts) - Date.parse(end!.start)).toBeGreaterThanOrEqual(4990);
    // Told once, also when the state is gone.
    later(200);
    expect(await told()).toEqual([]);
    const { opened, ended } = sessionStats(wall.dataplane);
    expect(opened).toBe(ended);
  });

  it('counts what either end sent, and aggregated frames as their segments', async () => {
    send(...mailed(1001));
    const hook = new TcHook(wall);
    const { from, frame } = segment(stranger, mail, 1001, SMTP, 'PA', {
      data: 'x'.repeat(3000),
    });
    hook.run(from.port, frame, { gsoSegs: 3, gsoSize: 1000 });
    hook.close();
    const [state] = liveRecords(wall);
    const sent = state!.sent.reduce((sum, { packets }) => sum + Number(packets), 0);
    expect(sent).toBe(3 + 3);
    later(500_000);
    const end = (await told()).at(-1)!;
    expect([end.reason, end.sent.packets, end.received.packets]).toEqual(['expired', 5, 1]);
    const headers = frame.length - 3000;
    const opening = 2 * frame.length - 2 * 3000;
    expect(end.sent.bytes).toBe(opening + 3000 + 3 * headers);
  });

  it('is told to be half-open, answered or not, and of whom a rule does not ask it is not', async () => {
    const ask = packet(stranger, www, udp({ sport: 1002, dport: QUIC }));
    send(forwarded(ask, www), ...handshake(stranger, www, 1003, HTTP));
    expect(reasons(await told())).toEqual(['start 1002']);
    later(31);
    expect(reasons(await told())).toEqual(['end 1002 expired']);
    expect(liveRecords(wall).map(({ sent }) => sent[0]!.packets + sent[1]!.packets)).toEqual([0n]);
  });

  it('bears its tags', async () => {
    const ends = [tagged(stranger, 10), tagged(mail, 10)] as const;
    send(...known(...ends), ...mailed(1004, ...ends));
    expect(await told()).toMatchObject([{ vlan: [10], sport: 1004 }]);
  });

  it('says who ended it', async () => {
    send(...mailed(1010), ...mailed(1011), ...mailed(1012), ...mailed(1013));
    expect(await told()).toHaveLength(4);
    send(forwarded(segment(mail, stranger, SMTP, 1010, 'RA'), stranger));
    await wall.passes.kill({ either: { port: 1011 } });
    wall.install(planOf(CUT));
    send(dropped(segment(stranger, mail, 1012, SMTP, 'PA', { data: 'x' }), 'no-in'));
    await wall.passes.cut();
    expect(reasons(await told()).sort()).toEqual([
      'end 1010 reset',
      'end 1011 killed',
      'end 1012 cut',
      'end 1013 cut',
    ]);
  });

  it('gives way to the next of the same ends', async () => {
    send(...mailed(1020));
    send(forwarded(segment(mail, stranger, SMTP, 1020, 'RA'), stranger));
    later(1);
    send(...mailed(1020));
    expect(reasons(await told()).sort()).toEqual(['end 1020 reset', 'start 1020', 'start 1020']);
    later(500_000);
    expect(reasons(await told())).toEqual(['end 1020 expired']);
  });

  it('of which there is no room is counted as lost, and let through', async () => {
    const before = sessionStats(wall.dataplane).lost;
    for (let i = 0; i < MOST + 40; i++) {
      send(...mailed(2000 + i, at(stranger, `203.0.113.${i + 10}`)).slice(0, 1));
    }
    expect(sessionStats(wall.dataplane).lost - before).toBeGreaterThanOrEqual(40);
    expect(liveRecords(wall)).toHaveLength(MOST + 40);
  });
});

describe('state.counters', () => {
  it('counts every connection and tells of none', async () => {
    wall.setNode({ counters: true });
    send(...handshake(stranger, www, 3000, HTTP));
    expect(await told()).toEqual([]);
    const [state] = liveRecords(wall);
    expect(state!.sent.map(({ packets }) => packets).sort()).toEqual([1n, 2n]);
    later(500_000);
    expect(await told()).toEqual([]);
    const { opened, ended } = sessionStats(wall.dataplane);
    expect(opened).toBe(ended);
  });
});
