import { describe, expect, it } from 'vitest';
import {
  type Binding,
  bindingText,
  placeOf,
  vlanOf,
  vlanOfPlace,
} from '../../../../src/control/policy/bindings.js';
import { compile } from '../../../../src/control/policy/compile.js';
import { diffBindings } from '../../../../src/control/policy/diff.js';
import { parsePolicy } from '../../../../src/control/policy/parse.js';
import { addressBytes } from './arbitraries.js';

const plan = (bound: string) =>
  compile(
    parsePolicy(
      `apiVersion: bridgewall/v1\nhosts: {h: {addresses: [10.0.0.1]${bound}}, i: {addresses: [10.0.0.2]}}\n`,
      'p.yaml',
    ),
  );
const bindingOf = (bound: string): Binding => plan(bound).hosts[0]!.binding;

describe('where a host speaks from', () => {
  it('is one tag, two tags, none, or any', () => {
    expect(bindingOf('').vlan).toBe(null);
    expect(bindingOf(', vlan: none').vlan).toEqual([0, 0]);
    expect(bindingOf(', vlan: 10').vlan).toEqual([10, 0]);
    expect(bindingOf(', vlan: "10"').vlan).toEqual([10, 0]);
    expect(bindingOf(', vlan: [4094, 1]').vlan).toEqual([4094, 1]);
  });

  it('is a port with the place where it is written, and a MAC in small letters', () => {
    expect(bindingOf(', port: dn0, mac: 52:54:00:AB:CD:EF')).toEqual({
      vlan: null,
      port: 'dn0',
      portPosition: { file: 'p.yaml', line: 2, column: 42 },
      mac: '52:54:00:ab:cd:ef',
    });
  });

  it('is written as a policy has it', () => {
    expect(bindingText(bindingOf(''))).toBe('');
    expect(bindingText(bindingOf(', vlan: none'))).toBe('vlan: none');
    const all = 'vlan: [100, 10], port: dn0, mac: 52:54:00:12:34:56';
    expect(bindingText(bindingOf(`, ${all}`))).toBe(all);
  });

  it('makes another digest, and is told when it changes', () => {
    const bound = [
      '',
      ', vlan: 10',
      ', vlan: none',
      ', port: dn0',
      ', port: dn1',
      ', mac: 52:54:00:00:00:01',
    ];
    expect(new Set(bound.map((text) => plan(text).digest)).size).toBe(bound.length);
    expect(diffBindings(null, plan(', vlan: 10'))).toEqual([
      { host: 'h', before: '', after: 'vlan: 10' },
    ]);
    expect(diffBindings(plan(', vlan: 10'), plan(', port: dn0'))).toEqual([
      { host: 'h', before: 'vlan: 10', after: 'port: dn0' },
    ]);
    expect(diffBindings(plan(', vlan: 10'), plan(', vlan: 10'))).toEqual([]);
  });
});

describe('the VLANs of a frame', () => {
  it.each([
    [
      [0, 0],
      [0, 0],
    ],
    [
      [10, 0],
      [10, 0],
    ],
    [
      [100, 10],
      [100, 10],
    ],
    [
      [0x8064, 10],
      [100, 10],
    ],
    [[0x800a, 0], null],
    [[100, 0x800a], null],
  ] as const)('are those of its tags, whichever kind the outer one of two is: %j', (tags, vlan) => {
    expect(vlanOf(tags)).toEqual(vlan);
  });

  it('are told by a place inside the address, and by no other prefix', () => {
    const address = addressBytes('10.0.0.1');
    expect(vlanOfPlace(placeOf(address, [4094, 1]))).toEqual([4094, 1]);
    expect(vlanOfPlace(placeOf(address, [0, 0]))).toEqual([0, 0]);
    expect(vlanOfPlace(placeOf(address, null))).toBe(null);
    expect(placeOf(address, [1, 0]).key > placeOf(address, null).key).toBe(true);
  });
});
