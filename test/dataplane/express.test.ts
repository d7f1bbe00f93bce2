/** Which frames go the short way (bpf/express.h): those of plain connections, and nothing that the whole walk has to see. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { udp } from '../packet/index.js';
import {
  datagram,
  dropped,
  forwarded,
  handshake,
  known,
  mail,
  packet,
  packetWith,
  policy,
  type SegmentOptions,
  type Sending,
  segment,
  stranger,
  stranger6,
  tagged,
  www,
  www6,
} from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import type { FrameStep, NodeOptions, Step } from './fixtures/types.js';
import { runFixture } from './harness/fixture-run.js';
import type { Hook } from './harness/hooks.js';
import { layCables } from './harness/network.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

/** Only the whole walk says where a frame comes from and goes to: first of all that is in its scratch. */
const ENDS_BYTES = 32;
const MARK = 0xa5;
/** Ways are remembered by each CPU for itself, and the thread may have gone to another one. */
const TRIES = 8;

let wall: TestWall;
let runners: Record<Hook, TestRuns>;

beforeAll(() => {
  wall = new TestWall(layCables());
  runners = { xdp: new TestRuns(wall, 'xdp'), tc: new TestRuns(wall, 'tc') };
});

afterAll(() => {
  for (const one of Object.values(runners)) one.close();
  wall.close();
});

/** Sends through that hook what went before, then the frame; returns whether it went the short way. */
function isExpress(hook: Hook, { before, node, last }: Story): boolean {
  const runner = runners[hook];
  const fixture = { name: 'before', policy: CAMPUS, steps: before, ...(node && { node }) };
  expect(runFixture(runner, fixture).problems).toEqual([]);
  const walks = wall.map('walks');
  walks.update(Buffer.alloc(4), Buffer.alloc(walks.lookup(Buffer.alloc(4))!.length, MARK));
  expect(runner.send(last)).toEqual([]);
  // On which CPU the frame was judged nobody knows.
  const { valueSize } = walks.info;
  const all = walks.lookup(Buffer.alloc(4))!;
  const stride = Math.ceil(valueSize / 8) * 8;
  for (let at = 0; at < all.length; at += stride) {
    if (all.subarray(at, at + ENDS_BYTES).some((byte) => byte !== MARK)) return false;
  }
  return true;
}

interface Story {
  readonly before: readonly Step[];
  readonly last: FrameStep;
  readonly node?: NodeOptions;
}

const opened = [...known(mail, stranger), ...handshake(stranger, mail, 40000, 25)];
const data = (options: SegmentOptions = {}) =>
  segment(stranger, mail, 40000, 25, 'PA', { data: 'hello', ...options });
const TIMESTAMP = Uint8Array.from([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
const MSS = Uint8Array.from([2, 4, 5, 180]);

/** A flow of UDP to the web server, answered; tags and family as its ends have them. */
function answered(client = stranger, server = www): Step[] {
  return [
    ...known(server, client),
    forwarded(datagram(client, server, 5000, 443), server),
    forwarded(datagram(server, client, 443, 5000), client),
    forwarded(datagram(client, server, 5000, 443), server),
  ];
}

const quic = (client = stranger, server = www): Sending => datagram(client, server, 5000, 443);
const there = (sending: Sending): FrameStep => forwarded(sending, 'dn0');

describe.each(['xdp', 'tc'] as const)('in %s', (hook) => {
  it.each<[string, Story]>([
    ['data of an open connection', { before: opened, last: there(data()) }],
    ['the same once more', { before: [...opened, there(data())], last: there(data()) }],
    ['what bears a timestamp', { before: opened, last: there(data({ options: TIMESTAMP })) }],
    [
      'what the other end says',
      {
        before: [...opened, there(data())],
        last: forwarded(
          segment(mail, stranger, 25, 40000, 'A', { ack: 1006, data: 'yes' }),
          stranger,
        ),
      },
    ],
    ['UDP that was answered', { before: answered(), last: there(quic()) }],
    ['IPv6', { before: answered(stranger6, www6), last: there(quic(stranger6, www6)) }],
    [
      'one VLAN tag',
      {
        before: answered(tagged(stranger, 7), tagged(www, 7)),
        last: there(quic(tagged(stranger, 7), tagged(www, 7))),
      },
    ],
  ])('goes the short way: %s', (_, story) => {
    const tries = Array.from({ length: TRIES }, () => () => isExpress(hook, story));
    expect(tries.some((once) => once())).toBe(true);
  });

  it.each<[string, Story]>([
    ['FIN', { before: opened, last: there(segment(stranger, mail, 40000, 25, 'FA')) }],
    ['RST', { before: opened, last: there(segment(stranger, mail, 40000, 25, 'RA')) }],
    ['SYN', { before: opened, last: there(segment(stranger, mail, 40000, 25, 'S')) }],
    ['other options', { before: opened, last: there(data({ options: MSS })) }],
    [
      'a number out of the window',
      { before: opened, last: dropped(data({ seq: 500_000_000 }), 'out-of-window') },
    ],
    [
      'two VLAN tags',
      {
        before: answered(tagged(stranger, 8, 7), tagged(www, 8, 7)),
        last: there(quic(tagged(stranger, 8, 7), tagged(www, 8, 7))),
      },
    ],
    [
      'IP options',
      {
        before: answered(),
        last: there(
          packetWith(
            stranger,
            www,
            { options: Uint8Array.from([1, 1, 1, 1]) },
            udp({ sport: 5000, dport: 443 }),
            'datagram',
          ),
        ),
      },
    ],
    [
      'the first frame after another policy',
      { before: [...opened, policy(CAMPUS.replace('max: 1000', 'max: 999'))], last: there(data()) },
    ],
    [
      'a connection that is counted',
      { before: opened, node: { counters: true }, last: there(data()) },
    ],
    [
      'a MAC that moved',
      {
        before: opened,
        last: there({ ...data(), from: { ...stranger, port: 'up1' } }),
      },
    ],
    [
      'a screened source from the uplink',
      {
        before: opened,
        last: dropped(
          {
            ...segment(mail, stranger, 25, 40000, 'A', { data: 'yes' }),
            from: { ...mail, port: 'up0' },
          },
          'spoofed',
        ),
      },
    ],
    [
      'a port that does not forward',
      {
        before: [...opened, { kind: 'port', port: 'up0', state: 'blocking' }],
        last: dropped(data(), 'stp'),
      },
    ],
    [
      'facts of ports that nobody vouches for',
      {
        before: [...opened, { kind: 'lease', until: 0 }],
        last: { ...there(data()), expect: { action: 'flood', reason: 'none' } },
      },
    ],
    [
      'a standby',
      {
        before: [...opened, { kind: 'role', standby: true }],
        last: dropped(data(), 'standby'),
      },
    ],
    [
      'a length that is none',
      {
        before: answered(),
        last: dropped(
          packet(stranger, www, udp({ sport: 5000, dport: 443, length: 7 }), 'datagram'),
          'malformed-l4',
        ),
      },
    ],
    [
      'what nobody has answered',
      {
        before: [...known(www, stranger), there(quic())],
        last: there(quic()),
      },
    ],
  ])('goes the whole walk: %s', (_, story) => {
    expect(isExpress(hook, story)).toBe(false);
  });
});
