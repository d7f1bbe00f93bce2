import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { caller } from '../../../src/bwctl/caller.js';

const uid = process.getuid!();
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bw-caller-'));
  await writeFile(file('passwd'), 'root:x:0:0::/root:/bin/sh\nalice:x:1005:1005::/:/bin/sh\n');
});
afterAll(() => rm(directory, { recursive: true }));

const file = (name: string) => join(directory, name);

async function loggedIn(text: string, env: NodeJS.ProcessEnv = {}) {
  await writeFile(file('loginuid'), text);
  return await caller(env, { loginUid: file('loginuid'), passwd: file('passwd') });
}

test('whoever called sudo comes first, then whoever logged in, then the account', async () => {
  expect(await loggedIn('1005\n', { SUDO_USER: 'bob' })).toEqual({ user: 'bob', uid });
  expect(await loggedIn('1005\n', { SUDO_USER: '' })).toEqual({ user: 'alice', uid });
  expect(await loggedIn('4294967295\n')).toEqual({ user: userInfo().username, uid });
});

test('a login without an account is named by its number', async () => {
  expect(await loggedIn('1006')).toEqual({ user: 'uid 1006', uid });
});

test('where there is no such thing, the account stands', async () => {
  const sources = { loginUid: file('nowhere'), passwd: file('passwd') };
  expect(await caller({}, sources)).toEqual({ user: userInfo().username, uid });
});
