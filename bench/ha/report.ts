/** What `make bench-ha` has found, in tables. */
import { quantile } from '../../src/lab/results.js';
import type { Amount, ReplicationCost } from './replication.js';
import { INTERVAL_US, type Trial } from './trials.js';

/** All trials of one pair. */
export interface Switched {
  readonly name: string;
  readonly trials: readonly Trial[];
  /** Trials that did not come to their end, in words. */
  readonly failed: readonly string[];
  /** Connections that did not answer at the end of all. */
  readonly mute: number;
}

export interface Found {
  readonly machine: string;
  readonly connections: number;
  readonly rounds: number;
  readonly amount: Amount;
  readonly switched: readonly Switched[];
  readonly costs: readonly ReplicationCost[];
}

/** Markdown. */
export function report(found: Found): string {
  return [
    '# Pairs of nodes, measured side by side',
    '',
    `${found.machine}. Nodes, switches, clients and servers share its processors.`,
    '',
    ...(found.switched.length > 0 ? switches(found) : []),
    ...(found.costs.length > 0 ? costs(found) : []),
  ].join('\n');
}

function switches({ switched, connections }: Found): string[] {
  const rows = switched.flatMap(({ name, trials }) =>
    [...new Set(trials.map(({ failure }) => failure))].map((failure) => {
      const own = trials.filter((trial) => trial.failure === failure);
      const gaps = own.map(({ gap }) => gap);
      const backs = own.flatMap(({ comeback }) => comeback ?? []);
      const sum = (of: (trial: Trial) => number) => own.reduce((all, trial) => all + of(trial), 0);
      const figures = [
        ...[failure, name, own.length],
        ...[quantile(gaps, 0.5), quantile(gaps, 0.99), Math.max(...gaps)].map(tenths),
        backs.length > 0 ? tenths(Math.max(...backs)) : '',
        ...[sum(({ lost }) => lost), sum(({ twice }) => twice)],
      ];
      return `| ${figures.join(' | ')} |`;
    }),
  );
  return [
    `The gap is the longest time in which no datagram arrived of those that leave each way every ${INTERVAL_US} us, in ms: between the ` +
      'departures of two that did, 0 where none was lost; ' +
      `${connections} TCP connections speak meanwhile. The comeback is the worst gap when what had failed is whole again.`,
    '',
    '| failure | pair | trials | gap p50 | p99 | worst | comeback | connections lost | datagrams twice |',
    '|---|---|---:|---:|---:|---:|---:|---:|---:|',
    ...rows.sort(),
    '',
    ...switched.map(
      ({ name, mute }) =>
        `- ${name}: ${mute} of ${connections} connections did not answer at the end.`,
    ),
    ...switched.flatMap(({ failed }) => failed.map((words) => `- Not to its end: ${words}`)),
    '',
  ];
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function costs({ costs: all, rounds, amount }: Found): string[] {
  const rows = all.map(({ name, perSecond, ratio, process, ports, wire }) => {
    const us = [process.active, ports.active, process.standby, ports.standby];
    const figures = [
      `${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)}-${ratio.most.toFixed(2)})`,
      `${perSecond.on} and ${perSecond.off}`,
      ...us.map((one) => one.toFixed(1)),
      wire.toFixed(0),
    ];
    return `| ${name} | ${figures.join(' | ')} |`;
  });
  return [
    `${rounds} rounds with and ${rounds} without replication, by turns, ${amount.seconds} s each way. Connections a second are those of a ` +
      `client as fast as it can; the rest is measured at ${amount.rate} a second without a stack: microseconds that a ` +
      'connection costs more with replication, of the process that replicates and of the threads that serve the ports; ' +
      'everything on the link between the nodes, both ways with all headers, in bytes a connection.',
    '',
    '| pair | connections a second, with over without | with and without | active: process, us | ports | standby: process | ports | bytes |',
    '|---|---:|---:|---:|---:|---:|---:|---:|',
    ...rows,
    '',
  ];
}
