/** Connections whose packets a consumer of NFQUEUE decides about. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench, CLIENT, SERVER } from '../daemon/bench.js';
import { asked, running } from './server.js';

const QUEUE = '0';

function policy(inspect: string): string {
  return [
    'apiVersion: bridgewall/v1',
    'hosts:',
    '  server:',
    `    addresses: [${SERVER.v4}, "${SERVER.v6}"]`,
    `    in: {7/tcp: {from: any, inspect: ${inspect}}, 8/tcp: any, ping: any}`,
  ].join('\n');
}

describe.each(['tc', 'generic', 'xdp'] as const)('in %s', (attach) => {
  let bench: Bench;

  beforeAll(async () => {
    bench = new Bench(attach);
    await bench.start();
    await bench.serve(7, 8);
  });
  afterAll(() => bench.close());

  const says = (host: string, port: number, words: string) =>
    asked(bench, 'echo.py', host, `${port}`, words);

  it('one that is asked drops what it does not like, and sees no other', async () => {
    await bench.apply(policy('true'));
    const consumer = await running(bench.wall, 'consumer.py', QUEUE);
    for (const host of Object.values(SERVER)) {
      expect(await says(host, 7, 'hello')).toBe('hello');
      expect(await says(host, 7, 'EVIL')).toBe('TimeoutError');
      expect(consumer.lines.some((line) => line.endsWith('drop'))).toBe(true);
      const seen = consumer.lines.length;
      expect(await says(host, 8, 'EVIL')).toBe('EVIL');
      // Retransmissions of what it dropped may still come.
      const later = consumer.lines.slice(seen);
      expect(later.every((line) => line.endsWith('drop'))).toBe(true);
    }
    await consumer.end();
  }, 60_000);

  it('without one nothing passes, unless the rule says so', async () => {
    await bench.apply(policy('true'));
    for (const host of Object.values(SERVER)) {
      expect(await says(host, 7, 'hello')).toBe('TimeoutError');
    }
    await bench.apply(policy('fail-open'));
    for (const host of Object.values(SERVER)) expect(await says(host, 7, 'EVIL')).toBe('EVIL');
    const consumer = await running(bench.wall, 'consumer.py', QUEUE);
    expect(await says(SERVER.v4, 7, 'EVIL')).toBe('TimeoutError');
    await consumer.end();
  }, 60_000);

  it('also while no daemon is there, and what was learned counts for nothing', async () => {
    await bench.apply(policy('true'));
    const consumer = await running(bench.wall, 'consumer.py', QUEUE);
    await bench.kill();
    // Its lease is two seconds: from then on the kernel bridge finds the way.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    for (const host of Object.values(SERVER)) {
      expect(await says(host, 7, 'hello')).toBe('hello');
      expect(await says(host, 7, 'EVIL')).toBe('TimeoutError');
    }
    await consumer.end();
    expect(await says(SERVER.v4, 7, 'hello')).toBe('TimeoutError');
    await bench.start();
  }, 60_000);

  it('explain tells of it', async () => {
    await bench.apply(policy('fail-open'));
    const { verdict, rules } = await bench.api.explain({
      ...{ protocol: 'tcp', source: CLIENT.v4, sourcePort: 40000 },
      ...{ destination: SERVER.v4, destinationPort: 7, icmpType: 0, port: '', vlan: [] },
    });
    expect([verdict, rules.in?.options]).toEqual(['accept', 'inspect: fail-open']);
  });
});
