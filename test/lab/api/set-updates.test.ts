/** The stream of changes of sets, between client and server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NodeClient } from '../../../src/control/api/client.js';
import { ApiServer } from '../../../src/control/api/server.js';
import type { SetChange } from '../../../src/control/service.js';
import { FakeNode } from './fake-node.js';

let directory: string;
let node: FakeNode;
let server: ApiServer;
let client: NodeClient;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bw-api-'));
  const socket = join(directory, 'fw1.sock');
  node = new FakeNode();
  server = new ApiServer(node, { socket });
  await server.listen();
  client = new NodeClient(socket);
});
afterEach(async () => {
  client.close();
  await server.close(100);
  await rm(directory, { recursive: true, force: true });
});

const add = (address: string, more: Partial<SetChange> = {}): SetChange => ({
  ...{ name: 'badguys', address, remove: false, ttl: 60, keep: true },
  ...more,
});

test('changes are carried out as they come, and acknowledged', async () => {
  const updates = await client.setUpdates();
  expect(await updates.change([add('198.51.100.1'), add('198.51.100.2', { ttl: null })])).toEqual(
    [],
  );
  expect(node.members).toEqual(
    new Map([
      ['198.51.100.1', 60],
      ['198.51.100.2', null],
    ]),
  );
  expect(await updates.change([add('198.51.100.1', { remove: true })])).toEqual([]);
  expect([...node.members.keys()]).toEqual(['198.51.100.2']);
  await updates.close();
});

test('what is refused is told to whoever asked for it, and ends nothing', async () => {
  const updates = await client.setUpdates();
  const both = await Promise.all([
    updates.change([add('198.51.100.1'), add(node.screened)]),
    updates.change([add('198.51.100.2', { name: 'nosuch' }), add('198.51.100.3')]),
  ]);
  expect(both).toEqual([
    [{ index: 1, why: '10.0.0.77 may not be in badguys' }],
    [{ index: 0, why: '198.51.100.2 may not be in nosuch' }],
  ]);
  expect([...node.members.keys()]).toEqual(['198.51.100.1', '198.51.100.3']);
  await updates.close();
});

test('what comes while a batch is carried out is one batch', async () => {
  const updates = await client.setUpdates();
  let go = () => {};
  node.pause = new Promise((resolve) => {
    go = resolve;
  });
  const first = updates.change([add('198.51.100.1')]);
  await expect.poll(() => node.updates.length).toBe(1);
  const rest = Array.from({ length: 300 }, (_, i) =>
    updates.change([add(`198.51.101.${i % 250}`)]),
  );
  // The node has them by the time that it answers what was asked later.
  await client.status();
  go();
  await Promise.all([first, ...rest]);
  expect(node.updates.reduce((sum, count) => sum + count)).toBe(301);
  expect(node.updates.length).toBeLessThan(150);
  await updates.close();
});

test('a stream that the daemon ends tells so, and takes no more', async () => {
  const updates = await client.setUpdates();
  expect(await updates.change([add('198.51.100.1')])).toEqual([]);
  await server.close(100);
  await expect(updates.ended).rejects.toMatchObject({ code: 'EUNAVAILABLE' });
  await expect(updates.change([add('198.51.100.2')])).rejects.toMatchObject({
    code: 'EUNAVAILABLE',
  });
});

test('one that is closed has carried out all that was sent', async () => {
  const updates = await client.setUpdates();
  const sent = Array.from({ length: 5000 }, (_, i) => add(`10.1.${i >> 8}.${i & 255}`));
  const answer = updates.change(sent);
  await updates.close();
  expect(await answer).toEqual([]);
  expect(node.members.size).toBe(5000);
  expect(Math.max(...node.updates)).toBeLessThanOrEqual(2048);
});
