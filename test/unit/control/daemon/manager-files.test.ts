import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManagerFiles } from '../../../../src/control/daemon/manager-files.js';
import { ROOT } from '../../../../src/lab/root.js';

const NOTIFY = join(ROOT, 'examples/keepalived/bridgewall-notify.sh');

let directory: string;
let order: string;
let heard: string[];
let errors: unknown[];
let files: ManagerFiles;

function open(): void {
  files = ManagerFiles.open(join(directory, 'fw1.sock'), {
    onOrder: (each) => heard.push(each),
    onError: (error) => errors.push(error),
  });
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bridgewall-manager-'));
  order = join(directory, 'fw1.order');
  heard = [];
  errors = [];
});

afterEach(() => {
  files.close();
  rmSync(directory, { recursive: true });
});

describe('the files of a manager', () => {
  it('tell of an order, however it was written', async () => {
    open();
    expect(files.order).toBeNull();
    writeFileSync(order, 'active\n');
    await expect.poll(() => heard).toEqual(['active']);
    writeFileSync(`${order}.new`, 'standby\n');
    renameSync(`${order}.new`, order);
    await expect.poll(() => heard).toEqual(['active', 'standby']);
    expect(files.order).toBe('standby');
    expect(errors).toEqual([]);
  });

  it('tell of the same order once more when it is written once more', async () => {
    writeFileSync(order, 'standby\n');
    open();
    writeFileSync(order, 'active\n');
    await expect.poll(() => heard).toEqual(['active']);
    writeFileSync(`${order}.new`, 'active\n');
    renameSync(`${order}.new`, order);
    await expect.poll(() => heard).toEqual(['active', 'active']);
    // Looking again is no writing.
    writeFileSync(join(directory, 'other'), '');
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(heard).toEqual(['active', 'active']);
  });

  it('keep what somebody else has said, which is no news', async () => {
    writeFileSync(order, 'standby\n');
    open();
    files.keep('active');
    expect(files.order).toBe('active');
    expect(readFileSync(order, 'utf8')).toBe('active\n');
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(heard).toEqual([]);
  });

  it('are written by scripts of a manager beside each other, none of which fails', async () => {
    open();
    const notify = (state: string) =>
      promisify(execFile)(NOTIFY, [order, 'INSTANCE', 'wall', state, '100']);
    const states = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 'MASTER' : 'BACKUP'));
    await Promise.all(states.map(notify));
    expect(['active', 'standby']).toContain(readFileSync(order, 'utf8').trim());
    expect(errors).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(['fw1.advice', 'fw1.order']);
  });

  it('know an order from before, which is no news', async () => {
    writeFileSync(order, 'active\n');
    open();
    expect(files.order).toBe('active');
    writeFileSync(join(directory, 'other'), '');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heard).toEqual([]);
  });

  it('tell of what is no order, and go on', async () => {
    open();
    writeFileSync(order, 'MASTER\n');
    await expect.poll(() => errors).toEqual([`${order} says neither active nor standby`]);
    expect(files.order).toBeNull();
    writeFileSync(order, 'active\n');
    await expect.poll(() => heard).toEqual(['active']);
  });

  it('hold the advice, which ends with the daemon', () => {
    open();
    const advice = () => readFileSync(join(directory, 'fw1.advice'), 'utf8');
    expect(advice()).toBe('0\n');
    files.advise(true);
    expect(advice()).toBe('1\n');
    files.close();
    expect(advice()).toBe('0\n');
  });
});
