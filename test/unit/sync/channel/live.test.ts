import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { LiveConnections } from '../../../../src/sync/channel/live.js';
import { days, TestAuthority, until } from './pair.js';

const ca = new TestAuthority();
afterAll(() => ca.remove());

describe('a connection that stands', () => {
  it('ends with its certificate, and no other with it', async () => {
    const live = new LiveConnections();
    const [short, long] = [1, 9].map((left) => {
      const { cert } = ca.issue('fw1', `for-${left}`, days(-1, left));
      const socket = new PassThrough();
      live.add(socket, new X509Certificate(readFileSync(cert)));
      return socket;
    });
    live.cutExpired(Date.now());
    expect([short!.destroyed, long!.destroyed, live.size]).toEqual([false, false, 2]);
    live.cutExpired(Date.now() + 2 * 86_400_000);
    expect([short!.destroyed, long!.destroyed]).toEqual([true, false]);
    await until(() => live.size === 1);
    live.cutAll();
    expect(long!.destroyed).toBe(true);
    live.close();
  });
});
