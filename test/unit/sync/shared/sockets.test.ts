/** Two nodes that share over TLS on loopback: certificates, streams and calls are the real ones. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  PolicyFollower,
  SharedSink,
  SharedSource,
  sharedDefinition,
} from '../../../../src/sync/shared/index.js';
import { TestAuthority, TestNode } from '../channel/pair.js';
import { OPERATOR, PolicyNode, textOf } from './node.js';

const WITHIN = { timeout: 10_000, interval: 20 };

/** One end: policies, and what tells and follows them. */
class End {
  readonly node: PolicyNode;
  readonly follower: PolicyFollower;
  readonly sink: SharedSink;
  readonly source: SharedSource;

  constructor(node: PolicyNode, peer: string) {
    this.node = node;
    const { policies } = node;
    this.follower = new PolicyFollower({
      ...{ policies, peer, onRefused: () => {} },
      onChange: () => this.source.tell(),
    });
    this.sink = new SharedSink({ policy: this.follower });
    this.source = new SharedSource({ policies, refused: () => this.follower.refused });
  }

  async close(): Promise<void> {
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
    for (const [i, end] of ends.entries()) {
      const [own, other] = [channels[i]!, channels[1 - i]!];
      own.server.add(Shared.service, { ...end.source.handlers }, { peerOnly: true });
      const channel = own.connect(i === 0 ? 'fw2' : 'fw1', other.server.port);
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

  it('say what one of them cannot install', async () => {
    const [one, two] = [ends[0].node, ends[1].node];
    await one.policies.apply({ text: textOf(1, 'fw1-in'), file: 'a.yaml' }, OPERATOR);
    const why = /^fw2 cannot install generation 1: a.yaml:5:\d+: host h is bound to port fw1-in/;
    await expect.poll(() => ends[0].follower.pending?.why, WITHIN).toMatch(why);
    expect(two.policies.active).toBeNull();
  });
});
