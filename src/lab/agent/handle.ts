/** The lab's end of an agent: starts it in a namespace and gives it jobs. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LabError, type Namespace } from '../netns.js';
import { ROOT } from '../root.js';
import type { AnswerLine, JobName, Jobs } from './protocol.js';

interface Waiting {
  resolve(result: never): void;
  reject(error: Error): void;
}

/** A running agent. It ends with its lab. */
export class Agent {
  readonly namespace: Namespace;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  constructor(namespace: Namespace) {
    this.namespace = namespace;
    const program = join(ROOT, 'dist/src/lab/agent/agent.js');
    this.#child = namespace.spawn([process.execPath, program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdin?.on('error', () => {});
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (text) => this.#answer(JSON.parse(text) as AnswerLine));
    this.#child.once('exit', () => {
      const gone = new LabError('CLOSED', `the agent of ${namespace.name} is gone`);
      for (const waiting of this.#waiting.values()) waiting.reject(gone);
      this.#waiting.clear();
    });
  }

  /**
   * Gives the agent a job and waits for its result; jobs run side by side.
   * @throws LabError `COMMAND` with the agent's words, `CLOSED` when it is gone
   */
  ask<N extends JobName>(job: N, request: Jobs[N]['request']): Promise<Jobs[N]['result']> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new LabError('CLOSED', `the agent of ${this.namespace.name} is gone`));
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin!.write(`${JSON.stringify({ id, job, request })}\n`);
    });
  }

  #answer(line: AnswerLine): void {
    const waiting = this.#waiting.get(line.id);
    this.#waiting.delete(line.id);
    if (!waiting) return;
    if ('error' in line) {
      waiting.reject(new LabError('COMMAND', `${this.namespace.name}: ${line.error}`));
    } else {
      waiting.resolve(line.result as never);
    }
  }
}
