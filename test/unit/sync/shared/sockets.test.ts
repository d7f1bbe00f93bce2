/** Two nodes that share over TLS on loopback: certificates, streams and calls are the real ones. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PeerChannel } from '../../../../src/sync/channel/index.js';
import {
  type MemberChange,
  MemberFollower,
  PolicyFollower,
  type SharedSets,
  SharedSink,
  SharedSource,
  sharedDefinition,
} from '../../../../src/sync/shared/index.js';
import { TestAuthority, TestNode } from '../channel/pair.js';
import { OPERATOR, PolicyNode, textOf } from './node.js';

const WITHIN = { timeout: 10_000, interval: 20 };

/** Groups without a kernel: members by address, for good or with a time. */
class PlayedSets implements SharedSets {
  readonly groups = new Map([['bad', new Map<string, number>()]]);
  readonly #watchers = new Set<(change: MemberChange) => void>();
  dumps = 0;

  watch(listener: (change: MemberChange) => void): void {
    this.#watchers.add(listener);
  }

  /** An operator does it here. */
  do(kind: 'add' | 'remove', last: number, ttlSeconds: number | null = null): void {
    const addresses = Buffer.from([203, 0, 113, last]);
    const change = { set: 'bad', kind, ttlSeconds, keep: false, width: 4, addresses } as const;
    this.#carryOut(change);
    for (const tell of this.#watchers) tell(change);
  }

  get members(): string[] {
    return [...this.groups.get('bad')!.keys()].sort();
  }

  names(): string[] {
    return [...this.groups.keys()];
  }

  /** An operator puts others in their place. */
  fill(...members: number[]): void {
    const group = members.map(
      (last) => [`cb0071${last.toString(16).padStart(2, '0')}`, 0] as const,
    );
    this.groups.set('bad', new Map(group));
    const all = { ttlSeconds: null, keep: false, width: 4, addresses: Buffer.alloc(0) } as const;
    for (const tell of this.#watchers) tell({ ...all, set: 'bad', kind: 'replaced' });
  }

  async take(change: MemberChange): Promise<void> {
    this.#carryOut(change);
  }

  async digests() {
    const sum = [...this.groups.get('bad')!.keys()].map((key) => BigInt(`0x${key}`) ** 3n);
    const digest = sum.reduce((all, each) => all + each, 0n);
    return new Map([['bad', BigInt.asUintN(64, digest)]]);
  }

  async *dump(set: string) {
    this.dumps++;
    for (const [key, left] of this.groups.get(set)!) {
      const record = Buffer.alloc(20);
      record.write(`ffff${key}`, 10, 'hex');
      record.writeUInt32BE(left, 16);
      yield record;
    }
  }

  async replace(set: string, records: AsyncIterable<Uint8Array>): Promise<void> {
    const group = new Map<string, number>();
    for await (const record of records) {
      const bytes = Buffer.from(record);
      group.set(bytes.toString('hex', 12, 16), bytes.readUInt32BE(16));
    }
    this.groups.set(set, group);
  }

  #carryOut({ set, kind, ttlSeconds, addresses }: MemberChange): void {
    const key = Buffer.from(addresses).toString('hex');
    if (kind === 'add') this.groups.get(set)!.set(key, ttlSeconds ?? 0);
    else this.groups.get(set)!.delete(key);
  }
}

/** One end: policies, and what tells and follows them. */
class End {
  readonly node: PolicyNode;
  readonly follower: PolicyFollower;
  readonly sets = new PlayedSets();
  readonly members: MemberFollower;
  readonly sink: SharedSink;
  readonly timer: NodeJS.Timeout;
  readonly source: SharedSource;

  constructor(node: PolicyNode, peer: string) {
    this.node = node;
    const { policies } = node;
    this.follower = new PolicyFollower({
      ...{ policies, peer, onRefused: () => {} },
      onChange: () => this.source.tell(),
    });
    const { sets } = this;
    const onError = () => {};
    // The first by name is the active one.
    const active = () => node.name < peer;
    this.members = new MemberFollower({
      ...{ sets, own: node.name, peer, active, onError, done: () => this.source.done },
    });
    this.sink = new SharedSink({ policy: this.follower, members: this.members });
    this.source = new SharedSource({
      ...{ policies, sets, active, onError, taken: () => this.members.taken },
      refused: () => this.follower.refused,
      complete: () => this.members.complete,
    });
    this.timer = setInterval(() => this.members.look(), 50);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.sink.leave();
    this.source.close();
    await this.follower.close();
    await this.node.remove();
  }
}

describe('two nodes over sockets', () => {
  let authority: TestAuthority;
  let channels: [TestNode, TestNode];
  let ends: [End, End];
  let peers: PeerChannel[];
  const { Shared } = sharedDefinition();
  const stopping = new AbortController();

  beforeEach(async () => {
    authority = new TestAuthority();
    const nodes = [new PolicyNode('fw1'), new PolicyNode('fw2')] as const;
    for (const node of nodes) await node.start();
    ends = [new End(nodes[0], 'fw2'), new End(nodes[1], 'fw1')];
    channels = [
      await TestNode.open('fw1', 'fw2', authority.issue('fw1')),
      await TestNode.open('fw2', 'fw1', authority.issue('fw2')),
    ];
    peers = [];
    for (const [i, end] of ends.entries()) {
      const [own, other] = [channels[i]!, channels[1 - i]!];
      own.server.add(Shared.service, { ...end.source.handlers }, { peerOnly: true });
      const channel = own.connect(i === 0 ? 'fw2' : 'fw1', other.server.port);
      peers[i] = channel;
      channel.watch((state) => {
        if (state.up) end.sink.follow(channel.client(Shared));
        else end.sink.leave();
      }, stopping.signal);
    }
  });
  afterEach(async () => {
    for (const end of ends) await end.close();
    for (const channel of channels) await channel.close();
    authority.remove();
  });

  it('have the policy of either, whole, with names as they were resolved there', async () => {
    const [one, two] = [ends[0].node, ends[1].node];
    await one.policies.apply(
      { text: `${textOf(1)}# ü, and a comment\n`, file: 'a.yaml' },
      OPERATOR,
    );
    const first = () => two.policies.active?.text;
    await expect.poll(first, WITHIN).toBe(`${textOf(1)}# ü, and a comment\n`);
    const named = `${textOf(2)}groups: {names: [{name: localhost}]}\n`;
    await two.policies.apply({ text: named, file: 'b.yaml' }, OPERATOR, { why: 'a name' });
    await expect.poll(() => one.policies.active?.text, WITHIN).toBe(named);
    const [a, b] = [one.policies.shared!, two.policies.shared!];
    expect(a).toMatchObject({ resolved: b.resolved, digest: b.digest, origin: b.origin });
    expect(Object.keys(a.resolved)).toEqual(['localhost']);
    expect(a).toMatchObject({ file: 'b.yaml', why: 'a name', by: 'alice', uid: 0 });
    for (const { follower } of ends) await expect.poll(() => follower.pending, WITHIN).toBeNull();
  });

  it('have one of eight million characters', async () => {
    const large = `${textOf(1)}# ${'x'.repeat(8_000_000)}\n`;
    await ends[0].node.policies.apply({ text: large, file: 'a.yaml' }, OPERATOR);
    await expect.poll(() => ends[1].node.policies.active?.text === large, WITHIN).toBe(true);
  });

  it('have the same members, whoever adds and removes, and what each did while they were apart', async () => {
    const [one, two] = [ends[0].sets, ends[1].sets];
    one.do('add', 1, 60);
    await expect.poll(() => two.members, WITHIN).toEqual(['cb007101']);
    two.do('add', 2);
    await expect.poll(() => one.members, WITHIN).toEqual(['cb007101', 'cb007102']);
    await expect.poll(() => ends[1].members.match, WITHIN).toBe(true);
    const dumps = one.dumps + two.dumps;
    for (const { sink } of ends) sink.leave();
    one.do('remove', 1);
    one.do('add', 3);
    two.do('add', 4);
    for (const [i, end] of ends.entries()) end.sink.follow(peers[i]!.client(Shared));
    const all = ['cb007102', 'cb007103', 'cb007104'];
    await expect.poll(() => [one.members, two.members], WITHIN).toEqual([all, all]);
    // What each did was told, and nothing besides.
    expect(one.dumps + two.dumps).toBe(dumps);
  });

  it('have those of the active one where nobody knows what was missed', async () => {
    const [one, two] = [ends[0].sets, ends[1].sets];
    await expect.poll(() => ends[1].members.match, WITHIN).toBe(true);
    for (const { sink } of ends) sink.leave();
    // Not told: as if a daemon had forgotten.
    one.groups.get('bad')!.set('cb007109', 30);
    two.groups.get('bad')!.set('cb007108', 0);
    for (const [i, end] of ends.entries()) end.sink.follow(peers[i]!.client(Shared));
    const nine = ['cb007109'];
    await expect.poll(() => [one.members, two.members], WITHIN).toEqual([nine, nine]);
    expect(two.groups.get('bad')!.get('cb007109')).toBe(30);
  });

  it('have those that an operator put in their place, but for a standby that had none of the other before', async () => {
    const [one, two] = [ends[0].sets, ends[1].sets];
    for (const { members } of ends) await expect.poll(() => members.complete, WITHIN).toBe(true);
    one.do('add', 1);
    await expect.poll(() => two.members, WITHIN).toEqual(['cb007101']);
    two.fill(5, 6);
    const filled = ['cb007105', 'cb007106'];
    await expect.poll(() => [one.members, two.members], WITHIN).toEqual([filled, filled]);
    // Another group, of which nothing was heard yet.
    for (const { sets, members } of ends) {
      sets.groups.set('new', new Map());
      members.policyChanged();
    }
    expect(ends[1].members.complete).toBe(false);
    two.fill(7);
    await expect.poll(() => two.members, WITHIN).toEqual(filled);
    expect(one.members).toEqual(filled);
  });

  it('say what one of them cannot install', async () => {
    const [one, two] = [ends[0].node, ends[1].node];
    await one.policies.apply({ text: textOf(1, 'fw1-in'), file: 'a.yaml' }, OPERATOR);
    const why = /^fw2 cannot install generation 1: a.yaml:5:\d+: host h is bound to port fw1-in/;
    await expect.poll(() => ends[0].follower.pending?.why, WITHIN).toMatch(why);
    expect(two.policies.active).toBeNull();
  });
});
