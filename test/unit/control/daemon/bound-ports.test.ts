import { describe, expect, it } from 'vitest';
import { checkBoundPorts } from '../../../../src/control/daemon/bound-ports.js';
import { compile, parsePolicy } from '../../../../src/control/policy/index.js';

const PORTS = [
  { name: 'up0', side: 'uplink' },
  { name: 'dn0', side: 'inside' },
  { name: 'dn1', side: 'inside' },
] as const;

function check(bound: string): void {
  const text = `apiVersion: bridgewall/v1\nhosts:\n  web: {addresses: [192.0.2.1]${bound}}\n`;
  checkBoundPorts(compile(parsePolicy(text, 'p.yaml')), PORTS);
}

describe('ports that hosts are bound to', () => {
  it('are inside ports of the node', () => {
    check('');
    check(', port: dn0');
    check(', port: dn1, vlan: 10');
  });

  it.each([
    ['dn9', 'host web is bound to port dn9, and this node has none of that name'],
    ['up0', 'host web is bound to port up0, an uplink: '],
  ])('are refused at their place: %s', (port, problem) => {
    expect(() => check(`, port: ${port}`)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/^p\.yaml:3:39: .*; hint: write one of dn0, dn1$/),
        problem: expect.stringContaining(problem),
      }),
    );
  });
});
