import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PairFile } from '../../../../src/sync/probes/pair-file.js';

describe('the file of a pair', () => {
  let directory: string;
  const path = () => join(directory, 'pair.json');
  const keys = { slots: [Buffer.alloc(16, 5), null] as [Buffer, null], sign: 0 };

  let warnings: string[];
  const open = (where: string, peer: string) =>
    PairFile.open(where, peer, (message) => warnings.push(message));

  beforeEach(() => {
    warnings = [];
    directory = mkdtempSync(join(tmpdir(), 'pair-file-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('keeps epoch and keys, for its owner alone', async () => {
    const file = await open(directory, 'fw2');
    expect(file.epoch).toBe(0);
    expect(file.keys.slots).toEqual([null, null]);
    await file.keepEpoch(7);
    await file.keepKeys(keys);
    const again = await open(directory, 'FW2');
    expect({ epoch: again.epoch, keys: again.keys }).toEqual({ epoch: 7, keys });
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  it('has no key for another node, and the epoch all the same', async () => {
    const file = await open(directory, 'fw2');
    await file.keepEpoch(7);
    await file.keepKeys(keys);
    const other = await open(directory, 'fw3');
    expect(other.epoch).toBe(7);
    expect(other.keys.slots).toEqual([null, null]);
  });

  it.each([
    '{',
    '{}',
    '{"peer":"fw2","epoch":-1,"keys":[null,null],"sign":0}',
    '{"peer":"fw2","epoch":7,"keys":[null,null],"sign":0,"newer":1}',
  ])('that is not what was written keeps no node from starting, and is told: %s', async (text) => {
    writeFileSync(path(), text);
    const file = await open(directory, 'fw2');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(path());
    expect({ epoch: file.epoch, slots: file.keys.slots }).toEqual({
      epoch: 0,
      slots: [null, null],
    });
    await file.keepKeys(keys);
    expect((await open(directory, 'fw2')).keys).toEqual(keys);
    expect(warnings).toHaveLength(1);
  });

  it('that cannot be read keeps no node from starting', async () => {
    mkdirSync(path());
    expect((await open(directory, 'fw2')).epoch).toBe(0);
    expect(warnings[0]).toContain(path());
  });

  it('signs with a key that is there', async () => {
    const file = await open(directory, 'fw2');
    await file.keepKeys({ ...keys, sign: 1 });
    expect((await open(directory, 'fw2')).keys).toEqual(keys);
  });

  it('leaves the keys as they were when the disk refuses', async () => {
    const file = await open(directory, 'fw2');
    await file.keepKeys(keys);
    const before = readFileSync(path(), 'utf8');
    const gone = await open(join(directory, 'gone'), 'fw2');
    await expect(gone.keepKeys(keys)).rejects.toMatchObject({ code: 'io' });
    expect(gone.keys.slots).toEqual([null, null]);
    expect(readFileSync(path(), 'utf8')).toBe(before);
  });
});
