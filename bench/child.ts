/** A program that does part of a run. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

/** Ends it when this process is told to end; resolves with its exit status, as a shell has it. */
export function ended(child: ChildProcess): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => child.kill('SIGTERM'));
  }
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('exit', (status, signal) =>
      done(status ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}
