/** Downloads that never end: to see whether a live connection goes on, and how fast. */
import { connect, type Socket } from 'node:net';
import type { Jobs, StreamReport } from './protocol.js';

const CHUNK = Buffer.alloc(16 << 10, 'bridgewall\n');
const TICK_MS = 20;

/** Server side: sends without end, at `pace` bytes per second or as fast as it goes (0). */
export function serveStream(socket: Socket, pace: number): void {
  socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
  if (pace === 0) {
    const fill = () => {
      while (!socket.destroyed && socket.write(CHUNK));
    };
    socket.on('drain', fill);
    fill();
    return;
  }
  const share = Math.max(1, Math.round((pace * TICK_MS) / 1000));
  const piece = Buffer.alloc(share, 'bridgewall\n');
  const timer = setInterval(() => {
    // What a cut connection cannot take is not piled up.
    if (socket.writableLength < 1 << 20) socket.write(piece);
  }, TICK_MS);
  socket.once('close', () => clearInterval(timer));
}

/** Client side: one running download. */
export class Download {
  readonly #socket: Socket;
  #bytes = 0;
  #last = performance.now();
  #open = false;
  #error = '';

  constructor(spec: Jobs['streamOpen']['request']) {
    this.#socket = connect({
      host: spec.destination,
      port: spec.port,
      localAddress: spec.source,
      localPort: spec.sourcePort,
    });
    this.#socket.on('connect', () => {
      this.#socket.write(`GET /stream?pace=${spec.pace} HTTP/1.1\r\nHost: lab\r\n\r\n`);
    });
    this.#socket.on('data', (bytes: Buffer) => {
      this.#open = true;
      this.#bytes += bytes.length;
      this.#last = performance.now();
    });
    this.#socket.on('error', (error) => {
      this.#error = error.message;
    });
    this.#socket.on('close', () => {
      this.#open = false;
    });
  }

  /** Resolves with the first byte, or when none came within `timeoutMs`. */
  started(timeoutMs: number): Promise<StreamReport> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(late);
        resolve(this.report());
      };
      const late = setTimeout(done, timeoutMs);
      this.#socket.once('data', done);
      this.#socket.once('close', done);
    });
  }

  report(): StreamReport {
    return {
      bytes: this.#bytes,
      idleMs: Math.round(performance.now() - this.#last),
      open: this.#open,
      error: this.#error,
    };
  }

  close(): StreamReport {
    const last = this.report();
    // A reset, not a FIN: nothing of this connection is left to retransmit.
    this.#socket.resetAndDestroy();
    return last;
  }
}
