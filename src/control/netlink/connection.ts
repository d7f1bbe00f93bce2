/** Requests and notifications over one netlink socket of the process's network namespace. */
import { getSystemErrorName } from 'node:util';
import { RawNetlinkSocket } from 'netlink';
import { droppedDatagrams, setSocketOption } from '../../../native/lib/index.js';
import { align } from './attributes.js';
import { descriptorOf } from './descriptor.js';

/** Netlink families that the control plane speaks. */
export const Family = { ROUTE: 0, NETFILTER: 12, GENERIC: 16 } as const;

const FLAG = { REQUEST: 1, MULTI: 2, ACK: 4, DUMP_INTERRUPTED: 0x10, DUMP: 0x300 } as const;
/** Around the requests of a transaction of nfnetlink. */
const BATCH = { BEGIN: 16, END: 17 } as const;
const TYPE = { NOOP: 1, ERROR: 2, DONE: 3 } as const;
const HEADER = 16;
const ANSWER_MS = 10_000;
const DUMP_ATTEMPTS = 8;
const RECEIVE_BYTES = 1 << 20;
/** A listener's, which a burst fills while the event loop is busy; taken beyond the system's limit. */
const LISTENER_BYTES = 1 << 22;
const LOSS_CHECK_MS = 1000;
const SocketOption = {
  /** SOL_SOCKET, SO_RCVBUFFORCE */
  RECEIVE_BYTES: [1, 33],
  /** SOL_NETLINK, NETLINK_NO_ENOBUFS */
  NO_ENOBUFS: [270, 5],
} as const;
const SEND_BYTES = 1 << 18;

/** The kernel refused a request, or did not answer. `code` is an errno name such as `EBUSY`. */
export class NetlinkError extends Error {
  readonly code: string;

  constructor(what: string, code: string) {
    super(`${what}: ${code}`);
    this.name = 'NetlinkError';
    this.code = code;
  }
}

/** One message without its netlink header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

interface Pending {
  readonly what: string;
  readonly messages: NetlinkMessage[];
  interrupted: boolean;
  readonly resolve: (answer: { messages: NetlinkMessage[]; interrupted: boolean }) => void;
  readonly reject: (error: NetlinkError) => void;
  readonly timer: NodeJS.Timeout;
}

/** How to make a request. */
export interface RequestOptions {
  /** Flags beside those that make it a request with an answer. */
  readonly flags?: number;
  readonly timeoutMs?: number;
}

/** What a connection calls back for; each is optional. */
export interface NetlinkListener {
  /** The messages of one datagram that answer no request. */
  onMessages?: (messages: NetlinkMessage[]) => void;
  /** The socket's buffer ran over: notifications were lost, up to a second ago. */
  onOverrun?: () => void;
}

/**
 * A netlink socket. It keeps the process alive while a request is open, and all the time when it has
 * a listener.
 */
export class NetlinkConnection implements Disposable {
  readonly #socket: RawNetlinkSocket;
  readonly #listener: NetlinkListener | undefined;
  readonly #pending = new Map<number, Pending>();
  #lossCheck: NodeJS.Timeout | undefined;
  #dumping: Promise<unknown> = Promise.resolve();
  #sequence = 0;
  #closed = false;

  /** Throws NetlinkError. */
  constructor(family: number, listener?: NetlinkListener) {
    try {
      this.#socket = new RawNetlinkSocket(family, {
        recvBufferSize: RECEIVE_BYTES,
        sendBufferSize: SEND_BYTES,
      });
    } catch (error) {
      throw new NetlinkError('opening a netlink socket', errorCode(error));
    }
    this.#listener = listener;
    this.#socket.on('message', (data) => {
      if (!this.#closed) this.#receive(data);
    });
    // An answer that is lost with its error runs into its time limit.
    this.#socket.on('error', () => {});
    if (listener === undefined) {
      // Nobody sends here but the kernel when it was asked, so that the buffer cannot run over.
      this.#socket.unref();
      return;
    }
    try {
      this.#expectOverruns(family, listener);
    } catch (error) {
      this.close();
      throw new NetlinkError('setting up a netlink socket', errorCode(error));
    }
  }

  /** Listens to a multicast group of the family. Throws NetlinkError. */
  join(group: number): void {
    try {
      this.#socket.addMembership(group);
    } catch (error) {
      throw new NetlinkError(`joining netlink group ${group}`, errorCode(error));
    }
  }

  /**
   * Sends one request and waits until the kernel has done it. `what` begins the error's message. An
   * answer can be lost when the socket's buffer runs over: that ends with code `ETIMEDOUT`.
   */
  async request(
    what: string,
    type: number,
    body: Uint8Array,
    options: RequestOptions = {},
  ): Promise<NetlinkMessage[]> {
    const flags = FLAG.REQUEST | FLAG.ACK | (options.flags ?? 0);
    return (await this.#ask(what, type, body, flags, options.timeoutMs)).messages;
  }

  /**
   * Requests of nfnetlink that the kernel does together or not at all; `subsystem` is that of all.
   * Resolves when it has done them.
   */
  async transaction(
    what: string,
    subsystem: number,
    requests: readonly {
      readonly type: number;
      readonly flags: number;
      readonly body: Uint8Array;
    }[],
  ): Promise<void> {
    const edge = Buffer.alloc(4);
    edge.writeUInt16BE(subsystem, 2);
    const asked = requests.map(({ type, flags, body }) => {
      const sequence = this.#nextSequence();
      return { sequence, bytes: message(type, FLAG.REQUEST | FLAG.ACK | flags, sequence, body) };
    });
    const last = asked.at(-1)?.sequence ?? 0;
    const parts = [
      message(BATCH.BEGIN, FLAG.REQUEST, last, edge),
      ...asked.map(({ bytes }) => bytes),
      message(BATCH.END, FLAG.REQUEST, last, edge),
    ];
    const answers = asked.map(({ sequence }) => this.#expect(what, sequence, ANSWER_MS));
    this.#send(last, Buffer.concat(parts));
    const failed = (await Promise.allSettled(answers)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  /** A whole table; read again when it changed meanwhile. */
  dump(what: string, type: number, body: Uint8Array): Promise<NetlinkMessage[]> {
    // The kernel has one dump of a socket under way at a time, and refuses another with EBUSY.
    const done = this.#dumping.then(() => this.#dump(what, type, body));
    this.#dumping = done.catch(() => {});
    return done;
  }

  async #dump(what: string, type: number, body: Uint8Array): Promise<NetlinkMessage[]> {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const answer = await this.#ask(what, type, body, FLAG.REQUEST | FLAG.DUMP);
      if (!answer.interrupted) return answer.messages;
    }
    throw new NetlinkError(what, 'EINTR');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#lossCheck);
    // Not from inside one of the socket's own callbacks, where it still uses what closing frees.
    setImmediate(() => this.#socket.close());
    for (const [sequence, pending] of this.#pending) {
      this.#settle(sequence, pending);
      pending.reject(new NetlinkError(pending.what, 'ECANCELED'));
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * An overrun is an error that the socket shows to poll. libuv takes that for a dead descriptor, and
   * the netlink package then ends the whole process (it makes an error from a null string). So the
   * kernel is told to keep it to itself, and is asked for its count of losses instead.
   */
  #expectOverruns(family: number, listener: NetlinkListener): void {
    const { port } = this.#socket.address();
    const descriptor = descriptorOf(family, port);
    if (descriptor === undefined) throw new NetlinkError('finding a netlink socket', 'EBADF');
    setSocketOption(descriptor, ...SocketOption.NO_ENOBUFS, 1);
    setSocketOption(descriptor, ...SocketOption.RECEIVE_BYTES, LISTENER_BYTES);
    const { onOverrun } = listener;
    if (onOverrun === undefined) return;
    let known = 0;
    this.#lossCheck = setInterval(() => {
      const dropped = droppedDatagrams(descriptor);
      if (dropped === known) return;
      known = dropped;
      onOverrun();
    }, LOSS_CHECK_MS).unref();
  }

  #ask(what: string, type: number, body: Uint8Array, flags: number, timeoutMs = ANSWER_MS) {
    if (this.#closed) return Promise.reject(new NetlinkError(what, 'EBADF'));
    const sequence = this.#nextSequence();
    const promise = this.#expect(what, sequence, timeoutMs);
    this.#send(sequence, message(type, flags, sequence, body));
    return promise;
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence % 0x7fffffff) + 1;
    return this.#sequence;
  }

  #send(sequence: number, bytes: Buffer): void {
    this.#socket.send(bytes, undefined, (error) => {
      if (error !== undefined) this.#fail(sequence, errorCode(error));
    });
  }

  #expect(what: string, sequence: number, timeoutMs: number) {
    const { promise, resolve, reject } = promiseParts<{
      messages: NetlinkMessage[];
      interrupted: boolean;
    }>();
    const timer = setTimeout(() => this.#fail(sequence, 'ETIMEDOUT'), timeoutMs);
    this.#pending.set(sequence, {
      what,
      messages: [],
      interrupted: false,
      resolve,
      reject,
      timer,
    });
    if (this.#listener === undefined) this.#socket.ref();
    return promise;
  }

  #receive(data: Buffer): void {
    const unasked: NetlinkMessage[] = [];
    for (let at = 0; at + HEADER <= data.length; ) {
      const length = data.readUInt32LE(at);
      if (length < HEADER || at + length > data.length) break;
      const one = {
        type: data.readUInt16LE(at + 4),
        flags: data.readUInt16LE(at + 6),
        payload: data.subarray(at + HEADER, at + length),
      };
      const sequence = data.readUInt32LE(at + 8);
      const pending = sequence === 0 ? undefined : this.#pending.get(sequence);
      if (pending === undefined) unasked.push(one);
      else this.#answer(sequence, pending, one);
      at += align(length);
    }
    if (unasked.length > 0) this.#listener?.onMessages?.(unasked);
  }

  #answer(sequence: number, pending: Pending, one: NetlinkMessage): void {
    if ((one.flags & FLAG.DUMP_INTERRUPTED) !== 0) pending.interrupted = true;
    if (one.type === TYPE.NOOP) return;
    if (one.type !== TYPE.ERROR && one.type !== TYPE.DONE) {
      pending.messages.push(one);
      return;
    }
    const status = one.payload.length >= 4 ? one.payload.readInt32LE() : 0;
    if (status < 0) {
      this.#fail(sequence, getSystemErrorName(status));
      return;
    }
    this.#settle(sequence, pending);
    pending.resolve({ messages: pending.messages, interrupted: pending.interrupted });
  }

  #fail(sequence: number, code: string): void {
    const pending = this.#pending.get(sequence);
    if (pending === undefined) return;
    this.#settle(sequence, pending);
    pending.reject(new NetlinkError(pending.what, code));
  }

  #settle(sequence: number, pending: Pending): void {
    clearTimeout(pending.timer);
    this.#pending.delete(sequence);
    if (this.#listener === undefined && this.#pending.size === 0 && !this.#closed) {
      this.#socket.unref();
    }
  }
}

function message(type: number, flags: number, sequence: number, body: Uint8Array): Buffer {
  const buffer = Buffer.alloc(HEADER + align(body.length));
  buffer.writeUInt32LE(HEADER + body.length, 0);
  buffer.writeUInt16LE(type, 4);
  buffer.writeUInt16LE(flags, 6);
  buffer.writeUInt32LE(sequence, 8);
  buffer.set(body, HEADER);
  return buffer;
}

function promiseParts<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: NetlinkError) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

function errorCode(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : String(error);
}
