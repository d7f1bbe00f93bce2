/**
 * The process that lives in one namespace of a lab: serves what the namespace offers and does client
 * jobs, told by JSON lines on standard input. Ends when standard input does.
 */
import { createInterface } from 'node:readline';
import { attempt } from './clients.js';
import type { AnswerLine, JobLine, JobName, Jobs } from './protocol.js';
import { Pulse } from './pulse.js';
import { Ears, serve } from './servers.js';
import { Download } from './stream.js';

const ears = new Ears();
const downloads = new Map<string, Download>();
const pulses = new Map<string, Pulse>();

function find<T>(where: Map<string, T>, name: string): T {
  const found = where.get(name);
  if (!found) throw new Error(`nothing of this name runs: ${name}`);
  return found;
}

type Handlers = {
  [N in JobName]: (request: Jobs[N]['request']) => Promise<Jobs[N]['result']> | Jobs[N]['result'];
};

const handlers: Handlers = {
  serve: async ({ host, addresses, services }) => ({
    count: await serve(host, addresses, services, ears),
  }),
  attempt,
  heard: async ({ text, timeoutMs }) => ({ heard: await ears.wait(text, timeoutMs) }),
  streamOpen: (request) => {
    const download = new Download(request);
    downloads.set(request.stream, download);
    return download.started(5000);
  },
  streamReport: ({ stream }) => find(downloads, stream).report(),
  streamClose: ({ stream }) => {
    const last = find(downloads, stream).close();
    downloads.delete(stream);
    return last;
  },
  pulseStart: async (request) => {
    pulses.set(request.pulse, await Pulse.start(request));
    return {};
  },
  pulseReport: async ({ pulse }) => find(pulses, pulse).report(),
  pulseStop: async ({ pulse, lingerMs }) => {
    const report = await find(pulses, pulse).stop(lingerMs);
    pulses.delete(pulse);
    return report;
  },
};

function answer(line: AnswerLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function handle<N extends JobName>(line: JobLine<N>): Promise<void> {
  try {
    const handler = handlers[line.job] as Handlers[N];
    answer({ id: line.id, result: await handler(line.request) });
  } catch (error) {
    answer({ id: line.id, error: (error as Error).message });
  }
}

const input = createInterface({ input: process.stdin });
input.on('line', (text) => void handle(JSON.parse(text) as JobLine));
input.on('close', () => process.exit(0));
// Ctrl-C reaches the whole terminal; the lab decides when its agents go.
process.on('SIGINT', () => {});
