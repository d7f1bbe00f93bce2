import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../../src/bwctl/cli.js';
import { packageRoot, packageVersion } from '../../../src/control/package.js';

describe('the package', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('finds itself and its version', () => {
    expect(existsSync(join(packageRoot(), 'bpf/layout.h'))).toBe(true);
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(packageVersion()).toBe(version);
  });

  it('has bwctl tell it', async () => {
    const written: unknown[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(text) > 0);
    expect(await run(['--version'], {})).toBe(0);
    expect(written).toEqual([`${packageVersion()}\n`]);
  });
});
