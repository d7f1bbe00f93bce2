/**
 * Questions and answers of gRPC over one HTTP/2 session, and nothing else of it: names, balancing,
 * retries and interceptors take longer to load than most commands take.
 */
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { type FailedCall, GrpcStatus } from './grpc-status.js';

/** A byte that says whether it is compressed, and the length of the message. */
const PREFIX = 5;
/** What may be under way unread; answers of a large policy are megabytes. */
const WINDOW = 4 * 1024 * 1024;
/** Megabytes that a session may hold; an answer waits there for nobody. */
const MOST_MEMORY = 1024;

const SLACK_MS = 1000;

/** A call that failed, with the status that says why. */
export class CallError extends Error implements FailedCall {
  readonly code: number;
  readonly details: string;
  readonly metadata: FailedCall['metadata'];

  constructor(code: number, details: string, headers: IncomingHttpHeaders = {}) {
    super(`${code}: ${details}`);
    this.name = 'CallError';
    this.code = code;
    this.details = details;
    this.metadata = { get: (key) => valuesOf(headers, key) };
  }
}

/** Connects with the first call, and again with the first after the other end has gone. */
export class UnaryChannel {
  readonly #socket: string;
  #session: ClientHttp2Session | null = null;
  #calls = 0;
  #closed = false;

  /** @param socket path of a unix socket */
  constructor(socket: string) {
    this.#socket = socket;
  }

  /**
   * Sends a message, and resolves to the one that comes back.
   * @param path of the method
   * @throws CallError
   */
  async call(path: string, message: Uint8Array, deadlineMs: number): Promise<Buffer> {
    if (this.#closed) throw hungUp();
    const session = this.#connected();
    if (this.#calls++ === 0) session.ref();
    try {
      return await answerOf(session, path, message, deadlineMs);
    } catch (error) {
      throw this.#closed ? hungUp() : error;
    } finally {
      // Nobody stays for a connection on which nothing is asked.
      if (--this.#calls === 0) session.unref();
    }
  }

  /** Hangs up. Calls under way fail. */
  close(): void {
    this.#closed = true;
    this.#session?.destroy();
  }

  #connected(): ClientHttp2Session {
    if (this.#session !== null && !this.#session.closed && !this.#session.destroyed) {
      return this.#session;
    }
    const session = connect('http://localhost', {
      createConnection: () => connectSocket(this.#socket),
      settings: { initialWindowSize: WINDOW, enablePush: false },
      maxSessionMemory: MOST_MEMORY,
    });
    session.once('connect', () => session.setLocalWindowSize(WINDOW));
    // Calls under way are told by their streams.
    session.on('error', () => {});
    session.once('close', () => {
      if (this.#session === session) this.#session = null;
    });
    this.#session = session;
    return session;
  }
}

function hungUp(): CallError {
  return new CallError(GrpcStatus.CANCELLED, 'hung up');
}

function answerOf(
  session: ClientHttp2Session,
  path: string,
  message: Uint8Array,
  deadlineMs: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      // It may stop working on it then. Who is late is told here, and by the clock here.
      'grpc-timeout': `${Math.ceil(deadlineMs) + SLACK_MS}m`,
    });
    const pieces: Buffer[] = [];
    let status: IncomingHttpHeaders = {};
    let broken: Error | null = null;
    const late = setTimeout(() => {
      broken = new CallError(GrpcStatus.DEADLINE_EXCEEDED, 'no answer in time');
      stream.close(constants.NGHTTP2_CANCEL);
    }, deadlineMs);
    stream.on('response', (headers) => {
      status = headers;
    });
    stream.on('trailers', (trailers) => {
      status = { ...trailers, ':status': status[':status'] };
    });
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('error', (error) => {
      broken ??= new CallError(GrpcStatus.UNAVAILABLE, error.message);
    });
    const over = () => {
      clearTimeout(late);
      const failed = broken ?? failureOf(status);
      if (failed !== null) reject(failed);
      else settle(Buffer.concat(pieces), resolve, reject);
    };
    // With its trailers the answer is whole; the stream takes some turns more to close.
    stream.on('end', () => {
      if (status['grpc-status'] !== undefined) over();
    });
    stream.on('close', over);
    stream.end(framed(message));
  });
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(PREFIX + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX);
  return frame;
}

function settle(
  body: Buffer,
  resolve: (message: Buffer) => void,
  reject: (error: CallError) => void,
): void {
  if (body.length >= PREFIX && body[0] === 0 && body.readUInt32BE(1) === body.length - PREFIX) {
    resolve(body.subarray(PREFIX));
  } else {
    reject(new CallError(GrpcStatus.INTERNAL, 'the answer is no message'));
  }
}

/** Null: it ended well. */
function failureOf(status: IncomingHttpHeaders): CallError | null {
  const told = status['grpc-status'];
  if (typeof told === 'string') {
    const code = Number(told);
    if (code === GrpcStatus.OK) return null;
    return new CallError(code, wordsOf(status['grpc-message']), status);
  }
  const http = status[':status'];
  if (http !== undefined && Number(http) !== constants.HTTP_STATUS_OK) {
    return new CallError(GrpcStatus.UNKNOWN, `it answers with HTTP status ${http}`);
  }
  return new CallError(GrpcStatus.UNAVAILABLE, 'the connection ended before the answer');
}

function wordsOf(message: string | string[] | undefined): string {
  const text = typeof message === 'string' ? message : '';
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function valuesOf(headers: IncomingHttpHeaders, key: string): (string | Buffer)[] {
  const value = headers[key];
  const texts = value === undefined ? [] : typeof value === 'string' ? [value] : value;
  if (!key.endsWith('-bin')) return texts;
  return texts.flatMap((text) => text.split(',').map((one) => Buffer.from(one, 'base64')));
}
