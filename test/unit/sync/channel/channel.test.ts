import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, connect as plainConnect } from 'node:net';
import { connect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { TlsConfig } from '../../../../src/control/config/index.js';
import { peerDefinition } from '../../../../src/sync/channel/index.js';
import { days, knock, TestAuthority, TestNode, until } from './pair.js';

const open: { close(): Promise<void> }[] = [];
const authorities: TestAuthority[] = [];

afterEach(async () => {
  for (const node of open.splice(0)) await node.close();
  for (const ca of authorities.splice(0)) ca.remove();
});

function newAuthority(): TestAuthority {
  const ca = new TestAuthority();
  authorities.push(ca);
  return ca;
}

async function node(name: string, peer: string | null, tls: TlsConfig): Promise<TestNode> {
  const made = await TestNode.open(name, peer, tls);
  open.push(made);
  return made;
}

const pem = (tls: TlsConfig) => ({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) });

describe('two nodes with the certificates of one CA', () => {
  it('greet each other, and know who is there', async () => {
    const ca = newAuthority();
    const a = await node('fw1', 'fw2', { ...ca.issue('fw1'), crl: ca.crl });
    const b = await node('fw2', 'fw1', { ...ca.issue('fw2'), crl: ca.crl });
    const channel = a.connect('fw2', b.server.port);
    await until(() => channel.state.up);
    expect(channel.state).toMatchObject({
      up: true,
      format: 1,
      peer: { node: 'fw2', formats: [1] },
    });
    expect(b.hellos).toEqual(['fw1']);
    expect(b.server.connections).toBe(1);
    expect(a.of('peer-up')).toEqual([
      expect.objectContaining({ peer: 'fw2', address: `127.0.0.1:${b.server.port}`, format: 1 }),
    ]);
    expect([...a.of('peer-refused'), ...b.of('peer-refused')]).toEqual([]);
  });

  it('find each other again after one was away', async () => {
    const ca = newAuthority();
    const a = await node('fw1', 'fw2', ca.issue('fw1'));
    const b = await TestNode.open('fw2', 'fw1', ca.issue('fw2'));
    const { port } = b.server;
    const channel = a.connect('fw2', port);
    const states: boolean[] = [];
    channel.watch(({ up }) => states.push(up), new AbortController().signal);
    await until(() => channel.state.up);
    await b.close();
    await until(() => !channel.state.up && channel.state.why.includes('ECONNREFUSED'));
    expect(a.of('peer-down')).toHaveLength(1);
    expect(() => channel.client(peerDefinition().Peer)).toThrow('not connected');
    const again = await TestNode.open('fw2', 'fw1', ca.issue('fw2'), port);
    open.push(again);
    await until(() => channel.state.up);
    expect(again.hellos).toEqual(['fw1']);
    expect([states[0], states[1], states[2], states.at(-1)]).toEqual([false, true, false, true]);
    expect(a.of('peer-down')).toHaveLength(1);
  });
});

describe('whoever is not the peer', () => {
  const cases: [string, string, (ca: TestAuthority, other: TestAuthority) => TlsConfig | null][] = [
    ['without a certificate', 'no-certificate', () => null],
    ['with one of another CA', 'unknown-ca', (_, other) => other.issue('fw2')],
    ['with another name', 'wrong-name', (ca) => ca.issue('fw3')],
    ['with a wildcard', 'wrong-name', (ca) => ca.issue('*', 'wild')],
    ['with an expired one', 'expired', (ca) => ca.issue('fw2', 'old', days(-9, -1))],
    ['with one of tomorrow', 'not-yet-valid', (ca) => ca.issue('fw2', 'new', days(1, 9))],
  ];

  it.each(cases)('%s is hung up on, and told of once', async (_, reason, make) => {
    const ca = newAuthority();
    const b = await node('fw1', 'fw2', ca.issue('fw1'));
    const tls = make(ca, newAuthority());
    for (let i = 0; i < 3; i++) {
      expect(await knock(b.server.port, tls === null ? {} : pem(tls))).toEqual({ bytes: 0 });
    }
    await until(() => b.of('peer-refused').length > 0);
    const name = { 'wrong-name': tls?.cert.includes('wild') ? '*' : 'fw3' }[reason];
    expect(b.events).toEqual([
      expect.objectContaining({ event: 'peer-refused', remote: '127.0.0.1', reason, count: 1 }),
    ]);
    if (name !== undefined) expect(b.events[0]).toMatchObject({ name });
    b.refusals.close();
    expect(b.events.slice(1)).toEqual([expect.objectContaining({ reason, count: 2 })]);
    expect([b.hellos, b.server.connections]).toEqual([[], 0]);
  });

  it('speaks TLS 1.2, or none at all, is hung up on', async () => {
    const ca = newAuthority();
    const b = await node('fw1', 'fw2', ca.issue('fw1'));
    const good = pem(ca.issue('fw2'));
    expect(await knock(b.server.port, { ...good, maxVersion: 'TLSv1.2' })).toEqual({ bytes: 0 });
    await until(() => b.events.length === 1);
    const plain = plainConnect(b.server.port, '127.0.0.1');
    plain.on('error', () => {});
    plain.write('GET / HTTP/1.1\r\n\r\n');
    await until(() => b.events.length === 2);
    plain.destroy();
    await knock(b.server.port, { ...good, ALPNProtocols: ['http/1.1'] });
    await until(() => b.events.length === 3);
    expect(b.events.map((event) => event.reason)).toEqual(['tls-version', 'not-tls', 'protocol']);
    expect(b.events.map((event) => event.remote)).toEqual(Array(3).fill('127.0.0.1'));
  });

  it('has a certificate that was taken back: what stood is cut, nothing comes again', async () => {
    const ca = newAuthority();
    const a = await node('fw1', 'fw2', ca.issue('fw1'));
    const b = await node('fw2', 'fw1', { ...ca.issue('fw2'), crl: ca.crl });
    const channel = a.connect('fw2', b.server.port);
    await until(() => channel.state.up);
    ca.revoke(a.certificates.current.own);
    await until(() => b.of('peer-refused').length > 0);
    expect(b.of('peer-refused')[0]).toMatchObject({ name: 'fw1', reason: 'revoked', count: 1 });
    await until(() => !channel.state.up);
    expect(b.hellos).toEqual(['fw1']);
    expect(b.server.connections).toBe(0);
  });

  it('does not get back in with a session of before', async () => {
    const ca = newAuthority();
    const b = await node('fw1', 'fw2', { ...ca.issue('fw1'), crl: ca.crl });
    const tls = ca.issue('fw2');
    let session: Buffer | undefined;
    const first = connect({
      ...{ host: '127.0.0.1', port: b.server.port, ALPNProtocols: ['h2'] },
      ...{ rejectUnauthorized: false, ...pem(tls) },
    });
    first.on('session', (ticket) => {
      session = ticket;
    });
    // Tickets come before the first bytes of HTTP/2.
    await new Promise((resolve) => first.once('data', resolve));
    first.destroy();
    await until(() => b.server.connections === 0);
    expect(
      await knock(b.server.port, { ...(session && { session }), maxVersion: 'TLSv1.3' }),
    ).toEqual({
      bytes: 0,
    });
    expect(b.of('peer-refused')).toEqual([expect.objectContaining({ reason: 'no-certificate' })]);
  });

  it('is at the address of the peer: nothing is said to it', async () => {
    const ca = newAuthority();
    const a = await node('fw1', 'fw2', { ...ca.issue('fw1'), crl: ca.crl });
    const foreign = newAuthority();
    const impostors: [string, TlsConfig][] = [
      ['wrong-name', ca.issue('fw3')],
      ['expired', ca.issue('fw2', 'old', days(-9, -1))],
      ['unknown-ca', foreign.issue('fw2')],
    ];
    for (const [reason, tls] of impostors) {
      const b = await node(tls.cert.includes('fw3') ? 'fw3' : 'fw2', 'fw1', tls);
      const channel = a.connect('fw2', b.server.port);
      const remote = `127.0.0.1:${b.server.port}`;
      await until(() => a.of('peer-refused').some((event) => event.remote === remote));
      expect(a.of('peer-refused').filter((event) => event.remote === remote)).toEqual([
        expect.objectContaining({
          reason,
          count: 1,
          name: reason === 'wrong-name' ? 'fw3' : 'fw2',
        }),
      ]);
      await until(() => !channel.state.up && channel.state.why.includes(reason));
      expect(b.hellos).toEqual([]);
      await channel.close();
    }
  });
});

describe('new certificates', () => {
  it('are shown to who comes next; what stands goes on', async () => {
    const ca = newAuthority();
    const a = await node('fw1', 'fw2', ca.issue('fw1'));
    const b = await node('fw2', 'fw1', ca.issue('fw2'));
    const channel = a.connect('fw2', b.server.port);
    await until(() => channel.state.up);
    const before = b.certificates.current.own.serialNumber;
    ca.issue('fw2');
    await until(() => b.of('certificates-loaded').length > 0);
    const after = b.certificates.current.own.serialNumber;
    expect(after).not.toBe(before);
    const shown = await new Promise((resolve) => {
      const options = { rejectUnauthorized: false, ALPNProtocols: ['h2'] };
      const socket = connect({ host: '127.0.0.1', port: b.server.port, ...options }, () => {
        resolve(socket.getPeerX509Certificate()?.serialNumber);
        socket.destroy();
      });
    });
    expect(shown).toBe(after);
    const client = channel.client(peerDefinition().Peer);
    const hello = await new Promise((resolve) =>
      client.Hello({ node: 'fw1', formats: [7, 1] }, (_, answer) => resolve(answer)),
    );
    expect(hello).toMatchObject({ node: 'fw2', format: 1 });
    expect(channel.state.up).toBe(true);
    expect(a.of('peer-down')).toEqual([]);
  });

  it('that are not usable change nothing, and are told of once', async () => {
    const ca = newAuthority();
    const tls = ca.issue('fw1');
    const b = await node('fw1', 'fw2', tls);
    const before = b.certificates.current;
    const other = ca.issue('fw1', 'spare');
    ca.write('fw1.key', readFileSync(other.key, 'utf8'));
    await b.certificates.reload();
    await b.certificates.reload();
    expect(b.of('certificates-refused')).toEqual([
      expect.objectContaining({ why: `api.tls.key: ${tls.key}: is not the key of ${tls.cert}` }),
    ]);
    expect(b.certificates.current).toBe(before);
    ca.write('fw1.pem', readFileSync(other.cert, 'utf8'));
    await b.certificates.reload();
    expect(b.certificates.current.own.serialNumber).not.toBe(before.own.serialNumber);
  });

  it('are asked for in time', async () => {
    const ca = newAuthority();
    const b = await node('fw1', 'fw2', ca.issue('fw1', 'fw1', days(-1, 20.5)));
    await b.certificates.reload();
    await b.certificates.reload();
    expect(b.of('certificate-expires')).toEqual([
      expect.objectContaining({ name: 'fw1', days: 20 }),
    ]);
  });
});

describe('a greeting', () => {
  it('is refused when it names another node, no format, or none that both speak', async () => {
    const ca = newAuthority();
    const a = await node('fw1', 'fw2', ca.issue('fw1'));
    const b = await node('fw2', 'fw1', ca.issue('fw2'));
    const channel = a.connect('fw2', b.server.port);
    await until(() => channel.state.up);
    const client = channel.client(peerDefinition().Peer);
    const says = (request: { node: string; formats: number[] }) =>
      new Promise((resolve) => client.Hello(request, (error) => resolve(error?.details)));
    expect(await says({ node: 'fw9', formats: [1] })).toBe(
      'the caller says that it is "fw9", its certificate fw1',
    );
    expect(await says({ node: 'fw1', formats: [] })).toBe('the caller names no format');
    expect(await says({ node: 'fw1', formats: [99] })).toBe('no common format: fw2 speaks 1');
  });
});

describe('a flood', () => {
  it('of connections that say nothing is bounded, and told of', async () => {
    const ca = newAuthority();
    const b = await node('fw1', 'fw2', ca.issue('fw1'));
    const idle = Array.from({ length: 60 }, () => plainConnect(b.server.port, '127.0.0.1'));
    let gone = 0;
    for (const socket of idle) {
      socket.on('error', () => {});
      socket.on('close', () => gone++);
    }
    await until(() => gone === 60 - 16);
    expect(b.of('peer-refused')).toEqual([expect.objectContaining({ reason: 'too-many' })]);
    for (const socket of idle) socket.destroy();
    await until(() => gone === 60);
    const a = await node('fw2', 'fw1', ca.issue('fw2'));
    const channel = a.connect('fw1', b.server.port);
    await until(() => channel.state.up);
  });
});

describe('a peer that does not answer', () => {
  it('is given up on, called again, and found once it does', async () => {
    const ca = newAuthority();
    const a = await node('fw1', 'fw2', ca.issue('fw1'));
    let calls = 0;
    const silent = createServer(() => calls++).listen(0, '127.0.0.1');
    await until(() => silent.listening);
    const { port } = silent.address() as AddressInfo;
    const channel = a.connect('fw2', port);
    await until(() => calls >= 2);
    expect(channel.state).toEqual({ up: false, why: 'no answer' });
    expect(a.of('peer-down')).toHaveLength(1);
    await channel.close();
    silent.close();
  });
});
