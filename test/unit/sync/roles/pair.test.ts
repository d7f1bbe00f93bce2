/** The pair under whatever may happen, in whatever order. */

import { describe, expect, it, vi } from 'vitest';
import { PROBE_MS, SEGMENTS, type Segment } from '../../../../src/sync/roles/index.js';
import { fc } from '../../../chance.js';
import { type Name, type Node, Pair, type Traffic } from './pair.js';

const RUNS = Number(process.env.ROLE_RUNS ?? 100);
vi.setConfig({ testTimeout: 60_000 + 1000 * RUNS });

type Fault =
  | { kind: 'carrier' | 'takes' | 'sends'; node: Name; segment: Segment; on: boolean }
  | { kind: 'sync'; node: Name; on: boolean }
  | { kind: 'power' | 'stop' | 'kill' | 'ready'; node: Name; on: boolean }
  | { kind: 'traffic'; segment: Segment; traffic: Traffic }
  | { kind: 'takeover' | 'yield'; node: Name };

function inflict(pair: Pair, fault: Fault): void {
  if (fault.kind === 'traffic') {
    pair.traffic[fault.segment] = fault.traffic;
    return;
  }
  const node = fault.node === 'a' ? pair.a : pair.b;
  switch (fault.kind) {
    case 'carrier':
    case 'takes':
    case 'sends':
      node[fault.kind][fault.segment] = fault.on;
      return;
    case 'sync':
      pair.sync[fault.node] = fault.on;
      return;
    case 'ready':
      node.ready = fault.on;
      return;
    case 'power':
      if (!fault.on) node.power = false;
      else if (!node.power) node.boot(pair.now);
      return;
    case 'stop':
      if (fault.on) node.resume(pair.now);
      else if (node.daemon === 'runs') node.daemon = 'stopped';
      return;
    case 'kill':
      if (!fault.on) node.daemon = 'dead';
      else if (node.daemon !== 'runs') node.startDaemon(pair.now);
      return;
    default:
      ask(pair, node, fault.kind);
  }
}

/** What is refused is refused. */
function ask(pair: Pair, node: Node, what: 'takeover' | 'yield'): void {
  if (!node.power || node.daemon === 'stopped') return;
  // It stands in a file.
  if (node.settings.external) node.order = what === 'takeover' ? 'active' : 'standby';
  if (node.daemon !== 'runs') return;
  try {
    if (what === 'takeover') node.machine.takeOver(pair.view(node), 'test');
    else node.machine.yield(pair.view(node), 'test');
  } catch (error) {
    expect((error as Error).name).toBe('RoleRefusal');
  }
}

function heal(pair: Pair): void {
  for (const node of pair.nodes) {
    for (const segment of SEGMENTS) {
      node.carrier[segment] = true;
      node.takes[segment] = true;
      node.sends[segment] = true;
    }
    node.ready = true;
    if (!node.power) node.boot(pair.now);
    else if (node.daemon === 'stopped') node.resume(pair.now);
    else if (node.daemon === 'dead') node.startDaemon(pair.now);
    pair.sync[node.name] = true;
  }
}

const name = fc.constantFrom<Name>('a', 'b');
const segment = fc.constantFrom<Segment>('uplink', 'inside');
/** What breaks is more often whole than broken, or nothing would be seen of a pair at work. */
const on = fc.constantFrom(true, true, false);
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constantFrom('carrier', 'takes', 'sends'), node: name, segment, on }),
  fc.record({ kind: fc.constant('sync'), node: name, on }),
  fc.record({ kind: fc.constantFrom('power', 'stop', 'kill', 'ready'), node: name, on }),
  fc.record({
    kind: fc.constant('traffic'),
    segment,
    traffic: fc.constantFrom<Traffic>('none', 'broadcast', 'unicast'),
  }),
  fc.record({ kind: fc.constantFrom('takeover', 'yield'), node: name }),
) as fc.Arbitrary<Fault>;

/** So many ticks go by, and in each of them some JavaScript may be late. */
const pause = fc.record({
  ticks: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 200 })),
  late: fc.array(fc.constantFrom<readonly Name[]>([], ['a'], ['b'], ['a', 'b']), { maxLength: 5 }),
});
const story = fc.array(fc.tuple(fault, pause), { minLength: 1, maxLength: 30 });
const settings = fc.record({
  priority: fc.constantFrom(100, 150),
  preempt: fc.boolean(),
});

function tell(
  pair: Pair,
  steps: readonly (readonly [Fault, { ticks: number; late: readonly (readonly Name[])[] }])[],
): void {
  for (const [what, { ticks, late }] of steps) {
    inflict(pair, what);
    for (let tick = 0; tick < ticks; tick++) pair.tick(late[tick] ?? []);
  }
}

function started(a = {}, b = {}): Pair {
  const pair = new Pair(a, b);
  pair.run(5000);
  return pair;
}

describe('a pair of nodes', () => {
  it('has no loop for longer than one probe takes, and no more than a daemon takes to be missed', () => {
    fc.assert(
      fc.property(settings, settings, story, (a, b, steps) => {
        const pair = started(a, b);
        tell(pair, steps);
        pair.run(500);
        expect(pair.longestAttendedLoop).toBeLessThanOrEqual(PROBE_MS);
        // Two dead daemons probe nothing: nobody could tell.
        const alone = pair.nodes.some((node) => node.daemon === 'runs');
        if (alone && steps.every(([{ kind }]) => kind !== 'stop' && kind !== 'kill')) {
          expect(pair.longestLoop).toBeLessThanOrEqual(PROBE_MS);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('has one that is active, and one only, once all is whole again', () => {
    fc.assert(
      fc.property(settings, settings, story, (a, b, steps) => {
        const pair = started(a, b);
        tell(pair, steps);
        heal(pair);
        // Long enough for one that preempts to have done so: the probe interval of a switch has two actives.
        pair.run(22_000);
        expect(pair.nodes.map((node) => node.active).sort()).toEqual([false, true]);
        const { state } = pair.other(pair.activeNode!).last!;
        expect(state).toBe('standby');
      }),
      { numRuns: RUNS },
    );
  });

  it('is not dark while a node could carry traffic that there is', () => {
    fc.assert(
      fc.property(settings, settings, story, (a, b, steps) => {
        const pair = started(a, b);
        tell(pair, steps);
        // Traffic shows who is cut off, and the sync link lets the nodes tell each other.
        pair.sync.a = true;
        pair.sync.b = true;
        pair.traffic = { uplink: 'broadcast', inside: 'broadcast' };
        for (const node of pair.nodes) {
          if (node.daemon === 'stopped') node.resume(pair.now);
          else if (node.daemon === 'dead') node.startDaemon(pair.now);
        }
        pair.run(8000);
        const sound = pair.nodes.filter((node) => node.sound);
        if (sound.length > 0) expect(sound.some((node) => node.active)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it('takes over from one that sends nothing on a side, though its daemon never heard it there', () => {
    const pair = started({}, { priority: 150 });
    expect(pair.activeNode).toBe(pair.b);
    pair.b.sends.uplink = false;
    pair.a.daemon = 'dead';
    pair.tick();
    pair.a.startDaemon(pair.now);
    pair.traffic = { uplink: 'broadcast', inside: 'broadcast' };
    pair.run(8000);
    expect(pair.a.active).toBe(true);
  });

  it('is asked on both nodes at once: the one that is active already stays so until it hears the other', () => {
    const pair = started();
    expect(pair.activeNode).toBe(pair.a);
    pair.b.machine.takeOver(pair.view(pair.b), 'test');
    pair.tick();
    pair.a.machine.takeOver(pair.view(pair.a), 'test');
    pair.run(500);
    expect(pair.longestAttendedLoop).toBeLessThanOrEqual(PROBE_MS);
    expect(pair.activeNode).toBe(pair.b);
  });

  it('does not give way to one of higher priority that it does not hear on a side', () => {
    const pair = started({}, { priority: 150, preempt: true });
    pair.b.sends.uplink = false;
    pair.b.machine.yield(pair.view(pair.b), 'test');
    pair.run(1000);
    expect(pair.activeNode).toBe(pair.a);
    for (let ms = 0; ms < 30_000; ms += PROBE_MS) {
      pair.tick();
      expect(pair.b.active).toBe(false);
    }
  });

  it('gives every activation an epoch of its own', () => {
    fc.assert(
      fc.property(settings, settings, story, (a, b, steps) => {
        const pair = started(a, b);
        const before = { a: pair.a.word, b: pair.b.word };
        for (const [what, { ticks }] of steps) {
          inflict(pair, what);
          for (let tick = 0; tick < ticks; tick++) {
            pair.tick();
            for (const node of pair.nodes) {
              const was = before[node.name];
              if (was.standby && !node.word.standby) {
                const heard = Object.values(node.heard).map(({ said }) => said?.epoch ?? 0);
                expect(node.word.epoch).toBeGreaterThan(Math.max(was.epoch, ...heard));
              }
              before[node.name] = node.word;
            }
          }
        }
      }),
      { numRuns: RUNS },
    );
  });
});

describe('a pair that somebody else manages', () => {
  const external = { external: true };

  it('has no loop for longer than one probe takes', () => {
    fc.assert(
      fc.property(story, (steps) => {
        const pair = started(external, external);
        tell(pair, steps);
        pair.run(500);
        expect(pair.longestAttendedLoop).toBeLessThanOrEqual(PROBE_MS);
      }),
      { numRuns: RUNS },
    );
  });

  it('has one active node of those that are wanted, once all is whole again', () => {
    fc.assert(
      fc.property(story, fc.constantFrom<Name | null>('a', 'b', null), (steps, last) => {
        const pair = started(external, external);
        tell(pair, steps);
        heal(pair);
        if (last !== null) {
          pair.run(100);
          ask(pair, pair[last], 'takeover');
          ask(pair, pair.other(pair[last]), 'yield');
        }
        pair.run(5000);
        const active = pair.nodes.filter((node) => node.active);
        const wanted = pair.nodes.filter(({ order }) => order === 'active');
        expect(active.length).toBe(Math.min(1, wanted.length));
        for (const node of active) expect(node.order).toBe('active');
        if (last !== null) expect(pair.activeNode).toBe(pair[last]);
      }),
      { numRuns: RUNS },
    );
  });
});
