import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Dataplane, Installer, PinSet, Sets } from '../../../src/control/dataplane/index.js';
import { index } from '../../../src/control/dataplane/object.js';
import {
  compile,
  MatrixTable,
  type Plan,
  parsePolicy,
  RuleTable,
} from '../../../src/control/policy/index.js';
import * as layouts from '../../../src/generated/layouts.js';
import { Lab } from '../../../src/lab/netns.js';
import { policy } from './bench.js';

const planOf = (text: string) => compile(parsePolicy(text, 'policy.yaml'));
const none = { ruleSlots: new Map<string, number>(), groupBits: new Map<string, number>() };

describe('installing a plan', () => {
  let lab: Lab;
  let dataplane: Dataplane;
  let installer: Installer;

  const filledSlots = () =>
    [0, 1, 2, 3].filter((slot) => dataplane.map('matrix').lookup(index(slot)) !== undefined);

  beforeAll(() => {
    lab = new Lab('install');
    dataplane = Dataplane.open(new PinSet(lab.bpffs(), 'fw.1'), { maxStates: 1024 });
    installer = new Installer(dataplane, () => new Map());
  });
  afterAll(async () => {
    dataplane.close();
    await lab.close();
  });

  it('begins with generation 0 and no policy', () => {
    expect(dataplane.fresh).toBe(true);
    expect(installer.current()).toMatchObject({ generation: 0 });
    expect(dataplane.map('established').info.maxEntries).toBe(1024);
    expect(dataplane.map('pending').info.maxEntries).toBe(16384);
  });

  it('switches, keeps the generation before, and frees the ones before that', () => {
    for (let generation = 1; generation <= 9; generation++) {
      const before = installer.current();
      installer.install(installer.prepare(planOf(policy([generation])), generation, none));
      const now = installer.current();
      expect(now).toMatchObject({ generation, epoch: before.epoch + 2 });
      const kept = generation === 1 ? [now.slot] : [before.slot, now.slot];
      expect(filledSlots()).toEqual(kept.sort());
    }
  });

  it('changes nothing when it fails on the way', () => {
    const before = installer.current();
    const slots = filledSlots();
    const good = planOf(policy([80]));
    const broken: Plan[] = [
      { ...good, services: new Uint16Array(1 << 20) },
      { ...good, addresses: [{ ...good.addresses[0]!, host: -1 }] },
      { ...good, matrix: MatrixTable.of([{ ...good.matrix.at(0), serviceClass: 1 << 16 }]) },
    ];
    for (const plan of broken) {
      const prepared = installer.prepare(plan, 99, none);
      expect(() => installer.install(prepared)).toThrow(/^the policy was not installed: /);
      expect(installer.current()).toEqual(before);
      expect(filledSlots()).toEqual(slots);
    }
    installer.install(installer.prepare(good, 10, none));
    expect(installer.current().generation).toBe(10);
  });

  it('has the last word of its caller in a slot that is filled, and changes nothing without it', async () => {
    const before = installer.current();
    const slots = filledSlots();
    const prepared = installer.prepare(planOf(policy([80, 81])), 99, none);
    let seen: number[] = [];
    const ready = async (slot: number) => {
      seen = filledSlots().filter((filled) => !slots.includes(filled));
      expect(seen).toEqual([slot]);
      expect(installer.current()).toEqual(before);
      throw new Error('no');
    };
    await expect(installer.installInSlices(prepared, null, ready)).rejects.toThrow('no');
    expect(seen).toHaveLength(1);
    expect(installer.current()).toEqual(before);
    expect(filledSlots()).toEqual(slots);
  });

  it('refuses what its tables cannot hold before anything changes', () => {
    const good = planOf(policy([80]));
    const line = good.rules.at(0);
    const lines = Array.from({ length: 131072 }, (_, i) => ({ ...line, id: `r${i}` }));
    const rules = RuleTable.of(lines);
    expect(() => installer.prepare({ ...good, rules }, 11, none)).toThrow(
      /131072 rules, more than the 131071 that fit/,
    );
  });

  it('gives a new rule zeroed counters, and lets the others keep theirs', () => {
    const counters = dataplane.map('rule_counters');
    const size = counters.lookup(index(1))!.length;
    const held = installer.prepare(planOf(policy([80])), 12, none);
    for (const slot of [1, 2, 3, 4]) counters.update(index(slot), Buffer.alloc(size, 1));
    const next = installer.prepare(planOf(policy([80, 443])), 12, held);
    expect(next.freshRules).toEqual([4]);
    for (const [id, slot] of held.ruleSlots) expect(next.ruleSlots.get(id)).toBe(slot);
    installer.install(next);
    expect(counters.lookup(index(4))!.every((byte) => byte === 0)).toBe(true);
    expect(counters.lookup(index(3))!.every((byte) => byte === 1)).toBe(true);
  });

  it('tells deny lines by groups, and asks for the members of those that deny uses', () => {
    expect(installer.usedGroups()).toBe(1);
    const { slot } = installer.current();
    const value = dataplane.map('generations').lookup(index(slot))!;
    const generation = layouts.generation.decode(value);
    expect(generation.dynamicFrom[0]).toBe(1n);
    expect(generation.denyAllServices).toBe(1n);
  });

  it('is found again by another process', async () => {
    const again = Dataplane.open(new PinSet(`${dataplanePins(lab)}`, 'fw.1'), { maxStates: 5 });
    try {
      expect(again.fresh).toBe(false);
      expect(new Installer(again, () => new Map()).current()).toEqual(installer.current());
      expect(again.reasons.get(1)).toEqual(dataplane.reasons.get(1));
      const sets = await Sets.open(again);
      expect(sets.count(0)).toBe(0);
    } finally {
      again.close();
    }
  });
});

function dataplanePins(lab: Lab): string {
  return `${lab.directory}/bpf`;
}
