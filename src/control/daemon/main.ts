/** `bridgewalld` as a process: arguments, one clear line for what is wrong, signals. */
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { loadNodeConfig } from '../config/index.js';
import { packageVersion } from '../package.js';
import { detachWall } from './detach.js';
import { type RunningWall, startWall } from './start.js';

const USAGE = `usage: bridgewalld --config FILE [--force]
       bridgewalld --config FILE --detach
       bridgewalld --version

  --config FILE   the node file
  --force         take ports that have an address or carry the default route
  --detach        take the wall down: ports out of the bridge, programs off, table last
`;

interface Arguments {
  readonly config: string;
  readonly detach: boolean;
  readonly force: boolean;
}

/** A text: that is what was asked for. @throws Error with one line */
function readArguments(args: readonly string[]): Arguments | string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      config: { type: 'string' },
      detach: { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      version: { type: 'boolean', short: 'V', default: false },
    },
  });
  if (values.help) return USAGE;
  if (values.version) return `${packageVersion()}\n`;
  if (values.config === undefined) throw new Error('--config FILE is missing');
  return { config: values.config, detach: values.detach, force: values.force };
}

function refuse(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`bridgewalld: ${message.split('\n')[0]}\n`);
  process.exitCode = 1;
}

/** Resolves when a signal asks for the end. */
function asked(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

async function main(args: readonly string[]): Promise<void> {
  const wanted = readArguments(args);
  if (typeof wanted === 'string') {
    process.stdout.write(wanted);
    return;
  }
  const config = await loadNodeConfig(wanted.config);
  if (wanted.detach) return await detachWall(config);
  // Synchronous: what was logged before a crash is there to be read.
  const log = pino({ name: config.node }, pino.destination({ dest: 2, sync: true }));
  const end = asked();
  let running: RunningWall | undefined;
  process.on('SIGHUP', () => {
    log.info('asked to read the certificates again');
    void running?.reload();
  });
  running = await startWall(config, { force: wanted.force, log });
  const signal = await end;
  log.info({ signal }, 'stopping; the wall stays up');
  await running.stop();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  refuse(error);
}
