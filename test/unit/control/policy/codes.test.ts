import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as codes from '../../../../src/control/policy/codes.js';
import { MAX_DYNAMIC_GROUPS } from '../../../../src/control/policy/groups.js';
import { MAX_DENY_LINES } from '../../../../src/control/policy/lines.js';

const layout = ['layout.h', 'layout_policy.h']
  .map((name) => readFileSync(new URL(`../../../../bpf/${name}`, import.meta.url), 'utf8'))
  .join('\n');

/** The value that an enum in layout.h gives a name. */
function inLayout(name: string): number {
  const match = new RegExp(`\\b${name} = (0x[0-9a-f]+|\\d+)`).exec(layout);
  if (match === null) throw new Error(`${name} is not in layout.h`);
  return Number(match[1]);
}

describe('numbers shared with the packet path', () => {
  it.each([
    ['SERVICE_TCP', codes.SERVICE_TCP],
    ['SERVICE_UDP', codes.SERVICE_UDP],
    ['SERVICE_SCTP', codes.SERVICE_SCTP],
    ['SERVICE_ICMP', codes.SERVICE_ICMP],
    ['SERVICE_ICMP6', codes.SERVICE_ICMP6],
    ['SERVICE_PROTO', codes.SERVICE_PROTO],
    ['SERVICE_CODES', codes.SERVICE_CODES],
    ['MAX_DENY_LINES', MAX_DENY_LINES],
    ['MAX_DYNAMIC_GROUPS', MAX_DYNAMIC_GROUPS],
  ])('%s is that of layout.h', (name, value) => {
    expect(value).toBe(inLayout(name));
  });
});

describe('serviceCode', () => {
  it('counts ports and types from the base of their protocol', () => {
    expect(codes.serviceCode(4, 6, 25)).toBe(25);
    expect(codes.serviceCode(6, 17, 53)).toBe(0x10000 + 53);
    expect(codes.serviceCode(4, 132, 9)).toBe(0x20000 + 9);
    expect(codes.serviceCode(4, 1, 8)).toBe(0x30008);
    expect(codes.serviceCode(6, 58, 128)).toBe(0x30180);
  });

  it('takes ICMP in the other family for a protocol like any other', () => {
    expect(codes.serviceCode(6, 1, 8)).toBe(0x30200 + 1);
    expect(codes.serviceCode(4, 58, 128)).toBe(0x30200 + 58);
    expect(codes.serviceCode(4, 47, 0)).toBe(0x30200 + 47);
  });

  it('has every code of a protocol in its ranges', () => {
    for (const protocol of [1, 6, 17, 47, 58, 132]) {
      const ranges = codes.protocolRanges(protocol);
      for (const family of [4, 6] as const) {
        for (const port of [0, 1, 200, 255]) {
          const code = codes.serviceCode(family, protocol, port);
          expect(ranges.some(({ low, high }) => low <= code && code <= high)).toBe(true);
        }
      }
    }
  });
});
