/** What others may ask of a node over the network, by the names in their certificates. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createSecureContext } from 'node:tls';
import { type Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { apiDefinition } from '../../../../src/control/api/definition.js';
import { parseNodeConfig } from '../../../../src/control/config/index.js';
import { EventBus } from '../../../../src/control/daemon/event-bus.js';
import { Network, openCertificates, READING } from '../../../../src/control/daemon/network.js';
import type { NodeEvent } from '../../../../src/control/events.js';
import type { NodeClient } from '../../../../src/generated/proto/bridgewall/v1/Node.js';
import { peerDefinition } from '../../../../src/sync/channel/index.js';
import { FakeNode } from '../../../lab/api/fake-node.js';
import { TestAuthority, until } from '../../sync/channel/pair.js';

const closing: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await until(() => server.listening);
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Running {
  readonly ca: TestAuthority;
  readonly port: number;
  readonly events: NodeEvent[];
  readonly fake: FakeNode;
  readonly network: Network;
}

/** A node of which only the network is real. */
async function open(more: { api?: string; ha?: string; port?: number }): Promise<Running> {
  const ca = new TestAuthority();
  closing.push(() => ca.remove());
  ca.issue('fw1');
  const port = more.port ?? (await freePort());
  const text = `node: fw1
bridge: {name: br0, ports: [{name: up0, side: uplink}, {name: dn0, side: inside}]}
api: {listen: "127.0.0.1:${port}", tls: {ca: ca.pem, cert: fw1.pem, key: fw1.key}${more.api ?? ''}}
${more.ha ?? ''}
`;
  const config = parseNodeConfig(text, `${ca.directory}/node.yaml`);
  const bus = new EventBus();
  const events: NodeEvent[] = [];
  bus.watch((event) => events.push(event), new AbortController().signal);
  const certificates = (await openCertificates(config, bus))!;
  closing.push(() => certificates.close());
  const fake = new FakeNode();
  const log = pino({ level: 'silent' });
  const network = Network.open({ config, certificates, service: fake, events: bus, log });
  closing.push(() => network.close());
  return { ca, port, events, fake, network };
}

function client<T>(
  { ca, port }: Running,
  name: string,
  type: new (...args: ConstructorParameters<typeof Client>) => T,
): T {
  const tls = ca.issue(name, `client-${name}`);
  const [root, cert, key] = [tls.ca, tls.cert, tls.key].map((file) => readFileSync(file));
  const context = createSecureContext({ ca: root!, cert: cert!, key: key! });
  const made = new type(`127.0.0.1:${port}`, credentials.createFromSecureContext(context), {
    'grpc.ssl_target_name_override': 'fw1',
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
  });
  closing.push(() => (made as Client).close());
  return made;
}

type Done = (error: ServiceError | null, response?: object) => void;

/** The answer, or the code and words of the refusal. */
function ask(invoke: (done: Done) => void): Promise<object | [status, string]> {
  return new Promise((resolve) => {
    invoke((error, response) => resolve(error === null ? response! : [error.code, error.details]));
  });
}

const node = (running: Running, name: string): NodeClient =>
  client(running, name, apiDefinition().v1.Node);

describe('a node that listens', () => {
  it('lets whoever has a certificate of the CA read, and nobody change anything', async () => {
    const running = await open({});
    const dash = node(running, 'dash');
    expect(await ask((done) => dash.Status({}, done))).toMatchObject({ node: expect.any(String) });
    const only = "the network may only read; changes are made at the node's own socket";
    const refused = [status.PERMISSION_DENIED, only];
    expect(await ask((done) => dash.Apply({}, done))).toEqual(refused);
    expect(await ask((done) => dash.Rollback({}, done))).toEqual(refused);
    expect(await ask((done) => dash.SetAdd({ name: 'x', addresses: ['10.0.0.1'] }, done))).toEqual(
      refused,
    );
    expect(await ask((done) => dash.KillStates({ all: true }, done))).toEqual(refused);
    expect(await ask((done) => dash.SetLoad(done).end())).toEqual(refused);
    expect(
      await ask((done) => dash.SetUpdate().on('error', (error: ServiceError) => done(error))),
    ).toEqual(refused);
  });

  it('has no method of which nobody decided whether it reads', () => {
    const changing = [
      'Apply',
      'Plan',
      'Confirm',
      'Rollback',
      'KillStates',
      'HaTakeover',
      'HaYield',
    ];
    const sets = ['SetAdd', 'SetDelete', 'SetLoad', 'SetUpdate'];
    const methods = Object.keys(apiDefinition().v1.Node.service);
    expect([...READING, ...changing, ...sets].sort()).toEqual(methods.sort());
  });

  it('lets only those read whom it names, where it names any', async () => {
    const running = await open({
      api: ', clients: [dash]',
      ha: 'ha: {peer: {name: fw2, address: "127.0.0.1:9"}}',
    });
    expect(await ask((done) => node(running, 'dash').Status({}, done))).toHaveProperty('node');
    expect(await ask((done) => node(running, 'fw2').Status({}, done))).toEqual([
      status.PERMISSION_DENIED,
      'api.clients of the node file does not name this certificate',
    ]);
    const [code] = (await ask((done) => node(running, 'ops').Status({}, done))) as [status];
    expect(code).toBe(status.UNAVAILABLE);
    const told = running.events.filter(({ event }) => event === 'peer-refused');
    expect(told.map(({ name, reason }) => [name, reason])).toEqual([
      ['fw2', 'not-a-reader'],
      ['ops', 'wrong-name'],
    ]);
  });

  it('lets only the peer greet it', async () => {
    const running = await open({ ha: 'ha: {peer: {name: fw2, address: "127.0.0.1:9"}}' });
    const hello = (name: string) => {
      const peer = client(running, name, peerDefinition().Peer);
      return ask((done) => peer.Hello({ node: name, formats: [1] }, done));
    };
    expect(await hello('fw2')).toMatchObject({ node: 'fw1', format: 1 });
    expect(await hello('fw3')).toEqual([
      status.PERMISSION_DENIED,
      'only the other node of the pair may call this',
    ]);
    expect(running.events.filter(({ event }) => event === 'peer-refused')).toEqual([
      expect.objectContaining({ name: 'fw3', reason: 'not-the-peer', remote: '127.0.0.1' }),
    ]);
  });

  it('goes on trying when somebody else has the address', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await until(() => other.listening);
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const running = await open({ port });
    await until(() => running.events.length > 0);
    expect(running.events).toEqual([
      expect.objectContaining({
        event: 'listen-failed',
        why: `api.listen: 127.0.0.1:${port}: somebody else listens there`,
      }),
    ]);
    await new Promise((resolve) => other.close(resolve));
    await until(() => running.network.server.port === port);
    expect(await ask((done) => node(running, 'dash').Status({}, done))).toHaveProperty('node');
  });
});
