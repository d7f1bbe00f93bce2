import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Policies } from '../../../../src/control/daemon/policies.js';
import type { Installer, Sets } from '../../../../src/control/dataplane/index.js';
import { GenerationStore, generationRecord } from '../../../../src/control/store/index.js';

const ME = { user: 'alice', uid: 0 };
const TEXT = 'apiVersion: bridgewall/v1\ngroups: {a: [192.0.2.1]}\n';
const NAMED = 'apiVersion: bridgewall/v1\ngroups: {a: [{name: slow.example.org}]}\n';

describe('policies', () => {
  let directory: string;
  let install: () => void;
  let answer: (addresses: string[]) => void;
  let policies: Policies;
  let store: Awaited<ReturnType<typeof open>>;

  const open = () => GenerationStore.open(directory, generationRecord);

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bridgewall-policies-'));
    store = await open();
    install = () => {};
    const numbers = { ruleSlots: new Map(), groupBits: new Map() };
    const installer = {
      current: () => ({ slot: 0, epoch: 0, generation: 0, trial: null }),
      judging: () => ({ slot: 0, generation: 0 }),
      prepare: () => ({ ...numbers, freshRules: [], freshBits: [] }),
      installInSlices: async (_: unknown, __: unknown, ready: () => Promise<void>) => {
        install();
        await ready();
      },
      retireInSlices: async () => {},
    };
    policies = new Policies({
      store,
      installer: installer as unknown as Installer,
      sets: { clear: async () => {}, fit: async () => {} } as unknown as Sets,
      resolve: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
      ports: [],
      countCut: async () => 0,
      countCutIn: async () => 0,
      cutStates: () => {},
      trials: true,
      node: 'fw1',
      warn: () => {},
    });
  });
  afterEach(async () => {
    await policies.close();
    rmSync(directory, { recursive: true });
  });

  it('that could not be installed are no generations', async () => {
    install = () => {
      throw new Error('no memory');
    };
    const source = { text: TEXT, file: 'policy.yaml' };
    await expect(policies.apply(source, ME)).rejects.toThrow('no memory');
    expect(await store.list()).toEqual([]);
    install = () => {};
    await policies.apply(source, ME);
    expect(await store.list()).toEqual([1]);
  });

  it('that wait for a nameserver keep nobody waiting', async () => {
    const slow = policies.plan({ text: NAMED, file: 'named.yaml' });
    await expect(policies.confirm(ME)).rejects.toThrow('no generation waits to be confirmed');
    answer(['192.0.2.7']);
    expect(await slow).toMatchObject({ differs: true });
  });
});
