import { createInterface } from 'node:readline';
import { beforeEach, describe, expect, test } from 'vitest';
import { answering, start } from './bwctl.js';
import { FakeNode, HISTORY } from './fake-node.js';

const node = new FakeNode();

const served = answering(node);
const { ask, json } = served;

beforeEach(() => {
  node.asked.length = 0;
});

describe('history', () => {
  test('the list', async () => {
    expect(await json('history')).toEqual(HISTORY);
    expect((await ask('history')).stdout).toMatch(/^GENERATION .*\n +3 +current .*\n +2 +not conf/);
  });

  test('policy prints the text to the byte', async () => {
    expect(await ask('policy', '2')).toMatchObject({ code: 0, stdout: '# policy 2\nhosts: {}' });
    expect((await ask('policy')).stdout).toBe('# policy now\nhosts: {}');
    expect(await json('policy', '2')).toEqual(await node.policyText(2));
    expect(await ask('policy', '9')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'bwctl: generation 9 is not kept\n',
    });
  });

  test('diff exits with 2 when there is a difference', async () => {
    const { code, stdout } = await ask('diff', '1', '2');
    expect({ code, stdout }).toEqual({
      code: 2,
      stdout: [
        '- aquilante in mailin from any  policy.yaml:21',
        '0 rules added, 1 removed, 0 changed',
        '',
      ].join('\n'),
    });
    const { code: jsonCode, stdout: text } = await ask('diff', '1', '2', '-o', 'json');
    expect([jsonCode, JSON.parse(text)]).toEqual([2, await node.diff(1, 2)]);
    expect(await ask('diff', '2', '2')).toMatchObject({ code: 0, stdout: 'no differences\n' });
  });

  test('rollback, to the one before or to any', async () => {
    node.generation = 4;
    expect((await ask('rollback')).stdout).toContain('generation 5 installed');
    expect(await json('rollback', '2', '-m', 'too strict')).toMatchObject({ generation: 6 });
    expect(node.asked).toMatchObject([
      { rollback: null, by: { uid: process.getuid!() }, why: '' },
      { rollback: 2, why: 'too strict' },
    ]);
    expect(await ask('rollback', '0')).toMatchObject({ code: 1, stdout: '' });
  });
});

describe('watch events', () => {
  test('JSON Lines with ts, until interrupted', async () => {
    const child = start(['watch', 'events', '-o', 'json'], { BWCTL_SOCKET: served.socket });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    while (node.eventWatchers.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const event = {
      ts: '2026-11-22T03:00:00.000Z',
      event: 'reverted',
      generation: 3,
      from: 2,
      to: 1,
    };
    node.tell(event);
    expect(JSON.parse((await lines.next()).value!)).toEqual(event);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    while (node.eventWatchers.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});
