import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packPlan } from '../../../../src/control/daemon/compiler/packed-plan.js';
import { PlanCache } from '../../../../src/control/daemon/plan-cache.js';
import { compile, parsePolicy } from '../../../../src/control/policy/index.js';
import { generationRecord } from '../../../../src/control/store/index.js';

const plan = compile(
  parsePolicy(
    [
      'apiVersion: bridgewall/v1',
      'groups: {bad: {dynamic: true, max: 9}}',
      'hosts: {web: {addresses: [192.0.2.1, "2001:db8::1"], in: {80/tcp: any}}}',
      'deny: [{from: bad}, {services: 23/tcp}]',
    ].join('\n'),
    'p.yaml',
  ),
);

const record = (generation: number, digest = plan.digest) =>
  generationRecord.parse({
    ...{ generation, digest, text: '', file: 'p.yaml', by: 'root', why: '' },
    ...{ at: '2026-11-21T20:00:00.000Z', ruleSlots: {}, dynamicGroups: {}, resolved: {} },
  });

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bw-plan-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('a compiled plan on disk', () => {
  it('is what was compiled, for its own generation and digest only', async () => {
    const cache = new PlanCache(directory);
    expect(await cache.read(record(1))).toBeUndefined();
    await cache.keep(record(1), packPlan(plan));
    const again = new PlanCache(directory);
    expect(await again.read(record(1))).toMatchObject({ plan });
    expect(await again.read(record(2))).toBeUndefined();
    expect(await again.read(record(1, 'other'))).toBeUndefined();
    await again.keep(record(2), packPlan(plan));
    expect(await again.read(record(1))).toBeUndefined();
    expect(await again.read(record(2))).toMatchObject({ plan });
  });

  it('is worth nothing when it is torn or was touched', async () => {
    await new PlanCache(directory).keep(record(1), packPlan(plan));
    const path = join(directory, 'installed.plan');
    const file = await readFile(path);
    const touched = Buffer.from(file);
    touched[touched.length - 1]! ^= 1;
    for (const damaged of [file.subarray(0, file.length - 9), touched, Buffer.alloc(0)]) {
      await writeFile(path, damaged);
      expect(await new PlanCache(directory).read(record(1))).toBeUndefined();
    }
  });
});
