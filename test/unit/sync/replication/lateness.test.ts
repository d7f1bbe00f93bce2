import { describe, expect, it } from 'vitest';
import { Lateness } from '../../../../src/sync/replication/lateness.js';

/** Milliseconds that the sender's clock is behind. */
const APART = 1_000_000;

describe('lateness', () => {
  it('is measured by the quickest message', () => {
    const lateness = new Lateness();
    const of = (sent: number, travelled: number) => lateness.of(sent, sent + APART + travelled);
    expect(of(0, 5)).toBe(0);
    expect(of(10, 25)).toBe(20);
    expect(of(20, 2)).toBe(0);
    expect(of(30, 25)).toBe(23);
  });

  it('forgets what was quick long ago, for clocks run apart', () => {
    const lateness = new Lateness();
    lateness.of(0, APART);
    for (let sent = 0; sent < 300_000; sent += 1000) lateness.of(sent, sent + APART + 40);
    expect(lateness.of(300_000, 300_000 + APART + 41)).toBe(1);
  });
});
