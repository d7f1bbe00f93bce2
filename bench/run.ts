/** All measurements of one run, inside namespaces of the process's own. */
import { type BpfLink, BpfObject } from '../native/lib/index.js';
import { type Cpus, command, layPaths, type Path } from './cables.js';
import { WORKS, type Work } from './frames.js';
import { load, type Machine } from './machine.js';
import { Meter } from './measure.js';
import { type BenchPolicy, benchPolicy } from './policy.js';
import type { Row, Run } from './results.js';
import { seedBridge } from './seed.js';
import { bareTc, bareXdp, plainBridge, type Subject, wall } from './subjects.js';

const RULES = [1, 1000, 65000] as const;
const MODES = ['xdp', 'generic', 'tc'] as const;
const BARE = 4;
/** In the sysfs that is mounted below, so it needs no directory of ours. */
const BPFFS = '/sys/fs/bpf';

/** What a run is given. */
export interface RunOptions {
  readonly object: string;
  readonly cpus: Cpus;
  readonly repetitions: number;
  readonly milliseconds: number;
  readonly machine: Machine;
  /** Told what is being done. */
  readonly progress: (words: string) => void;
}

/** Measures everything. The process must be in network and mount namespaces of its own. */
export async function measureAll(o: RunOptions): Promise<Run> {
  const began = performance.now();
  const date = new Date().toISOString();
  const loadBefore = load();
  prepareNamespaces();
  using object = BpfObject.open(o.object);
  object.load();
  o.progress('compiling policies');
  const policies = RULES.map(benchPolicy);
  const paths = layPaths(BARE + RULES.length * MODES.length);
  const subjects = await buildSubjects(paths, object, policies, o.progress);
  const sinks = closeSinks(paths, object);
  const meter = new Meter(object);
  for (const subject of subjects) meter.adopt(subject, o.cpus);
  const rows = await measureRows(subjects, meter, o);
  for (const handle of [...subjects, ...sinks]) handle.close();
  return {
    date,
    seconds: (performance.now() - began) / 1000,
    machine: o.machine,
    loadBefore,
    repetitions: o.repetitions,
    milliseconds: o.milliseconds,
    rows,
    programs: programsOf(subjects),
    policies: policies.map(({ rules, hosts, compileMs }) => ({
      rules,
      hosts,
      compileMs,
      installMs: subjects.flatMap((one) => (one.rules === rules ? (one.installMs ?? []) : [])),
    })),
  };
}

/** A sysfs that shows this network namespace; nothing in it speaks IPv6 by itself. */
function prepareNamespaces(): void {
  command('mount', ['-t', 'sysfs', 'sysfs', '/sys']);
  command('mount', ['-t', 'bpf', 'bpf', BPFFS]);
  const quiet = ['all', 'default'].map((which) => `net.ipv6.conf.${which}.disable_ipv6=1`);
  command('sysctl', ['-qw', ...quiet]);
}

async function buildSubjects(
  paths: readonly Path[],
  object: BpfObject,
  policies: readonly BenchPolicy[],
  progress: RunOptions['progress'],
): Promise<Subject[]> {
  const free = [...paths];
  const next = () => free.shift()!;
  const subjects = [
    plainBridge(next()),
    bareXdp(next(), object),
    bareTc(next(), object),
    seedBridge(next()),
  ];
  for (const mode of MODES) {
    for (const policy of policies) {
      progress(`setting up ${mode} with ${policy.rules} rules`);
      subjects.push(await wall(next(), mode, policy, BPFFS));
    }
  }
  return subjects;
}

function closeSinks(paths: readonly Path[], object: BpfObject): BpfLink[] {
  return paths.map(({ end }) => object.program('sink').attachXdp(end.ifindex, 'native'));
}

/** One repetition measures everything once: what disturbs the machine disturbs all alike. */
async function measureRows(subjects: readonly Subject[], meter: Meter, o: RunOptions) {
  const most = Math.max(...RULES);
  const pairs: { subject: Subject; work: Work; row: Row }[] = [];
  for (const work of WORKS) {
    for (const subject of subjects) {
      if (work.spread && subject.rules !== most) continue;
      const { name, rules } = subject;
      const row: Row = { subject: name, rules, work: work.name, samples: [], packets: 0 };
      pairs.push({ subject, work, row });
    }
  }
  for (let repetition = 1; repetition <= o.repetitions; repetition++) {
    for (const { subject, work, row } of pairs) {
      o.progress(`repetition ${repetition} of ${o.repetitions}: ${subject.name}, ${work.name}`);
      const opened = repetition === 1 ? await subject.connections() : null;
      const { ns, packets } = await meter.sample(subject, work, o.milliseconds);
      if (opened !== null) checkOpened(work, packets, (await subject.connections())! - opened);
      row.samples.push(ns);
      row.packets += packets;
    }
  }
  return pairs.map(({ row }) => row);
}

/** Every new connection was one to the wall, and the packets of an established one were not. */
function checkOpened(work: Work, packets: number, opened: number): void {
  if (work.fresh ? opened >= packets : opened <= 1) return;
  throw new Error(`${work.name}: ${opened} connections in ${packets} packets`);
}

function programsOf(subjects: readonly Subject[]) {
  const programs = new Map<string, number>();
  for (const { name, instructions } of subjects) {
    if (instructions !== null) programs.set(name, instructions);
  }
  return [...programs].map(([subject, instructions]) => ({ subject, instructions }));
}
