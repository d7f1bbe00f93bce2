import { beforeEach, describe, expect, it } from 'vitest';
import type { Link, PortState } from '../../../../../src/control/bridge/index.js';
import { PortMirror } from '../../../../../src/control/daemon/guard/port-mirror.js';
import { PortTable } from '../../../../../src/control/daemon/guard/port-table.js';
import type { PortFacts } from '../../../../../src/control/dataplane/index.js';

const BRIDGE = 9;
const ports = new PortTable([
  { name: 'up0', side: 'uplink', ifindex: 2, number: 0, mac: '02:00:00:00:00:02', driver: 'veth' },
  { name: 'dn0', side: 'inside', ifindex: 3, number: 1, mac: '02:00:00:00:00:03', driver: 'veth' },
]);

/** A packet path that only remembers. */
class FakeMirror {
  now = 100n;
  believedSince: bigint[] = [];
  flushes = 0;
  readonly hushed: number[] = [];
  readonly facts = new Map<number, PortFacts>();

  begin(): bigint {
    return this.now;
  }

  write({ number }: { number: number }, facts: PortFacts) {
    const before = this.facts.get(number);
    this.facts.set(number, facts);
    if (JSON.stringify(before) === JSON.stringify(facts)) return undefined;
    const forwarding = (before?.state === 'forwarding') !== (facts.state === 'forwarding');
    return { forwarding, first: before === undefined };
  }

  believe(since: bigint): void {
    this.believedSince.push(since);
  }

  forgetAddresses(): void {
    this.flushes++;
  }

  hush(seconds: number): void {
    this.hushed.push(seconds);
  }
}

function link(ifindex: number, more: Partial<Link> = {}): Link {
  return {
    name: ifindex === BRIDGE ? 'br0' : ifindex === 2 ? 'up0' : 'dn0',
    ifindex,
    mac: '02:00:00:00:00:01',
    mtu: 1500,
    carrier: true,
    up: true,
    master: BRIDGE,
    kind: 'veth',
    portKind: 'bridge',
    portState: 'forwarding',
    hardware: 1,
    flags: 0,
    stp: false,
    maxAge: 0,
    vlanFiltering: false,
    tuned: true,
    ...more,
  };
}

const bridge = link(BRIDGE, { kind: 'bridge', master: 0, portKind: '', portState: 'none' });
const all = (...more: Link[]) => [bridge, ...more];

let fake: FakeMirror;
let events: unknown[];
let mirror: PortMirror;

function make(stp: boolean): void {
  fake = new FakeMirror();
  events = [];
  const emit = (kind: string, fields: object) => void events.push({ kind, ...fields });
  mirror = new PortMirror({ mirror: fake, ports, bridge: 'br0', stp, events: { emit } });
}

const state = (number: number): PortState | undefined => fake.facts.get(number)?.state;

beforeEach(() => make(false));

describe('a listing', () => {
  it('is believed from when it began, and its first facts are no news', () => {
    const listing = mirror.begin();
    fake.now = 150n;
    mirror.take(listing, all(link(2), link(3, { portState: 'blocking', mtu: 9000 })));
    expect(fake.believedSince).toEqual([100n]);
    expect(fake.facts.get(1)).toEqual({ state: 'blocking', carrier: true, mtu: 9000 });
    expect(events).toEqual([]);
  });

  it('knows no state of a port that is in no bridge, or in another one', () => {
    mirror.take(mirror.begin(), all(link(2, { master: 0 }), link(3, { master: 77 })));
    expect([state(0), state(1)]).toEqual(['none', 'none']);
    mirror.take(mirror.begin(), [link(2), link(3)]);
    expect([state(0), state(1)]).toEqual(['none', 'none']);
  });

  it('does not undo what the kernel told while it was under way', () => {
    mirror.take(mirror.begin(), all(link(2), link(3)));
    const listing = mirror.begin();
    mirror.onState({ ifindex: 3, state: 'blocking' });
    mirror.onLink(link(2, { carrier: false, portState: 'disabled' }));
    mirror.take(listing, all(link(2), link(3)));
    expect(fake.facts.get(0)).toMatchObject({ state: 'disabled', carrier: false });
    expect(state(1)).toBe('blocking');
    mirror.take(mirror.begin(), all(link(2), link(3)));
    expect([state(0), state(1)]).toEqual(['forwarding', 'forwarding']);
  });

  it('counts where nothing could be made of what the kernel told', () => {
    const listing = mirror.begin();
    mirror.onState({ ifindex: 3, state: 'blocking' });
    mirror.onLink(link(2, { carrier: false }));
    mirror.take(listing, all(link(2), link(3)));
    expect([state(0), state(1)]).toEqual(['forwarding', 'forwarding']);
  });
});

describe('a notification', () => {
  beforeEach(() => mirror.take(mirror.begin(), all(link(2), link(3))));

  it('counts at once and is told', () => {
    mirror.onState({ ifindex: 3, state: 'disabled' });
    expect(state(1)).toBe('disabled');
    const fields = { port: 'dn0', state: 'disabled', carrier: true, mtu: 1500 };
    expect(events).toEqual([{ kind: 'port-state', ...fields }]);
    mirror.onState({ ifindex: 3, state: 'disabled' });
    expect(events).toHaveLength(1);
  });

  it('about a link of somebody else is none of ours', () => {
    mirror.onState({ ifindex: 44, state: 'disabled' });
    mirror.onLink(link(44, { carrier: false }));
    expect(events).toEqual([]);
  });

  it('grants no lease', () => {
    mirror.onLink(link(3, { mtu: 1400 }));
    expect(fake.believedSince).toHaveLength(1);
  });
});

describe('learned addresses', () => {
  const change = (to: PortState) => mirror.onState({ ifindex: 3, state: to });

  it('are forgotten where STP moves a port to or from forwarding', () => {
    make(true);
    mirror.take(mirror.begin(), all(link(2), link(3)));
    const before = fake.flushes;
    change('blocking');
    expect(fake.flushes).toBe(before + 1);
    change('listening');
    change('learning');
    expect(fake.flushes).toBe(before + 1);
    change('forwarding');
    expect(fake.flushes).toBe(before + 2);
  });

  it('stay where no STP runs', () => {
    mirror.take(mirror.begin(), all(link(2), link(3)));
    change('disabled');
    change('forwarding');
    expect(fake.flushes).toBe(0);
  });
});

describe('a takeover', () => {
  it('has the box say no BPDUs until those of the other node count no more', () => {
    make(true);
    mirror.onTakeover();
    mirror.take(mirror.begin(), [{ ...bridge, stp: true, maxAge: 6 }, link(2), link(3)]);
    mirror.onTakeover();
    expect(fake.hushed).toEqual([41, 7]);
  });

  it('changes nothing of that where no STP runs', () => {
    mirror.onTakeover();
    expect(fake.hushed).toEqual([]);
  });
});
