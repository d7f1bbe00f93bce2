/** Processes of a lab: run to their end, marked beyond doubt, and ended. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What can go wrong in a lab: `COMMAND` a command failed, `CLOSED` the lab is gone, `ROOT` not root. */
export class LabError extends Error {
  readonly code: 'COMMAND' | 'CLOSED' | 'ROOT' | 'TIMEOUT';

  constructor(code: LabError['code'], message: string) {
    super(message);
    this.name = 'LabError';
    this.code = code;
  }
}

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** Start time in clock ticks since boot, or '' when it was gone already. */
  readonly started: string;
}

/** Marks a process by its number and start time. */
export function markProcess(pid: number): ProcessMark {
  return { pid, started: startTime(pid) };
}

/** True while the very process that was marked lives. */
export function isAlive(mark: ProcessMark): boolean {
  return mark.started !== '' && startTime(mark.pid) === mark.started;
}

function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold blanks; what follows it begins with field 3.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch {
    return '';
  }
}

/** Runs a command to its end; throws LabError `COMMAND` with its words when it fails. */
export function command(file: string, args: readonly string[], input?: string): string {
  const done = spawnSync(file, args, {
    encoding: 'utf8',
    ...(input === undefined ? {} : { input }),
    maxBuffer: 64 << 20,
  });
  if (done.error) throw new LabError('COMMAND', `${file}: ${done.error.message}`);
  if (done.status !== 0) {
    const words = (done.stderr || done.stdout).trim();
    throw new LabError('COMMAND', `${file} ${args.join(' ')}: ${words || `exit ${done.status}`}`);
  }
  return done.stdout;
}

/** Ends one child: SIGTERM, and SIGKILL when it is still there after `graceMs`. Resolves once it is gone. */
export function endChild(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const late = setTimeout(() => child.kill('SIGKILL'), graceMs);
    child.once('exit', () => {
      clearTimeout(late);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
