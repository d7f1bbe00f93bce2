import { describe, expect, it } from 'vitest';
import {
  hasBadFlags,
  opensConnection,
  type TcpPhase,
  takeByPhase,
} from '../../../../../src/control/policy/model/tcp.js';

const FIN = 1;
const SYN = 2;
const RST = 4;
const PSH = 8;
const ACK = 16;
const URG = 32;

const PHASES: TcpPhase[] = [
  'syn-sent',
  'syn-recv',
  'established',
  'fin-wait',
  'close-wait',
  'last-ack',
  'time-wait',
  'close',
  'syn-sent2',
];

describe('TCP flags', () => {
  it('are bad when no honest stack sends them', () => {
    const good = [SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK];
    for (let flags = 0; flags < 256; flags++) {
      const expected = !good.includes(flags & (FIN | SYN | RST | ACK));
      expect(hasBadFlags(flags), `flags ${flags}`).toBe(expected);
    }
  });

  it('open a connection with SYN alone', () => {
    expect(opensConnection(SYN)).toBe(true);
    expect(opensConnection(SYN | URG | PSH)).toBe(true);
    expect(opensConnection(SYN | ACK)).toBe(false);
    expect(opensConnection(ACK)).toBe(false);
  });
});

describe('TCP phases', () => {
  it('leave it to the numbers of a reset whether it closes', () => {
    for (const phase of PHASES) {
      expect(takeByPhase(phase, RST, false)).toBe('go');
      expect(takeByPhase(phase, RST | ACK, true)).toBe('go');
    }
  });

  it('let either side begin anew over a connection that was reset', () => {
    for (const reply of [false, true]) expect(takeByPhase('close', SYN, reply)).toBe('new');
  });

  it('leave a live connection alone when somebody injects a SYN', () => {
    for (const phase of [
      'syn-recv',
      'established',
      'fin-wait',
      'close-wait',
      'last-ack',
    ] as const) {
      expect(takeByPhase(phase, SYN, false)).toBe('ignore');
      expect(takeByPhase(phase, SYN, true)).toBe('invalid');
    }
  });

  it('take nothing but the answer for a connection half open', () => {
    expect(takeByPhase('syn-sent', ACK, false)).toBe('invalid');
    expect(takeByPhase('syn-sent', SYN | ACK, false)).toBe('invalid');
    expect(takeByPhase('syn-sent', FIN | ACK, false)).toBe('invalid');
    expect(takeByPhase('syn-sent', FIN | ACK, true)).toBe('invalid');
    expect(takeByPhase('syn-sent', ACK, true)).toBe('ignore');
    expect(takeByPhase('syn-sent', SYN | ACK, true)).toBe('go');
  });
});
