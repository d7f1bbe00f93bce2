/** Both nodes of a pair come to the same policy, whatever happens to them and in whatever order. */

import { afterEach, describe, expect, it } from 'vitest';
import {
  compareOrigins,
  PolicyFollower,
  type PolicyOrigin,
} from '../../../../src/sync/shared/index.js';
import { fc } from '../../../chance.js';
import { OPERATOR, PolicyNode, textOf } from './node.js';

const RUNS = Number(process.env.POLICY_RUNS ?? 40);

type Name = 'fw1' | 'fw2';
type Step =
  | { kind: 'apply' | 'try'; node: Name; text: number }
  | { kind: 'confirm' | 'over' | 'rollback' | 'restart' | 'boot' | 'wipe' | 'takeover'; node: Name }
  | { kind: 'cut' | 'join' | 'rest' };

/** Two nodes, and a link without sockets that can be cut. */
class Pair {
  readonly nodes = { fw1: new PolicyNode('fw1'), fw2: new PolicyNode('fw2') };
  readonly followers = {} as Record<Name, PolicyFollower>;
  readonly #lives = {} as Record<Name, AbortController>;
  joined = false;
  now = 0;

  static async open(): Promise<Pair> {
    const pair = new Pair();
    for (const name of ['fw1', 'fw2'] as const) await pair.start(name);
    pair.join();
    return pair;
  }

  async start(name: Name): Promise<void> {
    await this.nodes[name].start();
    const { policies } = this.nodes[name];
    this.#lives[name] = new AbortController();
    this.followers[name] = new PolicyFollower({
      ...{ policies, peer: otherOf(name) },
      onRefused: () => {},
      onChange: () => this.#tell(name),
      now: () => this.now,
    });
    policies.watch(() => this.#tell(name), this.#lives[name].signal);
    if (this.joined) this.join();
  }

  async stop(name: Name): Promise<void> {
    this.#lives[name].abort();
    await this.followers[name].close();
    await this.nodes[name].stop();
  }

  cut(): void {
    this.joined = false;
    for (const follower of Object.values(this.followers)) follower.leave();
  }

  join(): void {
    this.joined = true;
    for (const name of ['fw1', 'fw2'] as const) {
      const other = this.nodes[otherOf(name)];
      this.followers[name].begin(async (origin) => {
        await turn();
        const { shared } = other.policies;
        if (!this.joined || compareOrigins(shared?.origin ?? null, origin) !== 0) {
          throw new Error('gone');
        }
        return shared!;
      });
      this.#tell(otherOf(name));
    }
  }

  origin(name: Name): PolicyOrigin | null {
    return this.nodes[name].policies.shared?.origin ?? null;
  }

  /** Until nothing more is on its way. */
  async rest(): Promise<void> {
    const { fw1, fw2 } = this.followers;
    // What was said last may be on its way still.
    for (let quiet = 0; quiet < 10; quiet++) {
      const pending = [fw1.pending, fw2.pending].filter((each) => each !== null);
      if (!pending.every(({ expected }) => expected)) quiet = 0;
      for (const follower of [fw1, fw2]) follower.look();
      await turn();
    }
  }

  async close(): Promise<void> {
    for (const name of ['fw1', 'fw2'] as const) {
      await this.stop(name);
      await this.nodes[name].remove();
    }
  }

  #tell(name: Name): void {
    setImmediate(() => {
      const follower = this.followers[otherOf(name)];
      if (!this.joined || this.#lives[name]?.signal.aborted || follower === undefined) return;
      const { shared, confirmation } = this.nodes[name].policies;
      follower.hear({
        origin: shared?.origin ?? null,
        generation: shared?.generation ?? 0,
        digest: shared?.digest ?? '',
        trial: confirmation !== null,
        refused: this.followers[name].refused,
      });
    });
  }
}

const otherOf = (name: Name): Name => (name === 'fw1' ? 'fw2' : 'fw1');
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

async function take(pair: Pair, step: Step): Promise<void> {
  if (!('node' in step)) {
    if (step.kind === 'rest') await pair.rest();
    else pair[step.kind]();
    return;
  }
  const node = pair.nodes[step.node];
  const other = pair.nodes[otherOf(step.node)];
  switch (step.kind) {
    case 'apply':
      // Refused while another one is on trial.
      await node.apply(step.text).catch(() => {});
      return;
    case 'try':
      await node.apply(step.text, 1000).catch(() => {});
      return;
    case 'confirm':
      await node.policies.confirm(OPERATOR).catch(() => {});
      return;
    case 'over':
      return await node.trialOver();
    case 'rollback':
      await node.policies.rollback(null, OPERATOR).catch(() => {});
      return;
    case 'takeover':
      node.epoch = Math.max(node.epoch, pair.joined ? other.epoch : 0) + 1;
      return;
    default:
      await pair.stop(step.node);
      if (step.kind !== 'restart') node.boot();
      if (step.kind === 'wipe') node.wipe();
      await pair.start(step.node);
  }
}

const name = fc.constantFrom<Name>('fw1', 'fw2');
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('apply' as const), node: name, text: fc.nat(3) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('try' as const), node: name, text: fc.nat(3) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom('confirm', 'over', 'rollback', 'restart', 'boot', 'wipe', 'takeover'),
        node: name,
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('cut', 'join', 'rest') }) },
  ) as fc.Arbitrary<Step>,
  { minLength: 1, maxLength: 14 },
);

describe('the policy of a pair', () => {
  let pair: Pair | undefined;
  afterEach(async () => {
    await pair?.close();
    pair = undefined;
  });

  it('is the one of the highest origin on both nodes in the end', {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (story) => {
        const run = await Pair.open();
        try {
          for (const step of story) {
            const before = { fw1: run.origin('fw1'), fw2: run.origin('fw2') };
            await take(run, step);
            for (const each of ['fw1', 'fw2'] as const) {
              if (step.kind === 'wipe' && step.node === each) continue;
              expect(compareOrigins(run.origin(each), before[each])).toBeGreaterThanOrEqual(0);
            }
          }
          for (const each of ['fw1', 'fw2'] as const) await run.nodes[each].trialOver();
          const [a, b] = [run.origin('fw1'), run.origin('fw2')];
          const highest = compareOrigins(a, b) >= 0 ? a : b;
          run.join();
          await run.rest();
          expect([run.origin('fw1'), run.origin('fw2')]).toEqual([highest, highest]);
          const [one, two] = [run.nodes.fw1.policies.active, run.nodes.fw2.policies.active];
          expect(one?.text).toBe(two?.text);
          expect(one?.plan.digest).toBe(two?.plan.digest);
          // Told back and forth, it stays what it is: nothing is installed any more.
          const generations = [
            run.nodes.fw1.policies.generation,
            run.nodes.fw2.policies.generation,
          ];
          run.join();
          for (let i = 0; i < 5; i++) await turn();
          await run.rest();
          expect([run.nodes.fw1.policies.generation, run.nodes.fw2.policies.generation]).toEqual(
            generations,
          );
          // Whoever applies now knows of both.
          await run.nodes.fw2.apply(9);
          await run.rest();
          expect(run.nodes.fw1.policies.active?.text).toBe(textOf(9));
        } finally {
          await run.close();
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('goes both ways, with who applied it and why', async () => {
    pair = await Pair.open();
    const { fw1, fw2 } = pair.nodes;
    const source = { text: textOf(1), file: 'site.yaml' };
    await fw1.policies.apply(source, OPERATOR, { why: 'ticket 4711' });
    await pair.rest();
    expect(await fw2.policies.history()).toMatchObject([
      {
        ...{ generation: 1, who: OPERATOR, why: 'ticket 4711', file: 'site.yaml', current: true },
        ...{ received: true, origin: { epoch: 0, generation: 1, node: 'fw1' } },
      },
    ]);
    const received = [{ kind: 'policy-received', fields: { peer: 'fw1' } }];
    await expect.poll(() => fw2.events).toMatchObject(received);
    await fw2.apply(2);
    await pair.rest();
    expect(await fw1.policies.history()).toMatchObject([
      { generation: 2, received: true, origin: { generation: 2, node: 'fw2' } },
      { generation: 1, received: false },
    ]);
    expect(pair.followers.fw1.pending).toBeNull();
  });

  it('lacks on a node that has none, until it is known that the other one has none either', async () => {
    pair = await Pair.open();
    const { fw1, fw2 } = pair.followers;
    const lone = new PolicyFollower({
      ...{ policies: pair.nodes.fw1.policies, peer: 'fw2' },
      onRefused: () => {},
      onChange: () => {},
    });
    expect(lone.lacking).toBe(true);
    await lone.close();
    await pair.rest();
    expect([fw1.lacking, fw2.lacking]).toEqual([false, false]);
    pair.cut();
    await pair.nodes.fw1.apply(1);
    pair.nodes.fw2.kernel.refuses = 'no memory';
    pair.join();
    await expect.poll(() => fw2.refused?.why).toBe('no memory');
    expect([fw1.lacking, fw2.lacking]).toEqual([false, true]);
    pair.nodes.fw2.kernel.refuses = null;
    pair.now += 31_000;
    await pair.rest();
    expect(fw2.lacking).toBe(false);
  });

  it('applied alone is pending until the other one is there', async () => {
    pair = await Pair.open();
    await pair.nodes.fw1.apply(1);
    await pair.rest();
    pair.cut();
    await pair.nodes.fw1.apply(2);
    expect(pair.followers.fw1.pending).toEqual({
      why: 'generation 2 waits until fw2 is connected',
      expected: true,
    });
    expect(pair.nodes.fw2.policies.active?.text).toBe(textOf(1));
    pair.join();
    await pair.rest();
    expect(pair.followers.fw1.pending).toBeNull();
    expect(pair.nodes.fw2.policies.active?.text).toBe(textOf(2));
  });

  it('is told once it is confirmed, and nothing is taken over before', async () => {
    pair = await Pair.open();
    const { fw1, fw2 } = pair.nodes;
    await fw1.apply(1);
    await pair.rest();
    await fw1.apply(2, 1000);
    await pair.rest();
    expect(pair.followers.fw1.pending?.why).toBe('a policy here is to be confirmed');
    await expect
      .poll(() => pair?.followers.fw2.pending?.why)
      .toBe('a policy of fw1 is to be confirmed');
    expect(fw2.policies.active?.text).toBe(textOf(1));
    await fw1.policies.confirm(OPERATOR);
    await pair.rest();
    expect(fw2.policies.active?.text).toBe(textOf(2));
    // One that nobody confirms was never told of; what was applied meanwhile comes then.
    await fw1.apply(3, 1000);
    await fw2.apply(4);
    await pair.rest();
    expect(fw1.policies.active?.text).toBe(textOf(3));
    await fw1.trialOver();
    await pair.rest();
    expect(fw1.policies.active?.text).toBe(textOf(4));
  });

  it('that cannot be installed is said, changes nothing, and stops nothing that comes after', async () => {
    pair = await Pair.open();
    const { fw1, fw2 } = pair.nodes;
    await fw1.apply(1);
    await pair.rest();
    const bound = { text: textOf(2, 'fw1-in'), file: 'policy.yaml' };
    await fw1.policies.apply(bound, OPERATOR);
    await expect.poll(() => pair?.followers.fw2.refused).not.toBeNull();
    const why = pair.followers.fw2.pending?.why;
    expect(why).toMatch(/^generation 2 of fw1 cannot be installed here: .*bound to port fw1-in/);
    expect(fw2.policies.active?.text).toBe(textOf(1));
    await expect
      .poll(() => pair?.followers.fw1.pending?.why)
      .toMatch(/^fw2 cannot install generation 2: /);
    await fw1.apply(3);
    await pair.rest();
    expect(fw2.policies.active?.text).toBe(textOf(3));
    await expect.poll(() => pair?.followers.fw2.refused).toBeNull();
  });

  it('that found no memory is tried again', async () => {
    pair = await Pair.open();
    const { fw1, fw2 } = pair.nodes;
    fw2.kernel.refuses = 'no memory';
    await fw1.apply(1);
    await expect.poll(() => pair?.followers.fw2.refused?.why).toBe('no memory');
    fw2.kernel.refuses = null;
    pair.followers.fw2.look();
    await turn();
    expect(fw2.policies.active).toBeNull();
    pair.now += 31_000;
    await pair.rest();
    expect(fw2.policies.active?.text).toBe(textOf(1));
  });

  it('that is the same on both already gets no new generation', async () => {
    pair = await Pair.open();
    const { fw1, fw2 } = pair.nodes;
    pair.cut();
    await fw1.apply(1);
    await fw2.apply(2);
    await fw2.apply(1);
    pair.join();
    await pair.rest();
    expect([fw1.policies.generation, fw2.policies.generation]).toEqual([1, 2]);
    expect(pair.origin('fw1')).toMatchObject({ generation: 2, node: 'fw2' });
    expect(await fw1.policies.history()).toMatchObject([
      { generation: 1, received: true, origin: { generation: 2, node: 'fw2' } },
    ]);
  });

  it('that a trial gave way to is no news', async () => {
    pair = await Pair.open();
    const { fw1 } = pair.nodes;
    await fw1.apply(1);
    await fw1.apply(2, 1000);
    await fw1.trialOver();
    expect(fw1.policies.generation).toBe(3);
    await fw1.apply(1);
    expect(fw1.policies.generation).toBe(3);
  });

  it('of a node that could not take over the other one holds when it is applied again', async () => {
    pair = await Pair.open();
    const { fw1, fw2 } = pair.nodes;
    await fw1.apply(1);
    await pair.rest();
    await fw1.policies.apply({ text: textOf(2, 'fw1-in'), file: 'policy.yaml' }, OPERATOR);
    await expect.poll(() => pair?.followers.fw2.refused).not.toBeNull();
    await fw2.apply(1);
    await pair.rest();
    expect(fw1.policies.active?.text).toBe(textOf(1));
  });
});
