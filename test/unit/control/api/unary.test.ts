/** Calls over HTTP/2 as gRPC has them, against a server that says what a test wants. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GrpcStatus } from '../../../../src/control/api/grpc-status.js';
import { UnaryChannel } from '../../../../src/control/api/unary.js';

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };
const DEADLINE_MS = 5000;

let directory: string;
let socket: string;
let server: Http2Server;
let serve: (stream: ServerHttp2Stream, path: string) => void;
let channel: UnaryChannel;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'unary-'));
  socket = join(directory, 's.sock');
  await listen();
  channel = new UnaryChannel(socket);
});

afterEach(async () => {
  channel.close();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

async function listen(): Promise<void> {
  server = createServer();
  server.on('stream', (stream, headers) => serve(stream, headers[':path'] ?? ''));
  server.on('sessionError', () => {});
  await new Promise<void>((resolve) => server.listen(socket, resolve));
}

/** Gives back what was asked, in pieces, and trailers. */
function echo(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('end', () => {
    stream.respond(HEADERS, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    const body = Buffer.concat(pieces);
    stream.write(body.subarray(0, 3));
    stream.end(body.subarray(3));
  });
}

const ask = (bytes: Buffer, deadlineMs = DEADLINE_MS) => channel.call('/s/M', bytes, deadlineMs);

it('sends a message and has one back, however long, over one connection', async () => {
  let sessions = 0;
  server.on('session', () => sessions++);
  serve = (stream, path) => echo(stream, { 'grpc-status': path === '/s/M' ? '0' : '13' });
  for (const length of [0, 1, 300_000]) {
    const bytes = Buffer.alloc(length, 7);
    expect((await ask(bytes)).equals(bytes)).toBe(true);
  }
  expect(await Promise.all([ask(Buffer.from('a')), ask(Buffer.from('b'))])).toEqual([
    Buffer.from('a'),
    Buffer.from('b'),
  ]);
  expect(sessions).toBe(1);
});

it('tells the status, its words and its metadata', async () => {
  const headers = {
    ...HEADERS,
    'grpc-status': '3',
    'grpc-message': 'site %C3%A0.yaml: no',
    'position-bin': Buffer.from([1, 2]).toString('base64'),
  };
  serve = (stream) => stream.respond(headers, { endStream: true });
  const error = await ask(Buffer.alloc(0)).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: GrpcStatus.INVALID_ARGUMENT, details: 'site à.yaml: no' });
  const { metadata } = error as { metadata: { get(key: string): unknown[] } };
  expect(metadata.get('position-bin')).toEqual([Buffer.from([1, 2])]);
  expect(metadata.get('other-bin')).toEqual([]);
});

it.each([
  ['says no status', { ...HEADERS }, GrpcStatus.UNAVAILABLE],
  ['is no gRPC', { ':status': 404 }, GrpcStatus.UNKNOWN],
  ['says it is well and nothing else', { ...HEADERS, 'grpc-status': '0' }, GrpcStatus.INTERNAL],
])('an answer that %s is an error', async (_, headers, code) => {
  serve = (stream) => stream.respond(headers, { endStream: true });
  await expect(ask(Buffer.alloc(0))).rejects.toMatchObject({ code });
});

it('waits no longer than it may', async () => {
  serve = () => {};
  const call = ask(Buffer.alloc(0), 50);
  await expect(call).rejects.toMatchObject({ code: GrpcStatus.DEADLINE_EXCEEDED });
});

it('fails with the connection, and connects again', async () => {
  serve = (stream) => stream.session?.destroy();
  await expect(ask(Buffer.alloc(0))).rejects.toMatchObject({ code: GrpcStatus.UNAVAILABLE });
  await new Promise((resolve) => server.close(resolve));
  await expect(ask(Buffer.alloc(0))).rejects.toMatchObject({ code: GrpcStatus.UNAVAILABLE });
  await listen();
  serve = (stream) => echo(stream, { 'grpc-status': '0' });
  expect(await ask(Buffer.from('again'))).toEqual(Buffer.from('again'));
});

it('fails what is under way when it hangs up', async () => {
  serve = () => channel.close();
  await expect(ask(Buffer.alloc(0))).rejects.toMatchObject({ code: GrpcStatus.CANCELLED });
  await expect(ask(Buffer.alloc(0))).rejects.toMatchObject({ code: GrpcStatus.CANCELLED });
});
