import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type GenerationRecord,
  GenerationStore,
  generationRecord,
} from '../../../../src/control/store/index.js';

let directory: string;
let store: GenerationStore<GenerationRecord>;

const record = (generation: number): GenerationRecord => ({
  generation,
  text: `# policy ${generation}\nhosts: {}\n`,
  file: 'policy.yaml',
  by: 'root',
  uid: null,
  trial: null,
  origin: null,
  confirmed: true,
  why: '',
  at: '2026-11-21T20:00:00.000Z',
  digest: 'ab'.repeat(32),
  ruleSlots: { names: ['aquilante-in-25', '7'], numbers: [1, 2] },
  dynamicGroups: { badguys: 0 },
  resolved: { 'novalis.mib.infn.it': ['192.0.2.1'] },
});

const file = (name: string) => join(directory, 'store', name);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bw-store-'));
  store = await GenerationStore.open(file(''), generationRecord);
});

afterEach(() => rm(directory, { recursive: true }));

describe('a store of generations', () => {
  it('is empty at first', async () => {
    expect(await store.current()).toBeUndefined();
    expect(await store.list()).toEqual([]);
    expect(await store.prune()).toEqual([]);
  });

  it('gives back what was installed, also when opened anew', async () => {
    await store.write(record(1));
    expect(await store.current()).toBeUndefined();
    await store.setCurrent(1);
    await store.write(record(2));
    const again = await GenerationStore.open(file(''), generationRecord);
    expect(await again.current()).toEqual(record(1));
    expect(await again.read(2)).toEqual(record(2));
    await again.setCurrent(0);
    expect(await again.current()).toBeUndefined();
  });

  it('lists by number and keeps the newest and the current', async () => {
    for (const n of [10, 9, 1, 2, 3]) await store.write(record(n));
    await store.setCurrent(2);
    expect(await store.list()).toEqual([1, 2, 3, 9, 10]);
    expect(await store.prune(3)).toEqual([1, 3]);
    expect(await store.list()).toEqual([2, 9, 10]);
    expect(await store.prune(1)).toEqual([9, 10]);
    expect(await store.list()).toEqual([2]);
  });

  it('leaves no unfinished file behind, not even of a killed writer', async () => {
    await store.write(record(1));
    await writeFile(file('generations/.unfinished-1-2.json'), '{');
    await GenerationStore.open(file(''), generationRecord);
    expect(await readdir(file('generations'))).toEqual(['1.json']);
  });

  it('refuses to write what it could not read', async () => {
    const wrong = { ...record(1), ruleSlots: { names: ['a'], numbers: [0] } };
    await expect(store.write(wrong)).rejects.toMatchObject({ code: 'invalid' });
    await expect(store.write({ ...record(1), generation: 0 })).rejects.toMatchObject({
      code: 'invalid',
    });
    expect(await store.list()).toEqual([]);
  });

  it('does not make current what is not there', async () => {
    await expect(store.setCurrent(4)).rejects.toMatchObject({ code: 'missing' });
    expect(await store.current()).toBeUndefined();
  });
});

describe('a damaged file', () => {
  beforeEach(async () => {
    await store.write(record(1));
    await store.setCurrent(1);
  });

  it.each([
    ['cut short', (text: string) => text.slice(0, 100)],
    ['empty', () => ''],
    ['edited', (text: string) => text.replace('hosts: {}', 'hosts: {a: {}}')],
    ['of another format', (text: string) => text.replace('"format": 1', '"format": 2')],
    ['of another shape', () => '{"format":1,"sha256":"","content":null,"more":1}'],
  ])('that is %s is a corrupt one, named in one line', async (_, damage) => {
    const path = file('generations/1.json');
    await writeFile(path, damage(await readFile(path, 'utf8')));
    const error = await store.current().catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'corrupt', path });
    expect((error as Error).message).toMatch(/^\/.*\/generations\/1\.json: is corrupt: [^\n]+$/);
  });

  it('under the name of another generation is a corrupt one', async () => {
    await writeFile(file('generations/2.json'), await readFile(file('generations/1.json')));
    await expect(store.read(2)).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('may be current.json', async () => {
    await writeFile(file('current.json'), '{}');
    await expect(store.current()).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('does not keep the next install from working', async () => {
    await writeFile(file('current.json'), '');
    await store.write(record(2));
    await store.setCurrent(2);
    expect(await store.current()).toEqual(record(2));
  });
});

it('names the directory that it cannot make', async () => {
  await writeFile(join(directory, 'plain'), '');
  const path = join(directory, 'plain', 'store');
  await expect(GenerationStore.open(path, generationRecord)).rejects.toMatchObject({
    code: 'io',
    message: expect.stringMatching(/cannot be made a directory \(ENOTDIR\)$/),
  });
});
