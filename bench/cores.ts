/**
 * Two cores against one: what a packet costs while another core works, on a wall of its own and on the
 * same one. The difference of those two is what cores do to each other in the wall's tables.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Builder } from './build.js';
import type { Cpus, Path } from './cables.js';
import type { LaneAnswer, LaneOrder, LaneSpec } from './lane.js';
import type { Sample } from './measure.js';
import type { CoresCost } from './results.js';
import { ESTABLISHED_TCP, ESTABLISHED_UDP, NEW_TCP, type Work } from './works.js';

/** Established connections at a time, beside one. */
const MANY = 10_000;
const WORKS: readonly Work[] = [
  ESTABLISHED_UDP,
  ESTABLISHED_TCP,
  { ...ESTABLISHED_TCP, name: `established TCP, ${MANY.toLocaleString('en')} flows`, flows: MANY },
  NEW_TCP,
];
const PROGRAM = fileURLToPath(new URL('lane.js', import.meta.url));

/** What it takes. */
export interface CoresOptions {
  /** bench.bpf.o. */
  readonly object: string;
  readonly builder: Builder;
  readonly repetitions: number;
  readonly milliseconds: number;
  readonly progress: (words: string) => void;
}

/** Measures on CPUs 0 and 1. */
export async function measureCores(o: CoresOptions): Promise<CoresCost[]> {
  o.progress('Two cores, setting up');
  const lanes: Lane[] = [];
  const walls = [];
  try {
    for (const count of [1, 1, 2]) walls.push(await o.builder.buildWall(count));
    const paths = walls.flatMap((wall) => wall.paths);
    for (const [i, path] of paths.entries()) lanes.push(await Lane.start(o.object, path, i % 2));
    const [first, second, ...shared] = lanes as [Lane, Lane, Lane, Lane];
    const costs = WORKS.map(({ name }) => noCost(name));
    for (let repetition = 1; repetition <= o.repetitions; repetition++) {
      for (const [i, work] of WORKS.entries()) {
        o.progress(`Two cores, ${repetition} of ${o.repetitions}: ${work.name}`);
        const run = (which: readonly Lane[]) => together(which, work, o.milliseconds);
        const [alone] = await run([first]);
        costs[i]!.alone.push(alone!.ns);
        costs[i]!.apart.push(meanNs(await run([first, second])));
        costs[i]!.shared.push(meanNs(await run(shared)));
      }
    }
    return costs;
  } finally {
    for (const lane of lanes) lane.end();
    for (const { subject } of walls) subject.close();
  }
}

const noCost = (work: string): CoresCost => ({ work, alone: [], apart: [], shared: [] });

/** All of them send at the same time. */
async function together(lanes: readonly Lane[], work: Work, milliseconds: number) {
  for (const lane of lanes) await lane.ask({ work });
  return await Promise.all(lanes.map(async (lane) => (await lane.ask({ work, milliseconds }))!));
}

function meanNs(samples: readonly Sample[]): number {
  return samples.reduce((sum, { ns }) => sum + ns, 0) / samples.length;
}

/** A process that sends into one path. */
class Lane {
  readonly #child: ChildProcess;
  readonly #over: Promise<LaneAnswer>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#over = once(child, 'exit').then(([status]) => {
      return { error: `a source ended with status ${status}` };
    });
  }

  /** The source of one lane is where the other one's packets are judged. */
  static async start(object: string, path: Path, lane: number): Promise<Lane> {
    const cpus: Cpus = { source: lane, measured: 1 - lane, sink: lane };
    const spec: LaneSpec = { object, path, lane, cpus };
    const place = ['-n', '-20', 'taskset', '-c', `${cpus.source}`];
    const self = [process.execPath, PROGRAM, JSON.stringify(spec)];
    const made = new Lane(
      spawn('nice', [...place, ...self], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
    await made.#answer();
    return made;
  }

  async ask(order: LaneOrder): Promise<Sample | null> {
    const answer = this.#answer();
    this.#child.send(order);
    return await answer;
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  async #answer(): Promise<Sample | null> {
    const said = new Promise<LaneAnswer>((done) => this.#child.once('message', done));
    const answer = await Promise.race([said, this.#over]);
    if ('error' in answer) throw new Error(answer.error);
    return answer.sample;
  }
}
