/** The thread that compiles, from dist: `make build` comes first. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { policyText } from '../../../../bench/policy.js';
import { PolicyCompiler } from '../../../../src/control/daemon/compiler/compiler.js';
import { unpackPlan } from '../../../../src/control/daemon/compiler/packed-plan.js';
import { packageRoot } from '../../../../src/control/package.js';
import type { Plan } from '../../../../src/control/policy/index.js';
import { atOnce } from '../../../../src/control/slices.js';

const EXAMPLE = readFileSync(join(packageRoot(), 'examples/infn.yaml'), 'utf8');
const ENDS = Number(process.env.COMPILER_ENDS ?? 10);
const resolve = async (name: string) => [name.startsWith('a') ? '192.0.2.1' : '2001:db8::1'];
const here = new PolicyCompiler({ resolve, large: Number.POSITIVE_INFINITY });
const apart = new PolicyCompiler({ resolve, large: 0 });

afterEach(() => apart.close());

/** Typed arrays as bytes: element by element they take long. */
function expectSame({ services, ...plan }: Plan, { services: others, ...other }: Plan): void {
  expect(plan).toEqual(other);
  expect(Buffer.compare(bytesOf(services), bytesOf(others))).toBe(0);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint16Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
const source = (text: string) => ({ text, file: 'p.yaml' });

describe('a policy that is compiled by a thread', () => {
  it.each([
    ['a real one', EXAMPLE],
    ['an empty one', 'apiVersion: bridgewall/v1\n'],
    ['one of many rules', policyText(3000)],
    [
      'one with names, warnings and dynamic groups',
      [
        'apiVersion: bridgewall/v1',
        'groups: {bad: {dynamic: true, max: 9}, g: [{name: a.example}, {name: b.example}]}',
        'hosts:',
        '  web: {addresses: [192.0.2.9, "2001:db8::9"], in: {80/tcp: [{from: g}, {from: g}]}}',
        'transit: [{from: g, to: any, services: all, id: through}]',
        'deny: [{from: bad}, {services: 23/tcp, log: true}]',
      ].join('\n'),
    ],
  ])('is what it is when compiled here: %s', async (_, text) => {
    const [one, other] = [await here.compile(source(text)), await apart.compile(source(text))];
    expectSame(other.plan, one.plan);
    expect(other.resolved).toEqual(one.resolved);
    expectSame(atOnce(unpackPlan(one.packed)), one.plan);
  });

  it.each([
    'apiVersion: bridgewall/v1\nhosts: {web: {addresses: [192.0.2.300]}}\n',
    'apiVersion: bridgewall/v1\nhost: {}\n',
    'apiVersion: [',
  ])('is refused in the same words: %j', async (text) => {
    const refusal = await here.compile(source(text)).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ name: 'PolicyError', position: { file: 'p.yaml' } });
    const same = await apart.compile(source(text)).catch((error: unknown) => error);
    expect(same).toEqual(refusal);
    expect({ ...(same as object) }).toEqual({ ...(refusal as object) });
  });

  it('is refused when a name has no address, at its place', async () => {
    const deaf = new PolicyCompiler({
      large: 0,
      resolve: () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' })),
    });
    const text = 'apiVersion: bridgewall/v1\ngroups: {g: [{name: gone.example}]}\n';
    await expect(deaf.compile(source(text))).rejects.toThrow(
      'p.yaml:2:21: gone.example cannot be resolved (no such name)',
    );
  });

  it('leaves the thread as it was for the next one, refused or not', async () => {
    const wrong = 'apiVersion: bridgewall/v1\nhost: {}\n';
    const [one, refused, other] = await Promise.allSettled(
      [EXAMPLE, wrong, policyText(100)].map((text) => apart.compile(source(text))),
    );
    expect([one, other]).toMatchObject([{ status: 'fulfilled' }, { status: 'fulfilled' }]);
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'unknown-key' } });
    const deaf = new PolicyCompiler({ large: 0, resolve: () => Promise.reject(new Error('deaf')) });
    const named = 'apiVersion: bridgewall/v1\ngroups: {g: [{name: gone.example}]}\n';
    await expect(deaf.compile(source(named))).rejects.toThrow();
    expect((await deaf.compile(source(policyText(100)))).plan.rules).toHaveLength(100);
    await deaf.close();
  });

  it('ends when it is no longer wanted, and one after the other', async () => {
    const unwanted = new AbortController();
    const large = policyText(60_000);
    const first = apart.compile(source(large), unwanted.signal);
    const second = apart.compile(source(EXAMPLE));
    const order: string[] = [];
    void first.catch(() => order.push('first'));
    void second.then(() => order.push('second'));
    await setTimeout(300);
    unwanted.abort();
    await expect(first).rejects.toThrow('ended: nothing was changed');
    expect((await second).plan.rules.length).toBeGreaterThan(10);
    expect(order).toEqual(['first', 'second']);
    await expect(apart.compile(source(EXAMPLE), unwanted.signal)).rejects.toThrow(/abort/);
  });

  it('may be closed at any moment, and the process lives on', async () => {
    // A call of the addon that meets the end of its thread once ended the process: one in some tens.
    const large = policyText(20_000);
    for (let round = 0; round < ENDS; round++) {
      const under = apart.compile(source(large)).catch((error: unknown) => error);
      await setTimeout(150 + (round * 450) / ENDS);
      await apart.close();
      await under;
    }
  });

  it('leaves nothing behind when it is closed', async () => {
    const under = apart.compile(source(policyText(60_000)));
    const ended = expect(under).rejects.toThrow('ended: nothing was changed');
    await setTimeout(300);
    await apart.close();
    await ended;
  });
});
