import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  compile,
  judgePlan,
  NO_MEMBERS,
  parsePolicy,
  readAddress,
  serviceCode,
} from '../../../src/control/policy/index.js';
import { type Attempt, allAttempts } from '../../../src/lab/judge.js';
import { POLICY, withoutExtranetWeb } from '../../../src/lab/live-scenes.js';
import { ROOT } from '../../../src/lab/root.js';
import { addressOf, isServiceName, serviceSpec, stationOf } from '../../../src/lab/site.js';

function plan(text: string, file = POLICY) {
  return compile(parsePolicy(text, file));
}

function example(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

function bytes(address: string): Uint8Array {
  const read = readAddress(address);
  if (!(read instanceof Uint8Array)) throw new Error(`${address} is no address`);
  return read;
}

function code({ probe, family }: Attempt): number {
  if (!isServiceName(probe)) {
    return family === 4 ? serviceCode(4, 1, 8) : serviceCode(6, 58, 128);
  }
  const { transport, port } = serviceSpec(probe);
  return serviceCode(family, transport === 'tcp' ? 6 : 17, port);
}

function verdict(compiled: ReturnType<typeof plan>, attempt: Attempt): string {
  const judgement = judgePlan(
    compiled,
    {
      source: bytes(addressOf(attempt.from, attempt.family)),
      destination: bytes(addressOf(attempt.to, attempt.family)),
      code: code(attempt),
      fromUplink: stationOf(attempt.from).side === 'uplink',
    },
    NO_MEMBERS,
  );
  return judgement.verdict === 'accept' ? 'open' : judgement.reason;
}

describe('the examples', () => {
  it('hold the matrix that was written down by hand', () => {
    const compiled = plan(example(POLICY));
    expect(compiled.warnings).toEqual([]);
    for (const attempt of allAttempts()) {
      expect(verdict(compiled, attempt), JSON.stringify(attempt)).toBe(attempt.expected);
    }
  });

  it('lose exactly the web of the Extranet when that line goes', () => {
    const compiled = plan(withoutExtranetWeb(example(POLICY)));
    for (const attempt of allAttempts()) {
      const web = attempt.probe === '80/tcp' || attempt.probe === '443/tcp';
      const lost = attempt.from === 'extranet' && attempt.to === 'www' && web;
      expect(verdict(compiled, attempt)).toBe(lost ? 'no-in' : attempt.expected);
    }
  });

  it('begin with a policy of fifteen lines', () => {
    const text = example('examples/first.yaml');
    expect(plan(text, 'examples/first.yaml').warnings).toEqual([]);
    expect(text.trimEnd().split('\n')).toHaveLength(15);
  });
});
