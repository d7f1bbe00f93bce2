/** The node's API on its unix socket. */
import { chmod } from 'node:fs/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath as healthProto } from 'grpc-health-check';
import type { NodeService } from '../service.js';
import { apiDefinition } from './definition.js';
import { SERVICE_NAME } from './definition-source.js';
import { ApiError } from './errors.js';
import { nodeHandlers } from './handlers.js';
import { acceptEncoded } from './long.js';
import { prepareSocket } from './socket.js';

/** A policy of 65,000 lines is some 4 MiB of text; leave room for notes. */
const LARGEST_REQUEST = 64 * 1024 * 1024;

/** How an `ApiServer` serves. */
export interface ApiServerOptions {
  /** Path of the unix socket. */
  socket: string;
  /** Permissions of the socket: 0600, unless a group shall have it too (0660). */
  mode?: 0o600 | 0o660;
  /** Log records that may wait for one slow watcher; 4096. */
  watchQueue?: number;
  /** Told about errors inside the node, which clients see as `INTERNAL`. */
  onError?: (method: string, error: unknown) => void;
}

/** Serves a `NodeService`, with health checks and reflection. One use: `listen`, then `close`. */
export class ApiServer {
  readonly #server: Server;
  readonly #health: HealthImplementation;
  readonly #stopping = new AbortController();
  readonly #options: ApiServerOptions;

  constructor(service: NodeService, options: ApiServerOptions) {
    this.#options = options;
    const { v1, packages } = apiDefinition();
    const handlers = nodeHandlers(service, {
      watchQueue: options.watchQueue ?? 4096,
      onError: options.onError ?? (() => {}),
      stopping: this.#stopping.signal,
    });
    this.#server = new Server({
      'grpc.max_receive_message_length': LARGEST_REQUEST,
      // Books that nobody reads, kept for each call.
      'grpc.enable_channelz': 0,
    });
    this.#server.addService(acceptEncoded(v1.Node.service), { ...handlers });
    this.#health = new HealthImplementation({ '': 'SERVING', [SERVICE_NAME]: 'SERVING' });
    this.#health.addToServer(this.#server);
    new ReflectionService({ ...packages, ...loadSync(healthProto) }).addToServer(this.#server);
  }

  /** Path of the socket. */
  get socket(): string {
    return this.#options.socket;
  }

  /**
   * Begins to serve. Takes the place of a dead daemon's socket, never that of a live one.
   *
   * @throws ApiError `ESOCKETINUSE`, `ESOCKETPATH`
   */
  async listen(): Promise<void> {
    const { socket, mode = 0o600 } = this.#options;
    await prepareSocket(socket);
    // The socket must at no moment be open to others, and chmod comes only after bind.
    const before = process.umask(0o077);
    try {
      await this.#bind(socket);
    } finally {
      process.umask(before);
    }
    await chmod(socket, mode);
  }

  /**
   * Stops taking calls, ends streams, waits for calls under way, and cuts what is left after
   * `deadlineMs` milliseconds. The socket is gone afterwards.
   */
  async close(deadlineMs = 2000): Promise<void> {
    this.#health.setStatus('', 'NOT_SERVING');
    this.#health.setStatus(SERVICE_NAME, 'NOT_SERVING');
    this.#stopping.abort();
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, deadlineMs);
      this.#server.tryShutdown(() => {
        clearTimeout(deadline);
        resolve();
      });
    });
  }

  #bind(socket: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else if (/\bEADDRINUSE\b/.test(error.message)) {
          reject(new ApiError('ESOCKETINUSE', `socket in use: ${socket}`, { cause: error }));
        } else {
          const message = `socket ${socket}: ${error.message}`;
          reject(new ApiError('ESOCKETPATH', message, { cause: error }));
        }
      });
    });
  }
}
