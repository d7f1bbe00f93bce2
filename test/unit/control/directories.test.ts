import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectories } from '../../../src/control/directories.js';

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'bw-dirs-'));
});

afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

describe('makeDirectories', () => {
  it('makes what leads there, with the mode asked for, and says where it began', () => {
    expect(makeDirectories(join(base, 'a/b/c'), 0o700)).toBe(join(base, 'a'));
    expect(statSync(join(base, 'a/b/c')).mode & 0o777).toBe(0o700);
    expect(makeDirectories(join(base, 'a/b/d'))).toBe(join(base, 'a/b/d'));
  });

  it('is content with what is there, be it behind a link', () => {
    makeDirectories(join(base, 'a'));
    symlinkSync(join(base, 'a'), join(base, 'link'));
    expect(makeDirectories(join(base, 'a'))).toBeUndefined();
    expect(makeDirectories(join(base, 'link'))).toBeUndefined();
    expect(makeDirectories('/')).toBeUndefined();
  });

  it('refuses a file, what is below a file, and a link to nowhere', () => {
    writeFileSync(join(base, 'file'), '');
    symlinkSync(join(base, 'nowhere'), join(base, 'dangling'));
    expect(() => makeDirectories(join(base, 'file'))).toThrow('EEXIST');
    expect(() => makeDirectories(join(base, 'file/a/b'))).toThrow('ENOTDIR');
    expect(() => makeDirectories(join(base, 'dangling'))).toThrow('EEXIST');
    expect(existsSync(join(base, 'nowhere'))).toBe(false);
  });

  it('comes to an end where nothing can be made', () => {
    expect(() => makeDirectories('/proc/bridgewall-nowhere/a/b')).toThrow('ENOENT');
  });
});
