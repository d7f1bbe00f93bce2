/** What a figure was measured on. */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';

/** Machine, kernel and source of one run. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly commit: string;
  /** The sources differ from that commit. */
  readonly changed: boolean;
}

/** Looks at this machine, and at the sources below `root`. */
export function thisMachine(root: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    commit: git(root, 'rev-parse', '--short', 'HEAD') || 'unknown',
    changed: git(root, 'status', '--porcelain', '--', 'bpf', 'src', 'native', 'bench') !== '',
  };
}

/** Tasks that ran or wanted to, on average over the last minute. */
export function load(): number {
  return loadavg()[0] ?? 0;
}

function git(root: string, ...args: string[]): string {
  try {
    return execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}
