/** The host build of the dataplane under libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { ROOT } from '../dataplane/harness/native.js';

const HOST = 'test/fuzz/host';
const SOURCES = ['fuzz.c', 'input.c', 'mutate.c', 'wall.c', 'world.c', 'maps.c', 'helpers.c'];
/** Bytes of what a process writes that are kept. */
const MOST_OUTPUT = 1 << 20;
/** BPF reads and writes words wherever they lie. */
const SANITIZERS = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize=alignment'];

export interface Paths {
  /** Where the fuzzer is built and works. */
  readonly work: string;
  /** Inputs that are kept: those that reached something new. */
  readonly corpus: string;
}

export interface FuzzerRun {
  /** Empty: nothing was found. */
  readonly found: string;
  /** Inputs that were tried. */
  readonly runs: number;
  /** Places in the program that were reached, as libFuzzer counts them. */
  readonly covered: number;
}

export class Fuzzer {
  readonly #paths: Paths;
  readonly #binary: string;
  readonly #worlds: string;

  /** @param worlds what `snapshot` gave */
  constructor(paths: Paths, worlds: Buffer) {
    this.#paths = paths;
    mkdirSync(paths.work, { recursive: true });
    mkdirSync(paths.corpus, { recursive: true });
    this.#binary = join(paths.work, 'wall-fuzz');
    this.#worlds = join(paths.work, 'worlds');
    writeFileSync(this.#worlds, worlds);
    this.#build();
  }

  #build(): void {
    const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
    execFileSync(
      'clang',
      [
        ...['-O1', '-g', '-fno-omit-frame-pointer', '-fno-strict-aliasing', ...SANITIZERS],
        ...['-fno-sanitize-recover=all', '-Wall', '-Werror', '-Wno-address-of-packed-member'],
        ...['-Wno-unused-function', `-I${HOST}`, `-I/usr/include/${arch}-linux-gnu`],
        ...['-rdynamic', '-o', this.#binary, ...SOURCES.map((name) => `${HOST}/${name}`), '-ldl'],
      ],
      { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] },
    );
  }

  /** Adds inputs to the corpus. */
  add(inputs: readonly Buffer[]): void {
    for (const input of inputs) {
      const name = createHash('sha1').update(input).digest('hex');
      writeFileSync(join(this.#paths.corpus, name), input);
    }
  }

  /** Fuzzes for a time, or until so many inputs were tried, in several processes at once. */
  async run(o: { seconds: number; runs?: number; workers: number }): Promise<FuzzerRun> {
    const workers = Array.from({ length: o.workers }, (_, number) =>
      this.#start([
        ...['-max_len=16384', '-timeout=10', '-detect_leaks=0', '-print_final_stats=1'],
        ...[`-max_total_time=${o.seconds}`, `-runs=${o.runs ?? -1}`, `-seed=${number + 1}`],
        ...['-artifact_prefix=found-', this.#paths.corpus],
      ]),
    );
    const done = await Promise.all(workers);
    const last = (pattern: RegExp) =>
      done.map(({ output }) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0));
    return {
      found: done.map(({ status, output }) => (status === 0 ? '' : report(output))).join(''),
      runs: last(/number_of_executed_units: (\d+)/g).reduce((sum, runs) => sum + runs),
      covered: Math.max(...last(/ cov: (\d+)/g)),
    };
  }

  /** What the host build does with these inputs of the corpus, for a replay. */
  async record(inputs: readonly string[]): Promise<Buffer> {
    const path = join(this.#paths.work, 'record');
    rmSync(path, { force: true });
    const names = inputs.map((name) => basename(name));
    const parameters = ['-timeout=10', '-detect_leaks=0', ...names];
    const done = await this.#start(parameters, { BW_RECORD: resolve(path) }, this.#paths.corpus);
    if (done.status !== 0) throw new Error(report(done.output));
    return readFileSync(path);
  }

  /** The inputs that are kept, in order. */
  corpus(): string[] {
    return readdirSync(this.#paths.corpus)
      .map((name) => resolve(this.#paths.corpus, name))
      .filter((path) => statSync(path).size > 0)
      .sort();
  }

  async #start(
    parameters: readonly string[],
    more: Readonly<Record<string, string>> = {},
    cwd: string = this.#paths.work,
  ) {
    const fuzzer = spawn('nice', [resolve(this.#binary), ...parameters], {
      cwd,
      env: {
        ...process.env,
        BW_WORLDS: resolve(this.#worlds),
        ASAN_OPTIONS: 'quarantine_size_mb=8:detect_leaks=0',
        UBSAN_OPTIONS: 'print_stacktrace=1',
        ...more,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    fuzzer.stderr.setEncoding('utf8').on('data', (piece: string) => {
      output = (output + piece).slice(-MOST_OUTPUT);
    });
    const [status] = (await once(fuzzer, 'close')) as [number | null];
    return { status, output };
  }
}

/** The end of what the fuzzer wrote, from where it says what is wrong. */
function report(output: string): string {
  const at = output.search(/violated:|runtime error:|ERROR: |==\d+==/);
  return output.slice(at < 0 ? -4000 : at, at < 0 ? undefined : at + 6000);
}
