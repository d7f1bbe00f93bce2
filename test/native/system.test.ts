/** What the binding knows of its own process. */

import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { droppedDatagrams, releaseFilePages } from '../../native/lib/index.js';

const ofFiles = () =>
  Number(/RssFile:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

it('pages of files go, and come back when they are touched', () => {
  const before = ofFiles();
  const released = releaseFilePages();
  expect(released / 1024).toBeGreaterThan(before / 2);
  expect(ofFiles()).toBeLessThan(before);
  // Code and constants are what they were.
  expect(JSON.parse(JSON.stringify({ a: [1, 'x', null] }))).toEqual({ a: [1, 'x', null] });
  expect(new Intl.NumberFormat('de').format(1234.5)).toBe('1.234,5');
  expect(releaseFilePages()).toBeGreaterThan(0);
});

it('a socket tells what it had no room for, and nothing else does', async () => {
  expect(() => droppedDatagrams(0x7fffffff)).toThrow(/Bad file descriptor/);
  expect(() => droppedDatagrams(-1)).toThrow(/fd/);
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  try {
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
    expect(droppedDatagrams(fd)).toBe(0);
  } finally {
    socket.close();
  }
});
