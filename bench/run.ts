/** All measurements of one run, inside namespaces of the process's own. */
import { BpfObject } from '../native/lib/index.js';
import { Builder } from './build.js';
import type { Cpus } from './cables.js';
import { measureCores } from './cores.js';
import type { Case, Group, Plan, Planned } from './experiments.js';
import { noLatency, quietCpus, Stopwatch } from './latency.js';
import { load, type Machine } from './machine.js';
import { Meter } from './measure.js';
import { measureMemory } from './memory.js';
import { introduce } from './opening.js';
import type { CoresCost, Latency, MemoryCost, Row, Run } from './results.js';
import { Source } from './source.js';
import { prepareSpaces } from './spaces.js';
import type { Subject } from './subjects/subject.js';
import { ESTABLISHED_UDP, type Work } from './works.js';

/** In the sysfs that is mounted below, so it needs no directory of ours. */
const BPFFS = '/sys/fs/bpf';
/** Low load takes longer to show its rare cases. */
const LATENCY_SHARE = 4;
/** Sources of two processes do not begin in the same millisecond. */
const CORES_SHARE = 4;

/** What a run is given. */
export interface RunOptions {
  readonly object: string;
  readonly plan: Plan;
  readonly cpus: Cpus;
  readonly repetitions: number;
  readonly milliseconds: number;
  readonly machine: Machine;
  /** Told what is being done. */
  readonly progress: (words: string) => void;
  /** Told now and then what is known so far: a run that is cut short leaves that. */
  readonly keep: (run: Run) => void;
}

/** A subject as it is measured under one kind of traffic. */
interface Cell {
  readonly subject: Subject;
  readonly work: Work;
  readonly row: Row;
}

/** Measures everything. The process must be in network and mount namespaces of its own. */
export async function measureAll(o: RunOptions): Promise<Run> {
  const began = performance.now();
  const date = new Date().toISOString();
  const loadBefore = load();
  prepareSpaces(BPFFS);
  using object = BpfObject.open(o.object);
  object.load();
  const run = new Measurement(o, object);
  const soFar = (): Run => ({
    date,
    seconds: (performance.now() - began) / 1000,
    machine: o.machine,
    loadBefore,
    repetitions: o.repetitions,
    milliseconds: o.milliseconds,
    experiments: o.plan.experiments.map(({ name, title, axis }) => ({ name, title, axis })),
    gaps: o.plan.gaps,
    ...run.results(),
  });
  await run.time();
  if (o.plan.scale) await run.scale();
  for (const experiment of o.plan.experiments) {
    await run.measure(experiment, () => o.keep(soFar()));
  }
  return soFar();
}

/** A run under way. */
class Measurement {
  readonly #o: RunOptions;
  readonly #builder: Builder;
  readonly #source: Source;
  readonly #meter: Meter;
  readonly #stopwatch: Stopwatch;
  readonly #rows: Row[] = [];
  readonly #latencies: Latency[] = [];
  readonly #failures: string[] = [];
  #cores: readonly CoresCost[] = [];
  #memory: MemoryCost | null = null;
  readonly #programs = new Map<string, number>();
  readonly #installs = new Map<number, number[]>();

  constructor(o: RunOptions, object: BpfObject) {
    this.#o = o;
    this.#builder = new Builder(object, BPFFS);
    this.#source = new Source(object);
    this.#meter = new Meter(this.#source);
    this.#stopwatch = new Stopwatch(this.#source, object);
  }

  results() {
    return {
      rows: this.#rows.filter(({ samples }) => samples.length === this.#o.repetitions),
      latencies: this.#latencies.filter(({ p50 }) => p50.length === this.#o.repetitions),
      cores: this.#cores,
      memory: this.#memory,
      programs: [...this.#programs].map(([subject, instructions]) => ({ subject, instructions })),
      policies: this.#builder.policies.map(({ rules, hosts, compileMs }) => ({
        ...{ rules, hosts, compileMs },
        installMs: this.#installs.get(rules) ?? [],
      })),
      failures: this.#failures,
    };
  }

  /** Measures all groups of an experiment; `keep` is called after each. */
  async measure(experiment: Planned, keep: () => void): Promise<void> {
    for (const group of experiment.groups) {
      const subjects = await this.#build(group.cases, experiment.title, this.#o.cpus);
      const rounds = group.apart ? group.works.map((work) => [work]) : [group.works];
      for (const works of rounds) {
        await this.#repeat(experiment, this.#cells(experiment, group, subjects, works));
        if (group.apart) for (const { subject } of subjects) this.#meter.forget(subject);
      }
      this.#remove(subjects);
      keep();
    }
  }

  /** Times frames at low load. */
  async time(): Promise<void> {
    const { plan, cpus, repetitions, milliseconds, progress } = this.#o;
    if (plan.latency.length === 0) return;
    const cases = plan.latency.map((recipe) => ({ recipe, x: 1, rules: 1, members: 1 }));
    const subjects = await this.#build(cases, 'Latency', quietCpus(cpus));
    const latencies = subjects.map(({ subject }) => noLatency(subject.name));
    this.#latencies.push(...latencies);
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      for (const [i, { subject }] of subjects.entries()) {
        progress(`Latency, ${repetition} of ${repetitions}: ${subject.name}`);
        await this.#attempt(`latency: ${subject.name}`, () =>
          this.#stopwatch.sample(subject, latencies[i]!, milliseconds * LATENCY_SHARE),
        );
      }
    }
    this.#remove(subjects);
  }

  /** Two cores beside one, and what a wall takes of memory. */
  async scale(): Promise<void> {
    const { object, repetitions, milliseconds, machine, progress } = this.#o;
    const builder = this.#builder;
    await this.#attempt('memory', async () => {
      this.#memory = await measureMemory(builder, progress);
    });
    if (machine.cores < 2) return;
    const each = milliseconds * CORES_SHARE;
    await this.#attempt('two cores', async () => {
      const o = { object, builder, repetitions, milliseconds: each, progress };
      this.#cores = await measureCores(o);
    });
  }

  async #build(cases: readonly Case[], title: string, cpus: Cpus) {
    const subjects: { subject: Subject; one: Case }[] = [];
    for (const one of cases) {
      this.#o.progress(`${title}, setting up: ${one.recipe}, ${one.x.toLocaleString('en')}`);
      await this.#attempt(`${title}: ${one.recipe}, ${one.x}`, async () => {
        const subject = await this.#builder.build(one);
        subjects.push({ subject, one });
        this.#meter.adopt(subject, cpus);
        this.#note(subject, one);
        await introduce(this.#source, subject, ESTABLISHED_UDP);
      });
    }
    return subjects;
  }

  #note({ name, instructions, installMs }: Subject, { rules }: Case): void {
    if (instructions !== null) this.#programs.set(name, instructions);
    if (installMs === null) return;
    this.#installs.set(rules, [...(this.#installs.get(rules) ?? []), installMs]);
  }

  #remove(subjects: readonly { readonly subject: Subject }[]): void {
    for (const { subject } of subjects) {
      this.#meter.release(subject);
      subject.close();
    }
  }

  #cells(
    { name }: Planned,
    { cases }: Group,
    subjects: readonly { readonly subject: Subject; readonly one: Case }[],
    works: readonly Work[],
  ): Cell[] {
    const most = Math.max(...cases.map(({ rules }) => rules));
    return works.flatMap((work) =>
      subjects
        .filter(({ subject }) => subject.refuses(work) === null)
        .filter(({ subject, one }) => !work.spread || (one.rules === most && subject.hosts > 1))
        .map(({ subject, one: { x } }) => {
          const at = { experiment: name, subject: subject.name, x, work: work.name };
          return { subject, work, row: { ...at, samples: [], packets: 0 } };
        }),
    );
  }

  /** One repetition measures everything once: what disturbs the machine disturbs all alike. */
  async #repeat({ title }: Planned, cells: readonly Cell[]): Promise<void> {
    const { repetitions, milliseconds, progress } = this.#o;
    this.#rows.push(...cells.map(({ row }) => row));
    const failed = new Set<Cell>();
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      for (const cell of cells.filter((one) => !failed.has(one))) {
        const { subject, work, row } = cell;
        const what = `${subject.name}, ${row.x.toLocaleString('en')}, ${work.name}`;
        progress(`${title}, ${repetition} of ${repetitions}: ${what}`);
        const went = await this.#attempt(`${title}: ${what}`, async () => {
          const { ns, packets } = await this.#sample(cell, milliseconds, repetition === 1);
          row.samples.push(ns);
          row.packets += packets;
        });
        if (!went) failed.add(cell);
      }
    }
  }

  async #sample({ subject, work }: Cell, milliseconds: number, check: boolean) {
    await this.#meter.prepare(subject, work);
    const before = check ? await subject.connections() : null;
    const sample = await this.#meter.sample(subject, work, milliseconds);
    if (before !== null) checkOpened(work, sample.packets, (await subject.connections())! - before);
    return sample;
  }

  /** What fails is told at the end, and the rest is measured. */
  async #attempt(what: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      this.#failures.push(`${what}: ${words.trim().split('\n')[0]}`);
      return false;
    }
  }
}

/** Every new connection was one to the wall; frames of established and denied ones opened none. */
function checkOpened(work: Work, packets: number, opened: number): void {
  if (work.kind === 'new' ? opened >= packets : opened === 0) return;
  throw new Error(`${work.name}: ${opened} connections in ${packets} packets`);
}
