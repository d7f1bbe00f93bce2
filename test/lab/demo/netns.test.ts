import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Agent } from '../../../src/lab/agent/handle.js';
import { Lab, LabError, type Namespace } from '../../../src/lab/netns.js';
import { isAlive, markProcess } from '../../../src/lab/process.js';

let lab: Lab;
let left: Namespace;
let right: Namespace;

beforeEach(async () => {
  lab = new Lab('test');
  left = lab.namespace('left');
  right = lab.namespace('right');
  lab.link(
    { namespace: left, device: 'eth0', addresses: ['10.9.0.1/24', 'fd09::1/64'] },
    { namespace: right, device: 'eth0', addresses: ['10.9.0.2/24', 'fd09::2/64'] },
  );
  await lab.settled();
});

afterEach(() => lab.close());

describe('Lab', () => {
  it('wires two namespaces in both families', async () => {
    for (const address of ['10.9.0.2', 'fd09::2']) {
      const { status, stderr } = await left.run(['ping', '-c1', '-W5', address]);
      expect(status, stderr).toBe(0);
    }
  });

  it('takes everything away, processes and bpffs included', async () => {
    const bpffs = lab.bpffs();
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toContain(bpffs);
    const child = left.spawn(['sleep', '600']);
    const mark = markProcess(child.pid ?? 0);
    expect(isAlive(mark)).toBe(true);
    await lab.close();
    expect(isAlive(mark)).toBe(false);
    expect(existsSync(lab.directory)).toBe(false);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(bpffs);
    expect(readdirSync('/run/netns').filter((name) => name.endsWith(lab.suffix))).toEqual([]);
    expect(() => lab.namespace('late')).toThrow(LabError);
  });

  it('tells what a failed command said', () => {
    expect(() => left.ip('link', 'set', 'nothing', 'up')).toThrow(/Cannot find device/);
  });
});

describe('Agent', () => {
  async function pair(): Promise<[Agent, Agent]> {
    const server = new Agent(right);
    await server.ask('serve', {
      host: 'right',
      addresses: ['10.9.0.2', 'fd09::2'],
      services: [
        { transport: 'tcp', port: 80, kind: 'http' },
        { transport: 'tcp', port: 443, kind: 'https' },
        { transport: 'udp', port: 7, kind: 'datagram' },
      ],
    });
    return [new Agent(left), server];
  }

  function attempt(port: number, kind: 'http' | 'https') {
    return {
      transport: 'tcp',
      kind,
      source: 'fd09::1',
      sourcePort: 20_000 + port,
      destination: 'fd09::2',
      port,
      timeoutMs: 5000,
    } as const;
  }

  it('speaks the whole dialogue, over TLS as well, and knows a refusal', async () => {
    const [client] = await pair();
    expect(await client.ask('attempt', attempt(80, 'http'))).toMatchObject({ outcome: 'answered' });
    expect(await client.ask('attempt', attempt(443, 'https'))).toMatchObject({
      outcome: 'answered',
    });
    expect(await client.ask('attempt', attempt(81, 'http'))).toMatchObject({ outcome: 'refused' });
  });

  it('streams until it is told to stop', async () => {
    const [client] = await pair();
    const where = { source: '10.9.0.1', sourcePort: 20_001, destination: '10.9.0.2', port: 80 };
    const first = await client.ask('streamOpen', { stream: 's', pace: 0, ...where });
    expect(first).toMatchObject({ open: true, error: '' });
    const last = await client.ask('streamClose', { stream: 's' });
    expect(last.bytes).toBeGreaterThanOrEqual(first.bytes);
    await expect(client.ask('streamReport', { stream: 's' })).rejects.toThrow(LabError);
  });

  it('counts echoes', async () => {
    const [client] = await pair();
    const where = { source: '10.9.0.1', sourcePort: 20_002, destination: '10.9.0.2', port: 7 };
    await client.ask('pulseStart', { pulse: 'p', intervalMs: 1, ...where });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const report = await client.ask('pulseStop', { pulse: 'p', lingerMs: 200 });
    expect(report.sent).toBeGreaterThan(0);
    expect(report.received).toBe(report.sent);
    expect(report.duplicates).toBe(0);
  });

  it('rejects what is asked of an agent that is gone', async () => {
    const [client] = await pair();
    await lab.close();
    await expect(client.ask('attempt', attempt(80, 'http'))).rejects.toThrow(/is gone/);
  });
});
