/** Trains of UDP echoes, up to one a millisecond: to count what is lost while something is done to the wall. */
import { createSocket } from 'node:dgram';
import type { Jobs, PulseReport } from './protocol.js';

/** So long without a duplicate ends a run of them. */
const RUN_BREAK_MS = 100;

/** One running train. Every datagram carries its number and must come back once. */
export class Pulse {
  readonly #socket;
  readonly #seen = new Set<number>();
  readonly #timer: NodeJS.Timeout;
  readonly #begin = performance.now();
  #sent = 0;
  #duplicates = 0;
  readonly #sentAt: number[] = [];
  readonly #twice: number[] = [];
  #lastAnswer = 0;
  #longestGapMs = 0;

  private constructor(
    socket: ReturnType<typeof createSocket>,
    spec: Jobs['pulseStart']['request'],
  ) {
    this.#socket = socket;
    socket.on('message', (message) => this.#answer(message));
    socket.on('error', () => {});
    const begin = this.#begin;
    // Timers slip on a busy machine: each tick sends what is due.
    this.#timer = setInterval(() => {
      const due = Math.floor((performance.now() - begin) / spec.intervalMs);
      while (this.#sent < due) {
        const datagram = Buffer.alloc(64);
        this.#sentAt.push(performance.now());
        datagram.writeUInt32BE(this.#sent++);
        socket.send(datagram, spec.port, spec.destination, () => {});
      }
    }, 1);
  }

  static start(spec: Jobs['pulseStart']['request']): Promise<Pulse> {
    const type = spec.destination.includes(':') ? 'udp6' : 'udp4';
    const socket = createSocket({ type, recvBufferSize: 4 << 20 });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(spec.sourcePort, spec.source, () => {
        socket.removeAllListeners('error');
        resolve(new Pulse(socket, spec));
      });
    });
  }

  #answer(message: Buffer): void {
    const number = message.readUInt32BE(0);
    if (this.#seen.has(number)) {
      this.#duplicates++;
      this.#twice.push(this.#sentAt[number]!);
    }
    this.#seen.add(number);
    const now = performance.now();
    if (this.#lastAnswer > 0) {
      this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastAnswer);
    }
    this.#lastAnswer = now;
  }

  async stop(lingerMs: number): Promise<PulseReport> {
    clearInterval(this.#timer);
    await new Promise((resolve) => setTimeout(resolve, lingerMs));
    this.#socket.close();
    return this.report();
  }

  report(): PulseReport {
    return {
      sent: this.#sent,
      received: this.#seen.size,
      duplicates: this.#duplicates,
      duplicatesForMs: Math.ceil(longestRun(this.#twice)),
      longestGapMs: Math.round(this.#longestGapMs),
      idleMs: Math.round(performance.now() - (this.#lastAnswer || this.#begin)),
    };
  }
}

/** Of times in any order: the longest run of them without a break. */
function longestRun(times: readonly number[]): number {
  let [longest, began, last] = [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const time of [...times].sort((a, b) => a - b)) {
    if (time - last > RUN_BREAK_MS) began = time;
    last = time;
    longest = Math.max(longest, last - began);
  }
  return longest;
}
