import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RUNS_DIRECTORY } from '../../../src/lab/netns.js';
import { ROOT } from '../../../src/lab/root.js';

interface Run {
  readonly status: number | null;
  readonly output: string;
  readonly pid: number;
}

/** Runs the compiled demo to its end. */
function demo(...args: string[]): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['dist/src/lab/demo.js', ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const take = (bytes: Buffer) => {
      output += bytes.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output, pid: child.pid ?? 0 }));
  });
}

/** What a run of this process would have left behind. */
function leftovers(pid: number): string[] {
  const mark = pid.toString(36);
  const names = ['/run/netns', RUNS_DIRECTORY].flatMap((path) =>
    existsSync(path) ? readdirSync(path) : [],
  );
  return names.filter((name) => new RegExp(`(^|-)${mark}[0-9a-f]{4}(\\.json)?$`).test(name));
}

describe('the demo', () => {
  it.each(['tc', 'xdp', 'generic'])(
    'shows the matrix as it should be, attached by %s',
    async (mode) => {
      const { status, output, pid } = await demo('--attach', mode);
      expect(output).not.toContain('✗ ');
      expect(status, output).toBe(0);
      expect(output).toMatch(/│ Extranet +│ +│ allow ✓ .*│ limited ✓ +│ block ✓ +│ NA ✓ +│/);
      expect(output).toMatch(/│ 9102\/tcp +backupC +│/);
      expect(output).toMatch(/connections tried, v4 and v6: .* 0 wrong/);
      expect(leftovers(pid)).toEqual([]);
    },
    180_000,
  );

  it('says in one line what it does not understand', async () => {
    const { status, output } = await demo('--attach', 'hope');
    expect(status).toBe(1);
    expect(output.trim().split('\n')).toEqual([
      'demo: --attach hope: expected one of auto, tc, xdp, generic',
    ]);
  });
});
