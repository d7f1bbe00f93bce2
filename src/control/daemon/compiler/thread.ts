/** The thread that compiles one policy, and ends. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { compile, PolicyError, parsePolicy } from '../../policy/index.js';
import type { Names, Task, Told } from './messages.js';
import { packPlan } from './packed-plan.js';

const port = parentPort!;
const { text, file, names } = workerData as Task;

try {
  const policy = parsePolicy(text, file);
  const resolved = names ?? (await ask(policy.names));
  const bytes = packPlan(compile(policy, { names: resolved }));
  const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
  port.postMessage({ kind: 'plan', bytes: whole } satisfies Told, [whole.buffer as ArrayBuffer]);
} catch (error) {
  if (!(error instanceof PolicyError)) throw error;
  const { code, position, problem, hint } = error;
  port.postMessage({ kind: 'refused', code, position, problem, hint } satisfies Told);
}

async function ask(uses: Extract<Told, { kind: 'names' }>['uses']): Promise<Names> {
  if (uses.length === 0) return new Map();
  port.postMessage({ kind: 'names', uses } satisfies Told);
  const [answer] = (await once(port, 'message')) as [Names];
  return answer;
}
