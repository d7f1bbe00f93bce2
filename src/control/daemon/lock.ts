/**
 * One daemon a node. The lock is a listening socket in the abstract name space: the kernel gives it
 * back when its holder dies, however it dies.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

/** Another process holds the node. */
export class NodeBusyError extends Error {
  constructor(node: string) {
    super(`node ${node} is run by another bridgewalld`);
    this.name = 'NodeBusyError';
  }
}

/**
 * Takes the node; resolves with the way to give it back.
 * @throws NodeBusyError
 */
export function lockNode(node: string, pins: string): Promise<() => Promise<void>> {
  const tag = createHash('sha256').update(`${pins}\0${node}`).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new NodeBusyError(node) : error);
    });
    server.listen(`\0bridgewall/${tag}`, () => {
      resolve(() => new Promise((done) => server.close(() => done())));
    });
  });
}
