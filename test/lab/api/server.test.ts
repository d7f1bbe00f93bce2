import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, status } from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeClient } from '../../../src/control/api/client.js';
import { SERVICE_NAME } from '../../../src/control/api/definition-source.js';
import { ApiServer } from '../../../src/control/api/server.js';
import { ServiceError, type StateRows } from '../../../src/control/service.js';
import { ROOT } from '../../../src/lab/root.js';
import { FakeNode, RULE, record, STATE } from './fake-node.js';
import { rowsOf } from './state-rows.js';

let directory: string;
let socket: string;
let node: FakeNode;
const servers: ApiServer[] = [];
const clients: NodeClient[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bw-api-'));
  socket = join(directory, 'run', 'fw1.sock');
  node = new FakeNode();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(servers.splice(0).map((server) => server.close(100)));
  await rm(directory, { recursive: true, force: true });
});

async function serve(options: { mode?: 0o600 | 0o660; watchQueue?: number } = {}) {
  const server = new ApiServer(node, { socket, ...options });
  servers.push(server);
  await server.listen();
  return server;
}

function connect(): NodeClient {
  const client = new NodeClient(socket);
  clients.push(client);
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A socket that nobody listens on any more, as `kill -9` leaves it. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script]), 'exit');
  expect(existsSync(path)).toBe(true);
}

describe('the socket', () => {
  test("is root's alone, in a directory that is made for it, and goes with the server", async () => {
    const server = await serve();
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    expect((await connect().status()).node).toBe('fw1');
    await server.close();
    expect(existsSync(socket)).toBe(false);
  });

  test('can be shared with a group', async () => {
    await serve({ mode: 0o660 });
    expect((await stat(socket)).mode & 0o777).toBe(0o660);
  });

  test('of a dead daemon is replaced', async () => {
    socket = join(directory, 'fw1.sock');
    await leaveStaleSocket(socket);
    await expect(connect().status()).rejects.toMatchObject({
      code: 'EUNAVAILABLE',
      message: `no daemon answers at ${socket}`,
    });
    await serve();
    expect((await connect().status()).node).toBe('fw1');
  });

  test('of a live daemon is left alone', async () => {
    await serve();
    await expect(new ApiServer(node, { socket }).listen()).rejects.toMatchObject({
      code: 'ESOCKETINUSE',
      message: `socket in use: ${socket}`,
    });
    expect((await connect().status()).node).toBe('fw1');
  });

  test('of a stranger is in use, too', async () => {
    socket = join(directory, 'fw1.sock');
    const stranger = createServer().listen(socket);
    await once(stranger, 'listening');
    await expect(new ApiServer(node, { socket }).listen()).rejects.toMatchObject({
      code: 'ESOCKETINUSE',
    });
    stranger.close();
  });

  test('is not made where it cannot be', async () => {
    const file = join(directory, 'file');
    await writeFile(file, 'precious');
    for (const path of [file, join(file, 'fw1.sock'), join(directory, 'x'.repeat(108))]) {
      await expect(new ApiServer(node, { socket: path }).listen()).rejects.toMatchObject({
        code: 'ESOCKETPATH',
        message: expect.stringMatching(/^socket [^\n]+$/),
      });
    }
    expect((await stat(file)).size).toBe(8);
  });
});

describe('errors', () => {
  test('keep their code and position', async () => {
    await serve();
    const refused = connect().plan({ text: 'bad', file: 'piò.yaml' });
    await expect(refused).rejects.toBeInstanceOf(ServiceError);
    await expect(refused).rejects.toMatchObject({
      code: 'invalid',
      message: 'piò.yaml:3:14: port 70000 is no port; did you mean 7000?',
      position: { file: 'piò.yaml', line: 3, column: 14 },
    });
    await expect(connect().setMembers('nosuch')).rejects.toMatchObject({
      code: 'not-found',
      position: null,
    });
    await expect(connect().setAdd('badguys', ['10.0.0.1'], -1)).rejects.toMatchObject({
      code: 'invalid',
    });
  });

  test('inside the node reach its log', async () => {
    const seen: unknown[] = [];
    const server = new ApiServer(node, { socket, onError: (method, e) => seen.push([method, e]) });
    servers.push(server);
    await server.listen();
    const client = connect();
    await expect(client.plan({ text: 'crash', file: 'p' })).rejects.toMatchObject({
      code: 'internal',
      message: 'bpf map update failed: E2BIG',
    });
    await expect(client.plan({ text: 'bad', file: 'p' })).rejects.toMatchObject({
      code: 'invalid',
    });
    expect(seen).toEqual([['Plan', expect.any(Error)]]);
  });

  test('in a stream end it', async () => {
    await serve();
    const states = connect().states({ host: 'nobody' });
    await expect(states.next()).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('large answers', () => {
  test('counters of 65,000 rules', async () => {
    await serve();
    const counters = await node.counters();
    const rules = Array.from({ length: 65_000 }, (_, i) => ({
      rule: { ...RULE, id: String(i) },
      packets: i,
      bytes: i,
      connections: i,
      idle: null,
    }));
    node.counters = async () => ({ ...counters, rules });
    expect((await connect().counters({ rules: true })).rules).toEqual(rules);
    expect((await connect().counters()).rules).toEqual([]);
  });
});

describe('states', () => {
  test('a reader that leaves early stops the node from reading on', async () => {
    await serve();
    let read = 0;
    let ended = false;
    node.states = async function* (): AsyncGenerator<StateRows> {
      try {
        for (;;) {
          read += 1;
          yield rowsOf(Array(4096).fill(STATE));
        }
      } finally {
        ended = true;
      }
    };
    for await (const batch of connect().states()) {
      expect(batch).toHaveLength(4096);
      break;
    }
    await until(() => ended);
    expect(read).toBeLessThan(1000);
  });

  test('a slow reader slows the node down', async () => {
    await serve();
    let read = 0;
    node.states = async function* (): AsyncGenerator<StateRows> {
      const batch = rowsOf(Array(1024).fill(STATE));
      for (; read < 2000; read += 1) yield batch;
    };
    const states = connect().states();
    await states.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(read).toBeLessThan(200);
    await states.return(undefined);
  });

  test('come in words to who asks for them so, but not too many', async () => {
    await serve();
    const asWords = async () => {
      const request = { host: 'mail', older: 5 };
      return await callAsStranger(
        join(ROOT, 'proto/bridgewall/v1/node.proto'),
        '/bridgewall.v1.Node/States',
        request,
      );
    };
    node.states_ = [[{ ...STATE, rules: { out: null, in: null, transit: RULE.id } }]];
    const { rules, ...others } = STATE;
    expect(await asWords()).toMatchObject({
      states: [{ ...others, rules: { transit: RULE.id } }],
    });
    expect(node.asked).toEqual([{ filter: { host: 'mail', older: 5 }, limit: 65_537 }]);
    node.states_ = Array(65).fill(Array(1024).fill(STATE));
    await expect(asWords()).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: 'more than 65536 connections: StateDump lists them',
    });
  });
});

describe('watching drops', () => {
  test('everybody who watches sees every record', async () => {
    await serve();
    const stop = new AbortController();
    const watches = [1, 2].map(() => connect().watchDrops(stop.signal));
    const first = watches.map((watch) => watch.next());
    await until(() => node.watchers.size === 2);
    node.log(7);
    for (const batch of await Promise.all(first)) {
      expect(batch.value).toMatchObject({ records: [record(7)], lost: 0 });
    }
    stop.abort();
    for (const watch of watches) expect((await watch.next()).done).toBe(true);
    await until(() => node.watchers.size === 0);
  });

  test('tells when the watch is on', async () => {
    await serve();
    const stop = new AbortController();
    const watch = connect().watchDrops(stop.signal, () => {
      expect(node.watchers.size).toBe(1);
      stop.abort();
    });
    expect((await watch.next()).done).toBe(true);
  });

  test('a slow watcher loses records that are counted, and holds nobody up', async () => {
    await serve({ watchQueue: 100 });
    const stop = new AbortController();
    const watch = connect().watchDrops(stop.signal);
    const first = watch.next();
    await until(() => node.watchers.size === 1);
    node.log(0);
    await first;
    // Nobody reads now: buffers fill, and then the queue.
    const total = 200_000;
    for (let n = 0; n < total; n += 100) {
      node.log(...Array.from({ length: 100 }, (_, i) => n + i));
      if (n % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    let seen = 0;
    let lost = 0;
    let last = -1;
    for await (const batch of watch) {
      for (const { ts } of batch.records) {
        const n = Date.parse(ts) - 1_700_000_000_000;
        expect(n).toBeGreaterThan(last);
        last = n;
      }
      seen += batch.records.length;
      lost += batch.lost;
      if (seen + lost === total) break;
    }
    expect(lost).toBeGreaterThan(0);
    expect(seen).toBeGreaterThan(100);
    await until(() => node.watchers.size === 0);
  });
});

describe('stopping', () => {
  test('ends watches cleanly, with what was queued', async () => {
    const server = await serve();
    const watch = connect().watchDrops(new AbortController().signal);
    const first = watch.next();
    await until(() => node.watchers.size === 1);
    node.log(1);
    const closed = server.close();
    expect((await first).value).toMatchObject({ records: [record(1)] });
    expect((await watch.next()).done).toBe(true);
    await closed;
    expect(node.watchers.size).toBe(0);
  });

  test('tells readers of states that their list is not whole', async () => {
    const server = await serve();
    node.states = async function* (): AsyncGenerator<StateRows> {
      for (;;) yield rowsOf(Array(1024).fill(STATE));
    };
    const states = connect().states();
    await states.next();
    const closed = server.close();
    await expect(
      (async () => {
        for await (const _ of states);
      })(),
    ).rejects.toMatchObject({ code: 'EUNAVAILABLE' });
    await closed;
  });

  test('lets a call under way finish', async () => {
    const server = await serve();
    let finish: (() => void) | undefined;
    node.sets = () =>
      new Promise((resolve) => {
        finish = () => resolve([]);
      });
    const sets = connect().sets();
    await until(() => finish !== undefined);
    const closed = server.close();
    setTimeout(() => finish?.(), 50);
    expect(await sets).toEqual([]);
    await closed;
  });

  test('cuts a call that outlasts the deadline', async () => {
    const server = await serve();
    let asked = false;
    node.sets = () => {
      asked = true;
      return new Promise(() => {});
    };
    const sets = connect().sets();
    const failed = expect(sets).rejects.toMatchObject({ name: 'ApiError' });
    await until(() => asked);
    await server.close(100);
    await failed;
    expect(existsSync(socket)).toBe(false);
  });
});

describe('a list that is loaded', () => {
  const load = { name: 'badguys', mode: 'replace', ttl: null, count: null } as const;
  const some = { width: 4, bytes: Buffer.alloc(40_000, 9) } as const;

  /** How a node's load ended, and how much of the list it was given before. */
  function watchLoad() {
    const seen = { bytes: 0, ended: null as string | null };
    node.setLoad = async (_, pieces) => {
      try {
        for await (const { bytes } of pieces) seen.bytes += bytes.length;
        seen.ended = 'well';
      } catch (error) {
        seen.ended = (error as Error).message;
        throw error;
      }
      return { received: 0, added: 0, removed: 0, members: 0, refused: null };
    };
    return seen;
  }

  async function* stalling() {
    yield some;
    await new Promise(() => {});
  }

  test('is none when the client dies in the middle', async () => {
    await serve();
    const seen = watchLoad();
    const client = connect();
    client.setLoad(load, stalling()).catch(() => {});
    await until(() => seen.bytes > 0);
    client.close();
    // Closing lets calls under way go on; a process that ends does not.
    const code = `import('${new URL('../../../dist/src/control/api/client.js', import.meta.url)}').then(({ NodeClient }) => {
      async function* pieces() { yield { width: 4, bytes: Buffer.alloc(400, 9) }; setTimeout(() => process.exit(), 300); await new Promise(() => {}); }
      return new NodeClient('${socket}').setLoad({ name: 'badguys', mode: 'replace', ttl: null, count: null }, pieces()); });`;
    const dying = watchLoad();
    await once(spawn(process.execPath, ['-e', code], { stdio: 'inherit' }), 'exit');
    await until(() => dying.ended !== null);
    expect(dying).toEqual({ bytes: 400, ended: 'the client hung up' });
  });

  test('is none when the daemon stops in the middle', async () => {
    const server = await serve();
    const seen = watchLoad();
    const loaded = connect().setLoad(load, stalling());
    const failed = expect(loaded).rejects.toMatchObject({ code: 'EUNAVAILABLE' });
    await until(() => seen.bytes > 0);
    await server.close();
    expect(seen.ended).toBe('the daemon is stopping');
    await failed;
  });

  test('waits for a node that is slower than the client', async () => {
    await serve();
    let given = 0;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    node.setLoad = async (_, pieces) => {
      for await (const { bytes } of pieces) {
        given += bytes.length;
        await held;
      }
      return { received: given / 4, added: 0, removed: 0, members: 0, refused: null };
    };
    let sent = 0;
    function* many() {
      for (let i = 0; i < 1000; i++) {
        sent += some.bytes.length;
        yield some;
      }
    }
    const loaded = connect().setLoad({ ...load, mode: 'add' }, many());
    await until(() => given > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent).toBeLessThan(4 * 2 ** 20);
    release();
    expect(await loaded).toMatchObject({ received: 10_000_000 });
  });

  test('that is no list of addresses is refused', async () => {
    await serve();
    watchLoad();
    const client = connect();
    const odd = [{ width: 4, bytes: Buffer.alloc(7) }] as const;
    await expect(client.setLoad(load, odd)).rejects.toMatchObject({ code: 'invalid' });
    const large = [{ width: 16, bytes: Buffer.alloc(2 ** 20 + 16) }] as const;
    await expect(client.setLoad(load, large)).rejects.toThrow('are the most');
  });
});

test('a socket that accepts and never answers is given up', async () => {
  socket = join(directory, 'mute.sock');
  const mute = createServer(() => {}).listen(socket);
  await once(mute, 'listening');
  const client = new NodeClient(socket, { read: 200, work: 400 });
  const late = { code: 'ETIMEOUT', message: `the daemon at ${socket} does not answer in time` };
  await expect(client.status()).rejects.toMatchObject(late);
  await expect(client.plan({ text: '', file: 'p.yaml' })).rejects.toMatchObject(late);
  await expect(client.states().next()).rejects.toMatchObject(late);
  const signal = new AbortController().signal;
  await expect(client.watchEvents(signal).next()).rejects.toMatchObject(late);
  client.close();
  mute.close();
});

/** Calls a service with nothing but its .proto file, as a stranger would. */
async function callAsStranger(file: string, path: string, request: object): Promise<object> {
  const [, service = '', name = ''] = path.split('/');
  const packages = loadSync(file, { enums: String, longs: Number });
  const method = (packages[service] as ServiceDefinition)[name]!;
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  const call = client.makeBidiStreamRequest(
    path,
    method.requestSerialize,
    method.responseDeserialize,
  );
  call.end(request);
  try {
    const [reply] = await call.toArray();
    return reply;
  } finally {
    client.close();
  }
}

describe('other tools', () => {
  test('can check health', async () => {
    await serve();
    const path = '/grpc.health.v1.Health/Check';
    for (const service of ['', SERVICE_NAME]) {
      const reply = await callAsStranger(healthProto, path, { service });
      expect(reply).toEqual({ status: 'SERVING' });
    }
    await expect(callAsStranger(healthProto, path, { service: 'x' })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });

  test('can ask what there is', async () => {
    await serve();
    const file = createRequire(import.meta.url)
      .resolve('@grpc/reflection')
      .replace(/src\/index\.js$/, 'proto/grpc/reflection/v1/reflection.proto');
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const reply = await callAsStranger(file, path, { listServices: '' });
    const services = [{ name: SERVICE_NAME }, { name: 'grpc.health.v1.Health' }];
    expect(reply).toMatchObject({
      listServicesResponse: { service: expect.arrayContaining(services) },
    });
  });
});
