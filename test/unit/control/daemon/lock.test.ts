import { afterEach, describe, expect, it } from 'vitest';
import { lockNode, NodeBusyError } from '../../../../src/control/daemon/lock.js';

const run = `${process.pid}`.slice(-6);
const releases: (() => Promise<void>)[] = [];

const file = (node: string, bridge: string, ...ports: string[]) => ({
  node: `${node}-${run}`,
  pins: '/run/bridgewall/bpf',
  bridge: {
    name: `${bridge}${run}`,
    ports: ports.map((port) => ({ name: `${port}${run}`, side: 'uplink' as const })),
    stp: 'off' as const,
    reserved: { bpdu: 'forward', lldp: 'drop', lacp: 'drop', eapol: 'drop' } as const,
  },
});

async function take(...args: Parameters<typeof file>): Promise<void> {
  releases.push(await lockNode(file(...args)));
}

afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});

describe('the lock of a node', () => {
  it('stands beside that of another node', async () => {
    await take('a', 'br', 'up', 'dn');
    await take('b', 'bs', 'uq', 'dq');
  });

  it('is taken once by node, bridge and port, and says who holds it', async () => {
    await take('a', 'br', 'up', 'dn');
    await expect(lockNode(file('a', 'bs', 'uq'))).rejects.toThrow(
      `node a-${run} is run by another bridgewalld`,
    );
    await expect(lockNode({ ...file('a', 'bs', 'uq'), pins: '/elsewhere' })).rejects.toThrow(
      `node a-${run} is run by another bridgewalld`,
    );
    await expect(lockNode(file('b', 'br', 'uq'))).rejects.toThrow(
      `bridge br${run} is held by node a-${run}, which a bridgewalld runs`,
    );
    await expect(lockNode(file('b', 'bs', 'uq', 'dn'))).rejects.toThrow(
      `port dn${run} is held by node a-${run}, which a bridgewalld runs`,
    );
  });

  it('leaves nothing taken when it is refused, nor when it is given back', async () => {
    await take('a', 'br', 'up');
    await expect(lockNode(file('b', 'bs', 'uq', 'up'))).rejects.toBeInstanceOf(NodeBusyError);
    await take('c', 'bs', 'uq');
    await releases.shift()!();
    await take('b', 'br', 'up');
  });
});
