/**
 * `make bench-join`: a standby with empty tables joins an active node that holds many connections, at rest and while a
 * client opens others as fast as it can: how long that takes, and what becomes of the packets that pass meanwhile,
 * beside what passed just before.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab, Namespace } from '../src/lab/netns.js';
import { Pair } from '../src/lab/pair/pair.js';
import { type NodeName, otherOf, SERVER } from '../src/lab/pair/pair-net.js';
import { keepResults, machineLine, median } from '../src/lab/results.js';
import { ROOT } from '../src/lab/root.js';
import { runInLab } from '../src/lab/run.js';
import type { Screen } from '../src/lab/screen.js';
import type { AttachMode } from '../src/lab/wall.js';

const CONNECTIONS = Number(process.env.JOIN_CONNECTIONS ?? 1_000_000);
const JOINS = Number(process.env.JOIN_TRIALS ?? 3);
/** Those that are opened first, a second. */
const FILL_RATE = 50_000;
const MACS = ['02:00:00:00:aa:01', '02:00:00:00:aa:02'];
const program = (name: string) => join(ROOT, 'build/bench', name);
const BRIDGEWALLD = join(ROOT, 'bin/bridgewalld');
/** Connections that the client has under way. */
const TOGETHER = 32;
/** Longer than any trial. */
const RUSH_MS = 600_000;
/** Before the join: the client has its stride after the first of these. */
const STRIDE_MS = 1000;
const BEFORE_MS = 3000;
const START_MS = 120_000;
const WITHIN_MS = 120_000;
const LOOK_MS = 50;
/** Nothing left of the trial before. */
const QUIET_MS = 6000;
const STATE = `state: {max: ${Math.ceil(CONNECTIONS * 1.5)}, timeouts: {tcp-time-wait: 5s, tcp-close: 5s}}`;

interface Trial {
  /** Connections of the active node when the join began. */
  readonly held: number;
  /** From the moment that the nodes could speak until their tables were found to be the same. */
  readonly seconds: number;
  /** Of that, to compare and to be told. */
  readonly toldMs: number;
  /** Frames a second that the client had; null: it was at rest. */
  readonly frames: { readonly before: number; readonly during: number } | null;
}

function framesOf(host: Namespace): number {
  const text = host.ip('-j', '-s', 'link', 'show', 'dev', 'eth0');
  type Line = { stats64: { rx: { packets: number } } };
  return (JSON.parse(text) as [Line])[0].stats64.rx.packets;
}

/** Frames a second while something happens, and the seconds that it took. */
async function rateWhile(host: Namespace, work: () => Promise<unknown>) {
  const [frames, began] = [framesOf(host), performance.now()];
  await work();
  const seconds = (performance.now() - began) / 1000;
  return { seconds, rate: (framesOf(host) - frames) / seconds };
}

/** Connections that stay. */
async function fill({ net }: Pair): Promise<void> {
  const seconds = Math.ceil(CONNECTIONS / FILL_RATE);
  const rate = Math.ceil(CONNECTIONS / seconds);
  const spaces = [net.client.path, net.server.path];
  const args = [...spaces, ...MACS, SERVER.v4, 80, rate, seconds, 'open'].map(String);
  const { status, stderr } = await net.client.run([program('lives'), ...args]);
  if (status !== 0) throw new Error(`lives: ${stderr}`);
}

async function serve({ net }: Pair): Promise<void> {
  const server = net.server.spawn([program('churn'), 'serve', '80'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(server.stdout!, 'data');
  net.client.sysctl('net.ipv4.ip_local_port_range', '1024 65000');
  net.client.sysctl('net.ipv4.tcp_tw_reuse', 1);
}

/** As many connections a second as go, until it is ended. */
function rush({ net }: Pair): ChildProcess {
  const args = ['open', SERVER.v4, '80', String(TOGETHER), String(RUSH_MS)];
  return net.client.spawn([program('churn'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Its tables are gone, it runs, and it does not hear the other one on the link. */
async function emptied(pair: Pair, standby: NodeName): Promise<void> {
  const wall = pair.walls[standby];
  const space = pair.net.nodes[standby];
  pair.net.deafen(standby, 'sync');
  await wall.stop();
  const { status, stderr } = await space.run([BRIDGEWALLD, '--detach', '--config', wall.config]);
  if (status !== 0) throw new Error(`--detach: ${stderr}`);
  await wall.start(START_MS);
  await pause(QUIET_MS);
}

/** Resolves to the moment at which it could take over. */
async function joined(pair: Pair, standby: NodeName): Promise<number> {
  const deadline = Date.now() + WITHIN_MS;
  // `status` passes over the table to count it.
  while (!(await pair.clients[standby].ha()).ready) {
    if (Date.now() > deadline) throw new Error(`no join within ${WITHIN_MS / 1000} s`);
    await pause(LOOK_MS);
  }
  return performance.now();
}

/** @throws Error it does not know what the other node holds */
async function told(pair: Pair, standby: NodeName, held: number): Promise<number> {
  const { sync, states } = await pair.status(standby);
  if (!sync?.digestsMatch || states.established < held * 0.99) {
    const digests = sync?.digestsMatch ? 'match' : 'differ';
    throw new Error(`${states.established} of ${held} came, and digests ${digests}`);
  }
  return sync.repair?.ms ?? 0;
}

async function atRest(pair: Pair, active: NodeName): Promise<Trial> {
  const standby = otherOf(active);
  await emptied(pair, standby);
  const held = (await pair.status(active)).states.established;
  const began = performance.now();
  pair.net.hear(standby, 'sync');
  const seconds = ((await joined(pair, standby)) - began) / 1000;
  return { held, seconds, toldMs: await told(pair, standby, held), frames: null };
}

async function rushed(pair: Pair, active: NodeName): Promise<Trial> {
  const { client } = pair.net;
  const standby = otherOf(active);
  await emptied(pair, standby);
  const rushing = rush(pair);
  try {
    await pause(STRIDE_MS);
    const before = await rateWhile(client, () => pause(BEFORE_MS));
    const held = (await pair.status(active)).states.established;
    const during = await rateWhile(client, () => {
      pair.net.hear(standby, 'sync');
      return joined(pair, standby);
    });
    const frames = { before: before.rate, during: during.rate };
    return { held, seconds: during.seconds, toldMs: await told(pair, standby, held), frames };
  } finally {
    const ended = once(rushing, 'exit');
    rushing.kill('SIGKILL');
    await ended;
  }
}

async function measure(lab: Lab, screen: Screen, attach: AttachMode): Promise<Trial[]> {
  screen.step(`A pair, ${CONNECTIONS} connections through it`);
  const pair = await Pair.build(lab, { attach, more: [STATE] });
  const active = await pair.start();
  await serve(pair);
  pair.net.deafen(otherOf(active), 'sync');
  await fill(pair);
  const trials: Trial[] = [];
  for (let i = 0; i < 2 * JOINS; i++) {
    screen.progress(`join ${i + 1} of ${2 * JOINS}`);
    trials.push(await (i < JOINS ? atRest : rushed)(pair, active));
  }
  return trials;
}

function report(machine: string, trials: readonly Trial[]): string {
  const rows = trials.map(({ held, seconds, toldMs, frames }) => {
    const figures = frames === null ? ['at rest', '', ''] : [];
    if (frames !== null) {
      figures.push(...[frames.before, frames.during].map((rate) => rate.toFixed(0)));
      figures.push((frames.during / frames.before).toFixed(2));
    }
    return `| ${[held, seconds.toFixed(1), toldMs, ...figures].join(' | ')} |`;
  });
  const busy = trials.flatMap(({ frames }) => frames ?? []);
  const ratio = median(busy.map(({ before, during }) => during / before));
  const took = (rest: boolean) =>
    median(trials.filter((one) => (one.frames === null) === rest).map((one) => one.seconds));
  return [
    '# A standby with empty tables joins',
    '',
    `${machine}. Client, server and both nodes share its processors. Medians: ${took(true).toFixed(1)} s at rest; ${took(false).toFixed(1)} s while the client opens connections, and ${ratio.toFixed(2)} of the frames.`,
    '',
    '| connections of the active node | seconds | of them to compare and tell, ms | frames a second to the client before | meanwhile | ratio |',
    '|---:|---:|---:|---:|---:|---:|',
    ...rows,
    '',
  ].join('\n');
}

process.exitCode = await runInLab('bench-join', async (lab, screen, attach) => {
  const trials = await measure(lab, screen, attach);
  const machine = machineLine();
  const text = report(machine, trials);
  keepResults('join', text, { machine, trials });
  screen.wide(`\n${text}`);
  return 0;
});
