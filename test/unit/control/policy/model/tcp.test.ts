import { describe, expect, it } from 'vitest';
import {
  hasBadFlags,
  opensConnection,
  type TcpPhase,
  tcpStep,
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
  it('go from the handshake to time-wait', () => {
    const segments: [flags: number, reply: boolean, phase: TcpPhase][] = [
      [SYN | ACK, true, 'syn-recv'],
      [ACK, false, 'established'],
      [ACK | PSH, true, 'established'],
      [FIN | ACK, false, 'fin-wait'],
      [ACK, true, 'close-wait'],
      [FIN | ACK, true, 'last-ack'],
      [ACK, false, 'time-wait'],
    ];
    let phase: TcpPhase = 'syn-sent';
    for (const [flags, reply, expected] of segments) {
      const next = tcpStep(phase, flags, reply);
      expect(next).toBe(expected);
      phase = expected;
    }
  });

  it('end with a reset from anywhere, whatever else it says', () => {
    for (const phase of PHASES) {
      expect(tcpStep(phase, RST, false)).toBe('close');
      expect(tcpStep(phase, RST | ACK, true)).toBe('close');
    }
  });

  it('begin anew with a SYN of either side over a connection that is over', () => {
    for (const reply of [false, true]) {
      expect(tcpStep('time-wait', SYN, reply)).toBe('new');
      expect(tcpStep('close', SYN, reply)).toBe('new');
    }
  });

  it('know a simultaneous open', () => {
    expect(tcpStep('syn-sent', SYN, true)).toBe('syn-sent2');
    expect(tcpStep('syn-sent2', SYN | ACK, false)).toBe('syn-recv');
    expect(tcpStep('syn-sent2', SYN | ACK, true)).toBe('syn-recv');
  });

  it('leave a live connection alone when somebody injects a SYN', () => {
    expect(tcpStep('established', SYN, false)).toBe('ignore');
    expect(tcpStep('established', SYN, true)).toBe('invalid');
    expect(tcpStep('established', SYN | ACK, true)).toBe('ignore');
  });

  it('take nothing but the answer for a connection half open', () => {
    expect(tcpStep('syn-sent', ACK, false)).toBe('invalid');
    expect(tcpStep('syn-sent', FIN | ACK, false)).toBe('invalid');
    expect(tcpStep('syn-sent', FIN | ACK, true)).toBe('invalid');
    expect(tcpStep('syn-sent', ACK, true)).toBe('ignore');
  });
});
