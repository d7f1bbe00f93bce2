/**
 * Makes one file each of what has to start fast: `bwctl`, and the thread that compiles large policies.
 *
 *     node tools/bundle.mjs
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http2';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { THREAD_FLAGS } from '../dist/src/control/daemon/compiler/worker.js';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BUNDLES = join(ROOT, 'build/bundle');
const PROGRAMS = {
  bwctl: 'dist/src/bwctl/main.js',
  'compile-thread': 'dist/src/control/daemon/compiler/thread.js',
};

/** `import` and `require` of it are different files: one copy is enough. */
const oneProtobuf = {
  name: 'one-protobuf',
  setup: (all) => {
    const path = createRequire(import.meta.url).resolve('protobufjs');
    all.onResolve({ filter: /^protobufjs$/ }, () => ({ path }));
  },
};

mkdirSync(BUNDLES, { recursive: true });
for (const [name, entry] of Object.entries(PROGRAMS)) {
  await build({
    entryPoints: [join(ROOT, entry)],
    outfile: join(BUNDLES, `${name}.cjs`),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    plugins: [oneProtobuf],
    // Where a module looks for what belongs to the package, it looks upwards from here.
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': 'bundleUrl' },
    logLevel: 'warning',
  });
  sign(join(BUNDLES, `${name}.cjs`));
}

/** Puts the hash of the text before it, by which load.cjs knows what code is of it. */
function sign(path) {
  const text = readFileSync(path);
  const hash = createHash('sha256').update(text).digest('hex');
  writeFileSync(path, `// ${hash}\n${text}`);
}

await keepCodeOfThread();
await keepCodeOfCommand();

/** What a policy takes is kept. */
async function keepCodeOfThread() {
  const code = `require(${JSON.stringify(join(ROOT, 'bin/load.cjs'))}).load('compile-thread', true)`;
  const text = readFileSync(join(ROOT, 'examples/infn.yaml'), 'utf8');
  const task = { text, file: 'infn.yaml', names: null };
  for (const flag of THREAD_FLAGS) setFlagsFromString(flag);
  const thread = new Worker(code, { eval: true });
  thread.on('message', (told) => {
    if (told.kind === 'names') {
      const names = new Map(told.uses.map(({ name }) => [name, ['192.0.2.1']]));
      thread.postMessage({ kind: 'resolved', names });
    } else if (told.kind !== 'plan') throw new Error(told.problem);
    else thread.postMessage({ kind: 'end' });
  });
  thread.postMessage({ kind: 'compile', task });
  await once(thread, 'exit');
}

/** What a command compiles on its way to a node that knows nothing is kept. */
async function keepCodeOfCommand() {
  const directory = mkdtempSync(join(tmpdir(), 'bundle-'));
  const socket = join(directory, 'nobody.sock');
  const UNIMPLEMENTED = {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-status': '12',
  };
  const server = createServer().on('stream', (stream) => {
    stream.respond(UNIMPLEMENTED, { endStream: true });
  });
  await new Promise((resolve) => server.listen(socket, resolve));
  try {
    const code = `require(${JSON.stringify(join(ROOT, 'bin/load.cjs'))}).load('bwctl', true)`;
    const words = ['-e', code, 'bwctl', '--socket', socket, 'status'];
    await promisify(execFile)(process.execPath, words);
    throw new Error('a node that answers nothing was understood');
  } catch (error) {
    // That is how it ends; anything else is a mistake in the bundle.
    if (error.code !== 1 || !/^bwctl: /.test(error.stderr)) throw error;
  } finally {
    server.close();
    rmSync(directory, { recursive: true });
  }
}
