import { expect, it } from 'vitest';
import { matrixCells } from '../../../../src/control/daemon/matrix-view.js';
import type { Plan } from '../../../../src/control/policy/plan.js';

it('makes one cell of each pair, without deny lines', () => {
  const rules = [
    { direction: 'in', host: 'mail', service: '25/tcp', peers: 'any' },
    { direction: 'in', host: 'mail', service: 'imap', peers: 'local' },
    { direction: 'in', host: 'mail', service: 'ping', peers: 'any' },
    { direction: 'in', host: 'mail', service: 'ping', peers: 'any' },
    { direction: 'out', host: 'mail', service: '53/udp', peers: 'dns' },
    { direction: 'transit', host: '', service: 'all', peers: 'local -> extranet' },
    { direction: 'deny', host: '', service: 'all', peers: 'badguys' },
  ];
  expect(matrixCells({ rules } as unknown as Plan)).toEqual([
    { from: 'any', to: 'mail', services: ['25/tcp', 'ping'] },
    { from: 'local', to: 'mail', services: ['imap'] },
    { from: 'mail', to: 'dns', services: ['53/udp'] },
    { from: 'local', to: 'extranet', services: ['all'] },
  ]);
});
