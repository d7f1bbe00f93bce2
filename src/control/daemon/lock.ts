/**
 * One daemon a node, a bridge and a port. A lock is a listening socket in the abstract name space of
 * the network namespace: the kernel gives it back when its holder dies, however it dies. Whoever
 * connects to it is told which node holds it.
 */
import { createHash } from 'node:crypto';
import { connect, createServer, type Server } from 'node:net';
import type { NodeConfig } from '../config/index.js';
import { tableName } from '../netfilter/index.js';

/** A holder that is busy answers late; its name is worth no longer wait. */
const ANSWER_MS = 500;

/** Another process holds the node, its bridge or one of its ports. */
export class NodeBusyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NodeBusyError';
  }
}

/** What there can be only one daemon of. */
interface Lock {
  /** Name of the socket. */
  readonly name: string;
  /** Says that it is taken. */
  busy(holder: string): string;
}

/**
 * Takes the node, its bridge and its ports, or nothing; resolves with the way to give them back.
 * @throws NodeBusyError
 */
export async function lockNode(
  config: Pick<NodeConfig, 'node' | 'pins' | 'bridge'>,
): Promise<() => Promise<void>> {
  const held: Server[] = [];
  const release = async () => {
    for (const server of held.splice(0)) await closed(server);
  };
  try {
    for (const lock of locksOf(config)) held.push(await take(lock, config.node));
  } catch (error) {
    await release();
    throw error;
  }
  return release;
}

function locksOf({ node, pins, bridge }: Pick<NodeConfig, 'node' | 'pins' | 'bridge'>): Lock[] {
  const tag = createHash('sha256').update(`${pins}\0${node}`).digest('hex').slice(0, 32);
  const ofNode = { busy: () => `node ${node} is run by another bridgewalld` };
  const device = (what: string): Lock => ({
    name: what.replace(' ', '/'),
    busy: (holder) => `${what} is held by ${holder}, which a bridgewalld runs`,
  });
  return [
    { name: tag, ...ofNode },
    // The tables of two nodes of one name would be the same, wherever their pins are.
    { name: `table/${tableName(node)}`, ...ofNode },
    device(`bridge ${bridge.name}`),
    ...bridge.ports.map((port) => device(`port ${port.name}`)),
  ];
}

function take(lock: Lock, node: string): Promise<Server> {
  const path = `\0bridgewall/${lock.name}`;
  const server = createServer((socket) => socket.on('error', () => {}).end(node));
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      const holder = await holderOf(path);
      reject(new NodeBusyError(lock.busy(holder === '' ? 'another node' : `node ${holder}`)));
    });
    server.listen(path, () => resolve(server));
  });
}

/** Name of the node that holds a lock; '' when it does not say. */
function holderOf(path: string): Promise<string> {
  return new Promise((resolve) => {
    let name = '';
    const socket = connect(path);
    const end = () => {
      clearTimeout(late);
      socket.destroy();
      resolve(name);
    };
    const late = setTimeout(end, ANSWER_MS);
    socket.setEncoding('utf8').on('data', (text: string) => {
      name += text;
    });
    socket.on('end', end).on('error', end);
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}
