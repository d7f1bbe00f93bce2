/** Real clients: connections over a rate or a limit do not come about, all others do, and live ones go on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench, CLIENT, LiveConnection, SERVER } from './bench.js';

const OTHER = '10.9.0.3';
const SOON = { timeout: 15_000 };

/** Nobody waits for half an hour, so what is left of the rate is left for good. */
const policy = (limits: string, web = '{from: local, rate: 2/h, id: web}') => `
apiVersion: bridgewall/v1
groups: {local: [10.9.0.0/24]}
hosts:
  server:
    addresses: [${SERVER.v4}]
    in: {ping: local, 80/tcp: ${web}, 443/tcp: local}
defaults: {limits: {${limits}}}
`;

describe('new connections', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = new Bench();
    bench.client.ip('address', 'add', `${OTHER}/24`, 'dev', 'e0');
    await bench.serve(80, 443);
    await bench.start();
  });
  afterAll(() => bench.close());

  const dropped = async (reason: string): Promise<number> =>
    (await bench.api.counters()).total.dropped[reason] ?? 0;
  const connectsFrom = async (source: string, port: number): Promise<boolean> => {
    const code = `const s = require('net').connect({port: ${port}, host: '${SERVER.v4}', localAddress: '${source}'});
      s.setTimeout(1500, () => process.exit(1)).on('connect', () => process.exit(0)).on('error', () => process.exit(2));`;
    return (await bench.client.run([process.execPath, '-e', code])).status === 0;
  };
  const explain = (destinationPort: number) =>
    bench.api.explain({
      ...{ protocol: 'tcp', source: CLIENT.v4, sourcePort: 4000, destination: 'server' },
      ...{ destinationPort, icmpType: 0, port: '', vlan: [] },
    });

  it('over the rate of their rule are dropped, and those before them live', async () => {
    await bench.apply(policy(''));
    const first = new LiveConnection(bench, 80);
    expect(await first.echoes('one')).toBe(true);
    expect(await explain(80)).toMatchObject({
      verdict: 'accept',
      limit: '',
      rules: { in: { id: 'web', options: 'rate 2/h' } },
    });
    expect(await bench.connects(80)).toBe(true);
    expect(await bench.connects(80)).toBe(false);
    expect(await dropped('rate')).toBeGreaterThan(0);
    expect(await explain(80)).toMatchObject({
      verdict: 'drop',
      reason: 'rate',
      limit: 'rule web: 2/h',
    });
    expect(await first.echoes('two')).toBe(true);
    expect(await bench.connects(443)).toBe(true);
    expect(await dropped('limit')).toBe(0);
  });

  it('of a source that holds all it may are dropped, and another gets in', async () => {
    const source = { text: policy('perSource: {states: 2}', 'local'), file: 'policy.yaml' };
    await bench.api.killStates({}, true, { user: 'test', uid: null });
    expect(await bench.api.plan(source)).toMatchObject({
      differs: true,
      limits: [{ what: 'every source', before: '', after: '2 states' }],
    });
    await bench.apply(source.text);
    const held = [new LiveConnection(bench, 80), new LiveConnection(bench, 443)];
    for (const each of held) expect(await each.echoes('here')).toBe(true);
    expect(await bench.connects(80)).toBe(false);
    expect(await dropped('limit')).toBeGreaterThan(0);
    expect(await explain(443)).toMatchObject({
      verdict: 'drop',
      reason: 'limit',
      limit: 'every source: 2 states',
    });
    expect(await connectsFrom(OTHER, 80)).toBe(true);
    for (const each of held) expect(await each.echoes('still here')).toBe(true);
  });

  it('come about again once one has been killed, and are too many again after that', async () => {
    const filter = { address: CLIENT.v4, port: 443 };
    expect(await bench.api.killStates(filter, false, { user: 'test', uid: null })).toBe(1);
    expect(await new LiveConnection(bench, 80).echoes('instead')).toBe(true);
    expect(await bench.connects(80)).toBe(false);
  });

  it('are not refused for what is held while nobody sweeps, and are when a daemon is back', async () => {
    await bench.kill();
    await expect.poll(() => bench.connects(80), SOON).toBe(true);
    await bench.start();
    await expect.poll(async () => (await explain(80)).reason, SOON).toBe('limit');
    expect(await bench.connects(80)).toBe(false);
  });

  it('to a host have limits, too', async () => {
    await bench.apply(policy('perHost: {rate: 3/h}', 'local'));
    for (const source of [CLIENT.v4, OTHER, CLIENT.v4]) {
      expect(await connectsFrom(source, 443)).toBe(true);
    }
    expect(await connectsFrom(OTHER, 80)).toBe(false);
    expect(await explain(80)).toMatchObject({ reason: 'rate', limit: 'host server: 3/h' });
  });
});
