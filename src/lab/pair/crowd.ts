/** Many live TCP connections through a pair, and what became of them. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LabError, type Namespace } from '../netns.js';
import { ROOT } from '../root.js';

export type CrowdOrder =
  | { readonly do: 'open'; readonly host: string; readonly port: number; readonly count: number }
  | { readonly do: 'talk'; readonly perSecond: number }
  | { readonly do: 'ask'; readonly withinMs: number }
  | { readonly do: 'report' };

/** What became of a crowd since it was opened. */
export interface CrowdReport {
  readonly open: number;
  /** Words that came back. */
  readonly echoed: number;
  readonly ended: number;
  /** Of those that ended, by a reset. */
  readonly resets: number;
  /** Words that came back after more than a second. */
  readonly late: number;
  /** Connections that wait for their word. */
  readonly owing: number;
  /** Local ports of some of those. */
  readonly owingPorts: readonly number[];
}

/** The server side of it; resolves once it listens. */
export async function serveEchoes(namespace: Namespace): Promise<void> {
  const program = join(ROOT, 'dist/src/lab/pair/echo-server.js');
  const child = namespace.spawn(limited(program), { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', () => resolve());
    child.once('exit', () => reject(new LabError('CLOSED', 'the echo server ended')));
  });
}

export class Crowd {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor(namespace: Namespace) {
    const program = join(ROOT, 'dist/src/lab/pair/crowd-client.js');
    this.#child = namespace.spawn(limited(program), { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) =>
      this.#waiting.shift()?.(line),
    );
  }

  /** Resolves once all of them are open. @throws LabError `COMMAND` */
  open(host: string, port: number, count: number): Promise<CrowdReport> {
    return this.#order({ do: 'open', host, port, count });
  }

  /** So many words a second from now on, one connection after the other; 0: silence. */
  talk(perSecond: number): Promise<CrowdReport> {
    return this.#order({ do: 'talk', perSecond });
  }

  /** Has every connection say a word; resolves when all came back, or after that time. */
  ask(withinMs = 20_000): Promise<CrowdReport> {
    return this.#order({ do: 'ask', withinMs });
  }

  report(): Promise<CrowdReport> {
    return this.#order({ do: 'report' });
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  #order(order: CrowdOrder): Promise<CrowdReport> {
    return new Promise((resolve, reject) => {
      this.#waiting.push((line) => {
        const answer = JSON.parse(line) as CrowdReport | { error: string };
        if ('error' in answer) reject(new LabError('COMMAND', answer.error));
        else resolve(answer);
      });
      this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
    });
  }
}

/** With room for a file descriptor for each connection. */
function limited(program: string): string[] {
  return ['bash', '-c', `ulimit -n $(ulimit -Hn) 2>/dev/null; exec ${process.execPath} ${program}`];
}
