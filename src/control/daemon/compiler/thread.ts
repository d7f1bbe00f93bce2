/** The thread that compiles policies, one after the other, until it is ended. */
import { parentPort } from 'node:worker_threads';
import { digestEach } from '../../../../native/lib/index.js';
import { compile, PolicyError, parsePolicy } from '../../policy/index.js';
import type { Names, Order, Task, Told } from './messages.js';
import { packPlan } from './packed-plan.js';

const port = parentPort!;
let answer: (names: Names) => void = () => {};

port.on('message', (order: Order) => {
  if (order.kind === 'compile') void work(order.task);
  else if (order.kind === 'resolved') answer(order.names);
  else port.close();
});

async function work({ text, file, names }: Task): Promise<void> {
  try {
    const policy = parsePolicy(text, file);
    const resolved = names ?? (await ask(policy.names));
    const bytes = packPlan(compile(policy, { names: resolved, hashEach: digestEach }));
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
    port.postMessage({ kind: 'plan', bytes: whole } satisfies Told, [whole.buffer as ArrayBuffer]);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const { code, position, problem, hint } = error;
    port.postMessage({ kind: 'refused', code, position, problem, hint } satisfies Told);
  }
}

async function ask(uses: Extract<Told, { kind: 'names' }>['uses']): Promise<Names> {
  if (uses.length === 0) return new Map();
  port.postMessage({ kind: 'names', uses } satisfies Told);
  return await new Promise((resolve) => {
    answer = resolve;
  });
}
