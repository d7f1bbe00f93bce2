/** Connections that send nothing end all the same, once nothing allows them any more or somebody says so. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench, CLIENT, EventEar, LiveConnection, policy } from './bench.js';

const ME = { user: 'alice', uid: 1005 };
const SOON = { timeout: 10_000 };

describe('a silent connection', () => {
  let bench: Bench;
  let ear: EventEar;

  const states = async (): Promise<number[]> => {
    const ports: number[] = [];
    for await (const batch of bench.api.states({ proto: 'tcp' })) {
      ports.push(...batch.map(({ dport }) => dport));
    }
    return ports.sort();
  };
  const connect = async (...ports: number[]) => {
    for (const port of ports) {
      expect(await new LiveConnection(bench, port).echoes(`to ${port}`)).toBe(true);
    }
  };

  beforeAll(async () => {
    bench = new Bench();
    await bench.serve(80, 443);
    await bench.start();
    await bench.apply(policy([80, 443]));
    ear = await EventEar.listen(bench.api);
  });
  afterAll(async () => {
    ear.close();
    await bench.close();
  });

  it('ends with the rule that allowed it', async () => {
    await connect(80, 443);
    expect(await states()).toEqual([443, 80].sort());
    expect(await bench.api.plan({ text: policy([80]), file: 'p' })).toMatchObject({ statesCut: 1 });
    await bench.apply(policy([80]));
    await expect.poll(states, SOON).toEqual([80]);
    const cut = () => ear.of('state-cut');
    await expect.poll(cut, SOON).toMatchObject([{ proto: 'tcp', reason: 'no-in' }]);
  });

  it('outlives a policy on trial, and ends when that is confirmed', async () => {
    const source = { text: policy([443]), file: 'policy.yaml' };
    const applied = await bench.api.apply(source, ME, { confirmSeconds: 60 });
    expect(applied).toMatchObject({ installed: true, statesCut: 1 });
    await connect(443);
    expect(await states()).toEqual([443, 80].sort());
    await bench.api.confirm(ME);
    await expect.poll(states, SOON).toEqual([443]);
  });

  it('ends when its address becomes a member', async () => {
    await bench.api.setAdd('badguys', [CLIENT.v4], null);
    await expect.poll(states, SOON).toEqual([]);
    await bench.api.setDelete('badguys', [CLIENT.v4]);
  });

  it('ends when it is killed, and who did it is told', async () => {
    await bench.apply(policy([80, 443]));
    await connect(80, 443);
    await expect(bench.api.killStates({}, false, ME)).rejects.toThrow('say all if that is meant');
    await expect(bench.api.killStates({ port: 80 }, true, ME)).rejects.toThrow('without a filter');
    await expect(bench.api.killStates({ host: 'nobody' }, false, ME)).rejects.toThrow('no host');
    expect(await bench.api.killStates({ port: 443, host: 'server' }, false, ME)).toBe(1);
    expect(await states()).toEqual([80]);
    expect(await bench.api.killStates({}, true, ME)).toBeGreaterThanOrEqual(1);
    expect(await states()).toEqual([]);
    const killed = () => ear.of('states-killed');
    await expect.poll(killed, SOON).toMatchObject([
      { filter: 'port=443 host=server', count: 1, ...ME },
      { filter: 'all', ...ME },
    ]);
  });

  it('ends with the membership that allowed it, taken away or expired, daemon or no daemon', async () => {
    const office = policy([80]).replace('badguys:', 'vpn: {dynamic: true}\n  badguys:');
    await bench.apply(office.replace('ping: local', 'ping: local\n      443/tcp: [vpn, 10.9.9.9]'));
    expect(await bench.connects(443)).toBe(false);
    await bench.api.setAdd('vpn', [CLIENT.v4], null);
    await connect(80, 443);
    await bench.api.setDelete('vpn', [CLIENT.v4]);
    await expect.poll(states, SOON).toEqual([80]);

    await bench.api.setAdd('vpn', [CLIENT.v4], 3);
    await connect(443);
    await expect.poll(states, SOON).toEqual([80]);

    await bench.api.setAdd('vpn', [CLIENT.v4], 4);
    await connect(443);
    ear.close();
    await bench.kill();
    await new Promise((resolve) => setTimeout(resolve, 4500));
    await bench.start();
    await expect.poll(states, SOON).toEqual([80]);
  });
});
