import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventBus } from '../../../../src/control/daemon/event-bus.js';
import type { NodeEvent } from '../../../../src/control/events.js';
import { Refusals, reasonOf } from '../../../../src/sync/channel/refusals.js';

describe('refused connections', () => {
  let told: NodeEvent[];
  let refusals: Refusals;

  beforeEach(() => {
    vi.useFakeTimers();
    told = [];
    const bus = new EventBus();
    bus.watch((event) => told.push(event), new AbortController().signal);
    refusals = new Refusals(bus, { everyMs: 10_000, most: 3 });
  });
  afterEach(() => {
    refusals.close();
    vi.useRealTimers();
  });

  const seen = () => told.map(({ remote, reason, count }) => `${count} ${reason} ${remote}`);

  it('are told of at once, then summed up', () => {
    for (let i = 0; i < 1000; i++) refusals.tell('10.0.0.9', 'expired', 'fw2');
    refusals.tell('10.0.0.9', 'wrong-name', 'fw3');
    expect(seen()).toEqual(['1 expired 10.0.0.9', '1 wrong-name 10.0.0.9']);
    vi.advanceTimersByTime(10_000);
    expect(seen().slice(2)).toEqual(['999 expired 10.0.0.9']);
    vi.advanceTimersByTime(100_000);
    expect(told).toHaveLength(3);
    refusals.tell('10.0.0.9', 'expired');
    expect(seen().slice(3)).toEqual(['1 expired 10.0.0.9']);
  });

  it('of many addresses are told of as those of others, and none is lost', () => {
    for (let i = 0; i < 500; i++) refusals.tell(`10.0.${i >> 8}.${i & 255}`, 'not-tls');
    expect(seen()).toEqual([
      '1 not-tls 10.0.0.0',
      '1 not-tls 10.0.0.1',
      '1 not-tls 10.0.0.2',
      '1 not-tls others',
    ]);
    refusals.close();
    expect(seen().slice(4)).toEqual(['496 not-tls others']);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the reason for an error of TLS', () => {
  it.each([
    ['CERT_REVOKED', 'revoked'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'unknown-ca'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'alert'],
    ['ERR_SSL_DECRYPTION_FAILED', 'handshake'],
    ['ECONNRESET', undefined],
  ])('%s: %s', (code, reason) => {
    expect(reasonOf(code)).toBe(reason);
    expect(reasonOf(Object.assign(new Error('x'), { code }))).toBe(reason);
  });
});
