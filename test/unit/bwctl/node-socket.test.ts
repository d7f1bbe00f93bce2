import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findSocket } from '../../../src/bwctl/node-socket.js';

let directory: string;
const servers: Server[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bw-socket-'));
});

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(directory, { recursive: true, force: true });
});

async function listen(name: string): Promise<void> {
  const server = createServer().listen(join(directory, name));
  servers.push(server);
  await once(server, 'listening');
}

test('the one that is named', async () => {
  await listen('fw1.sock');
  expect(await findSocket('/elsewhere/x.sock', directory)).toBe('/elsewhere/x.sock');
});

test('the only one, among other files', async () => {
  await listen('fw1.sock');
  await listen('other');
  await writeFile(join(directory, 'file.sock'), '');
  expect(await findSocket(undefined, directory)).toBe(join(directory, 'fw1.sock'));
  expect(await findSocket('', directory)).toBe(join(directory, 'fw1.sock'));
});

test('none, and no directory', async () => {
  for (const place of [directory, join(directory, 'missing')]) {
    await expect(findSocket(undefined, place)).rejects.toMatchObject({
      code: 'ENODE',
      message: `no daemon: there is no socket in ${place}`,
    });
  }
});

test('several are not guessed among', async () => {
  await listen('fw2.sock');
  await listen('fw1.sock');
  await expect(findSocket(undefined, directory)).rejects.toMatchObject({
    code: 'ENODE',
    message: `several nodes in ${directory}, name one with --socket: fw1.sock, fw2.sock`,
  });
});
