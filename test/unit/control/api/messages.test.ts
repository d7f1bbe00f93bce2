import { expect, test } from 'vitest';
import {
  decodeApply,
  decodeCounters,
  decodeDifference,
  decodeEntry,
  decodeEvent,
  decodeExplain,
  decodeFilter,
  decodeMember,
  decodePort,
  decodeRecord,
  decodeRows,
  decodeSession,
  decodeStatus,
} from '../../../../src/control/api/decode.js';
import { apiDefinition } from '../../../../src/control/api/definition.js';
import {
  encodeApply,
  encodeCounters,
  encodeDifference,
  encodeEntry,
  encodeEvent,
  encodeExplain,
  encodeFilter,
  encodeMember,
  encodePort,
  encodeRecord,
  encodeRows,
  encodeSession,
  encodeState,
  encodeStatus,
} from '../../../../src/control/api/encode.js';
import type { NodeEvent } from '../../../../src/control/events.js';
import type { StateEntry__Output } from '../../../../src/generated/proto/bridgewall/v1/StateEntry.js';
import { fc } from '../../../chance.js';

const { v1 } = apiDefinition();

interface Wire<In, Out> {
  serialize(value: In): Buffer;
  deserialize(bytes: Buffer): Out;
}

/** Whatever goes over the wire arrives as it was. */
function roundTrip<Shape, In, Out>(
  shapes: fc.Arbitrary<Shape>,
  wire: Wire<In, Out>,
  encode: (shape: Shape) => In,
  decode: (message: Out) => Shape,
): void {
  fc.assert(
    fc.property(shapes, (shape) => {
      expect(decode(wire.deserialize(wire.serialize(encode(shape))))).toEqual(shape);
    }),
  );
}

const text = fc.string({ unit: 'grapheme' });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
const counter = fc.maxSafeNat();
const u32 = fc.nat({ max: 0xffffffff });
const seconds = fc.double({ min: 0, max: 1e9, noNaN: true }).map((s) => s + 0);
const side = fc.constantFrom('uplink' as const, 'inside' as const);
const verdict = fc.constantFrom('accept' as const, 'drop' as const);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value);
const dictionary = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.dictionary(name, value, { noNullPrototype: true });

const rule = fc.record({
  id: text,
  host: text,
  direction: fc.constantFrom('in', 'out', 'transit', 'deny'),
  service: text,
  peers: text,
  options: text,
  file: text,
  line: u32,
});
const totals = fc.record({
  rx: counter,
  forwarded: counter,
  passed: counter,
  answered: counter,
  txFailed: counter,
  dropped: dictionary(counter),
  logSuppressed: counter,
  logLost: counter,
  outOfWindowPassed: counter,
  pickedUp: counter,
  sessionsLost: counter,
});
const attach = fc.record({ port: text, side, mode: text, why: text });

const confirmation = fc.record({ deadline: seconds, fallback: u32 });
const caller = fc.record({ user: text, uid: maybe(u32) });
const change = fc.record({
  kind: fc.constantFrom('added' as const, 'removed' as const, 'changed' as const),
  before: maybe(rule),
  after: maybe(rule),
});

const packet = fc.record({
  kind: fc.constantFrom('opened' as const, 'closed' as const),
  direction: fc.constantFrom('in' as const, 'out' as const, 'transit' as const),
  host: text,
  services: fc.array(text),
  peers: fc.array(text),
  to: fc.array(text),
});

test('apply', () => {
  const shapes = fc.record({
    generation: u32,
    digest: text,
    installed: fc.boolean(),
    differs: fc.boolean(),
    changes: fc.array(change),
    limits: fc.array(fc.record({ what: text, before: text, after: text })),
    bindings: fc.array(fc.record({ host: text, before: text, after: text })),
    packets: fc.array(packet),
    packetsMore: u32,
    warnings: fc.array(
      fc.record({
        message: text,
        position: fc.record({ file: text, line: u32, column: u32 }),
      }),
    ),
    rules: u32,
    hosts: u32,
    statesCut: counter,
    confirm: maybe(confirmation),
  });
  roundTrip(shapes, v1.ApplyResponse, encodeApply, decodeApply);
});

test('explain', () => {
  const shapes = fc.record({
    verdict,
    reason: text,
    explanation: text,
    limit: text,
    port: text,
    vlan: fc.array(u32),
    rules: fc.record({
      out: maybe(rule),
      in: maybe(rule),
      transit: maybe(rule),
      deny: maybe(rule),
    }),
    state: maybe(fc.record({ phase: text })),
  });
  roundTrip(shapes, v1.ExplainResponse, encodeExplain, decodeExplain);
});

test('status', () => {
  const shapes = fc.record({
    node: text,
    role: text,
    mode: text,
    generation: u32,
    policy: maybe(fc.record({ digest: text, rules: u32, hosts: u32 })),
    attach: fc.array(attach),
    states: fc.record({ pending: counter, established: counter, max: counter }),
    counters: totals,
    sync: maybe(
      fc.record({
        peer: text,
        connected: fc.boolean(),
        lagMs: seconds,
        digestsMatch: fc.boolean(),
        queue: counter,
        lost: counter,
        policyMatches: fc.boolean(),
        policyPending: text,
        setsMatch: fc.boolean(),
        told: fc.record({
          ...{ added: counter, moved: counter, ended: counter, stale: counter },
          ...{ full: counter, bad: counter, bytes: counter },
        }),
        repair: maybe(fc.record({ added: counter, dropped: counter, bytes: counter, ms: counter })),
      }),
    ),
    confirm: maybe(confirmation),
    alarms: fc.array(fc.record({ kind: text, message: text, since: text })),
  });
  roundTrip(shapes, v1.StatusResponse, encodeStatus, decodeStatus);
});

test('history', () => {
  const shapes = fc.record({
    generation: u32,
    at: text,
    who: caller,
    why: text,
    digest: text,
    rules: u32,
    file: text,
    current: fc.boolean(),
    confirmed: fc.boolean(),
    origin: fc.record({ epoch: u32, generation: u32, node: text }),
    received: fc.boolean(),
  });
  roundTrip(shapes, v1.HistoryEntry, encodeEntry, decodeEntry);
});

test('the difference of two generations', () => {
  const policy = fc.record({ generation: u32, file: text, digest: text, text });
  const shapes = fc.record({
    from: policy,
    to: policy,
    differs: fc.boolean(),
    changes: fc.array(change),
    limits: fc.array(fc.record({ what: text, before: text, after: text })),
    bindings: fc.array(fc.record({ host: text, before: text, after: text })),
  });
  roundTrip(shapes, v1.DiffResponse, encodeDifference, decodeDifference);
});

test('events of any kind', () => {
  const value = fc.oneof(text, fc.boolean(), fc.double({ noNaN: true }));
  const field = name.filter((each) => each !== 'ts' && each !== 'event');
  const shapes = fc
    .tuple(text, text, fc.dictionary(field, value, { noNullPrototype: true }))
    .map(([ts, event, fields]) => ({ ...fields, ts, event }) as NodeEvent);
  roundTrip(shapes, v1.Event, encodeEvent, decodeEvent);
});

test('counters', () => {
  const shapes = fc.record({
    total: totals,
    ports: dictionary(totals),
    rules: fc.array(
      fc.record({
        rule,
        packets: counter,
        bytes: counter,
        connections: counter,
        idle: maybe(seconds),
      }),
    ),
    reasons: dictionary(text),
  });
  const encode = (c: Parameters<typeof encodeCounters>[0]) =>
    encodeCounters(c, { rules: true, port: '' });
  roundTrip(shapes, v1.CountersResponse, encode, decodeCounters);
});

const traffic = fc.record({ packets: counter, bytes: counter });

test('sessions', () => {
  const shapes = fc.record({
    ...{ ts: text, start: text, reason: text, proto: text, src: text, dst: text },
    event: fc.constantFrom('session-start' as const, 'session-end' as const),
    ...{ sport: fc.nat(65535), dport: fc.nat(65535), seconds },
    vlan: fc.array(fc.nat(4095), { maxLength: 2 }),
    ...{ sent: traffic, received: traffic },
    rules: fc.record({ out: maybe(rule), in: maybe(rule), transit: maybe(rule) }),
  });
  roundTrip(shapes, v1.SessionRecord, encodeSession, decodeSession);
});

test('states and filters', () => {
  const shapes = fc.record({
    proto: text,
    src: text,
    sport: fc.nat(65535),
    dst: text,
    dport: fc.nat(65535),
    vlan: fc.array(fc.nat(4095), { maxLength: 2 }),
    phase: text,
    pickedUp: fc.boolean(),
    age: seconds,
    idle: seconds,
    timeout: seconds,
    rules: fc.record({ out: maybe(text), in: maybe(text), transit: maybe(text) }),
    sent: maybe(traffic),
    received: maybe(traffic),
  });
  roundTrip(shapes, v1.StateEntry, encodeState, (message: StateEntry__Output) => {
    const { rules } = message;
    const [out, into, transit] = [rules?.out ?? null, rules?.in ?? null, rules?.transit ?? null];
    return { ...message, rules: { out, in: into, transit } };
  });
  const rows = fc.record({
    rows: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    rules: fc.array(fc.record({ slot: u32, id: text })),
    phases: fc.array(text),
  });
  roundTrip(rows, v1.StateDumpResponse, encodeRows, decodeRows);
  const [port, time] = [fc.nat(65535), seconds];
  const filters = fc.record(
    {
      ...{ proto: text, address: text, port, host: text, phase: text, vlan: port },
      ...{ src: text, dst: text, sport: port, dport: port, family: fc.nat(9) },
      ...{ direction: text, rule: text, older: time, younger: time, idle: time, expires: time },
    },
    { requiredKeys: [] },
  );
  roundTrip(filters, v1.StatesRequest, encodeFilter, decodeFilter);
});

test('ports, members and log records', () => {
  const ports = fc.record({
    name: text,
    side,
    ifindex: u32,
    mac: text,
    mtu: u32,
    carrier: fc.boolean(),
    stp: text,
    mode: text,
    why: text,
    macs: u32,
    counters: totals,
  });
  roundTrip(ports, v1.PortInfo, encodePort, decodePort);
  const members = fc.record({ address: text, ttl: maybe(seconds) });
  roundTrip(members, v1.SetMember, encodeMember, decodeMember);
  const records = fc.record({
    ts: text,
    verdict,
    reason: text,
    explanation: text,
    proto: text,
    src: text,
    sport: fc.nat(65535),
    dst: text,
    dport: fc.nat(65535),
    icmpType: maybe(fc.nat(255)),
    port: text,
    vlan: fc.array(fc.nat(4095), { maxLength: 2 }),
    srcMac: text,
    dstMac: text,
    length: u32,
    rule: maybe(rule),
  });
  roundTrip(records, v1.LogRecord, encodeRecord, decodeRecord);
});
