/**
 * `make bench-control`: how fast the control plane is, and what the daemon takes at rest. A real daemon in a
 * namespace of its own, the real `bwctl`; docs/benchmarks.md says how to read it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { keepResults, machineLine } from '../../src/lab/results.js';
import { runInLab } from '../../src/lab/run.js';
import { spread } from '../results.js';
import {
  applies,
  atRest,
  commands,
  kernelMemory,
  members,
  type Samples,
  smallPolicy,
} from './figures.js';
import { openSite } from './site.js';

const REPETITIONS = Number(process.env.CONTROL_REPETITIONS ?? 5);
const STATES = 262_144;
/** Parts to leave out, as in CONTROL_WITHOUT=rest,sets. */
const WITHOUT = new Set((process.env.CONTROL_WITHOUT ?? '').split(','));

/** What we hold ourselves to: the median at most. */
const GOALS: Readonly<Record<string, number>> = {
  '65,000 rules compiled and installed, ms': 250,
  '`bwctl set load` of 1,000,000 members, ms': 2000,
  'one member added, ms': 1,
  '`bwctl status` from start to end, ms': 150,
  'one rule, 262,144 states: memory at rest, MB': 80,
  'one rule, 262,144 states: processor at rest, %': 0.5,
};

function report(machine: string, samples: Samples): string {
  const lines = Object.entries(samples).map(([what, values]) => {
    const { median, min, max } = spread(values);
    const goal = GOALS[what];
    const word = goal === undefined ? '' : median <= goal ? 'reached' : 'missed';
    const figures = [median, min, max].map((value) => value.toFixed(value < 10 ? 2 : 0));
    const cells = [
      what,
      figures[0],
      `${figures[1]}-${figures[2]}`,
      values.length,
      goal ?? '',
      word,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '# The control plane',
    '',
    `${machine}.`,
    '',
    '| what | median | min-max | times | at most | |',
    '|---|---:|---:|---:|---:|---|',
    ...lines,
    '',
  ].join('\n');
}

process.exitCode = await runInLab('bench-control', async (lab, screen, attach) => {
  const machine = machineLine();
  const samples: Samples = {};
  const site = await openSite(lab, attach, STATES);
  const part = async (name: string, what: string, work: () => Promise<void>) => {
    if (WITHOUT.has(name)) return;
    screen.step(what);
    await work();
  };
  try {
    await smallPolicy(site);
    await part('rest', `${STATES} states`, async () => {
      await site.fill(STATES);
      const { established, pending } = (await site.api.status()).states;
      if (established + pending < STATES * 0.95) throw new Error(`${established} states`);
      for (let i = 0; i < 2; i++) await atRest(site, 'one rule, 262,144 states', samples);
    });
    await part('commands', 'bwctl', () => commands(site, REPETITIONS * 4, samples));
    await part('sets', 'A million members', () => members(site, REPETITIONS, samples));
    await part('rules', '65,000 rules', async () => {
      await applies(site, REPETITIONS, samples);
      kernelMemory(site, samples);
      await pause(1000);
    });
    await part('rest', 'At rest again', () => atRest(site, '65,000 rules after all that', samples));
  } finally {
    await site.close();
  }
  const text = report(machine, samples);
  keepResults('control', text, { machine, goals: GOALS, samples });
  screen.wide(`\n${text}`);
  return 0;
});
