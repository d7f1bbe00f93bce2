import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PolicyCompiler } from '../../../../src/control/daemon/compiler/compiler.js';
import { History } from '../../../../src/control/daemon/history.js';
import {
  type GenerationRecord,
  GenerationStore,
  generationRecord,
} from '../../../../src/control/store/index.js';
import { OriginClock } from '../../../../src/sync/shared/origin.js';

const compiler = new PolicyCompiler();
let directory: string;
let store: GenerationStore<GenerationRecord>;
let history: History;
let warnings: string[];

const text = (port: number) =>
  `apiVersion: bridgewall/v1\nhosts:\n  h: {addresses: [192.0.2.1], in: {${port}/tcp: any}}\n`;

async function keep(generation: number, port: number, more: Partial<GenerationRecord> = {}) {
  const record = generationRecord.parse({
    ...{ generation, text: text(port), file: 'p.yaml', by: 'alice', why: '' },
    ...{ at: '2026-11-22T03:00:00.000Z', digest: '', ruleSlots: { a: 1 }, dynamicGroups: {} },
    resolved: {},
    ...more,
  });
  const whole = { ...record, digest: (await compiler.recompile(record)).plan.digest };
  await store.write(whole);
  return whole;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bw-history-'));
  store = await GenerationStore.open(directory, generationRecord);
  warnings = [];
  history = new History(store, compiler, new OriginClock('fw1', () => 0), (message) =>
    warnings.push(message),
  );
});
afterEach(() => rm(directory, { recursive: true }));

test('the list has the latest first, and knows records of earlier versions', async () => {
  await keep(1, 80);
  await keep(2, 443, { uid: 1005, rules: 7, confirmed: false });
  expect(await history.list(1)).toMatchObject([
    {
      generation: 2,
      who: { user: 'alice', uid: 1005 },
      rules: 7,
      confirmed: false,
      current: false,
    },
    { generation: 1, who: { user: 'alice', uid: null }, rules: 1, confirmed: true, current: true },
  ]);
  await keep(2, 443, { confirmed: true });
  expect(await history.list(2)).toMatchObject([
    { generation: 2, confirmed: true, current: true },
    { current: false },
  ]);
});

test('what cannot be read is left out of the list, and told', async () => {
  await keep(1, 80);
  await writeFile(join(directory, 'generations', '2.json'), '{}');
  expect(await history.list(1)).toHaveLength(1);
  expect(warnings).toEqual([expect.stringContaining('is corrupt')]);
  await expect(history.text(2)).rejects.toMatchObject({ code: 'internal' });
  await expect(history.text(3)).rejects.toMatchObject({ code: 'not-found' });
});

test('the one before is the last that was confirmed and had another policy', async () => {
  const first = await keep(1, 80);
  await keep(2, 443);
  await keep(3, 25, { confirmed: false });
  const again = await keep(4, 443);
  expect((await history.before(again)).generation).toBe(1);
  await expect(history.before(first)).rejects.toMatchObject({ code: 'precondition' });
});

test('a difference is one of rules, or of the text alone', async () => {
  await keep(1, 80);
  await keep(2, 443);
  await keep(3, 443, { text: `# the same\n${text(443)}` });
  const { differs, changes, from, to } = await history.diff(1, 2);
  expect({ differs, from: from.text, to: to.text }).toEqual({
    ...{ differs: true, from: text(80), to: text(443) },
  });
  expect(changes.map(({ kind }) => kind).sort()).toEqual(['added', 'removed']);
  expect(await history.diff(2, 3)).toMatchObject({ differs: true, changes: [] });
  expect(await history.diff(3, 3)).toMatchObject({ differs: false });
});
