/**
 * `make bench-switch`: how long a planned switch keeps datagrams from passing, either way. A train of them without a
 * stack says so to the fraction of a millisecond; TCP connections speak meanwhile.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from '../src/lab/netns.js';
import { Crowd, serveEchoes } from '../src/lab/pair/crowd.js';
import { type Failure, LINK_LOSS, PLANNED } from '../src/lab/pair/failures.js';
import { Pair } from '../src/lab/pair/pair.js';
import { otherOf, SERVER } from '../src/lab/pair/pair-net.js';
import { keepResults, machineLine, quantile } from '../src/lab/results.js';
import { runInLab } from '../src/lab/run.js';
import type { Screen } from '../src/lab/screen.js';
import type { AttachMode } from '../src/lab/wall.js';
import { Train, type Way } from './train.js';

const TRIALS = Number(process.env.SWITCH_TRIALS ?? 20);
const CONNECTIONS = Number(process.env.SWITCH_CONNECTIONS ?? 2000);
/** Words a second over all of them. */
const WORDS = 500;
const ADDRESS = '10.66.0.1';
const INTERVAL_US = 250;
const BEFORE_MS = 300;
const AFTER_MS = 300;

interface Trial {
  readonly what: string;
  readonly ways: readonly Way[];
}

/** A train while something happens. */
async function train(pair: Pair, during: () => Promise<void>): Promise<Way[]> {
  const sent = new Train(pair.net, ADDRESS, INTERVAL_US);
  await pause(BEFORE_MS);
  await during();
  await pause(AFTER_MS);
  return await sent.stop();
}

async function trial(pair: Pair, { name, begin, end }: Failure): Promise<Trial> {
  const from = await pair.settled();
  const ways = await train(pair, async () => {
    await begin(pair, from);
    await pair.becomes(otherOf(from));
  });
  await end?.(pair, from);
  return { what: name, ways };
}

async function measure(lab: Lab, screen: Screen, attach: AttachMode): Promise<Trial[]> {
  screen.step('A pair');
  const pair = await Pair.build(lab, { attach });
  await pair.start();
  await serveEchoes(pair.net.server);
  const crowd = new Crowd(pair.net.client);
  await crowd.open(SERVER.v4, 80, CONNECTIONS);
  await crowd.talk(WORDS);
  const trials: Trial[] = [];
  for (let i = 0; i < TRIALS; i++) {
    screen.progress(`trial ${i + 1} of ${TRIALS}`);
    // What the train itself loses, without any switch.
    const nothing = await train(pair, () => pause(BEFORE_MS));
    trials.push({ what: 'nothing', ways: nothing });
    for (const failure of [PLANNED, LINK_LOSS]) trials.push(await trial(pair, failure));
  }
  const { ended } = await crowd.report();
  if (ended > 0) throw new Error(`${ended} connections were lost`);
  return trials;
}

function report(machine: string, trials: readonly Trial[]): string {
  const names = [...new Set(trials.map(({ what }) => what))];
  const rows = names.map((name) => {
    const own = trials.filter(({ what }) => what === name);
    const gaps = own.map(({ ways }) => Math.max(...ways.map(({ longestMs }) => longestMs)));
    const each = (part: number) =>
      own[0]!.ways
        .map((_, way) =>
          quantile(
            own.map(({ ways }) => ways[way]!.longestMs),
            part,
          ).toFixed(1),
        )
        .join(' and ');
    const sum = (of: (way: Way) => number) =>
      own.flatMap(({ ways }) => ways).reduce((total, way) => total + of(way), 0);
    const all = [0.5, 0.9, 1].map((part) => quantile(gaps, part).toFixed(1));
    return `| ${[name, own.length, ...all, each(0.5), sum(({ lost }) => lost), sum(({ twice }) => twice)].join(' | ')} |`;
  });
  return [
    '# What a planned switch costs the traffic',
    '',
    `${machine}. A datagram each way every ${INTERVAL_US} us, ${CONNECTIONS} TCP connections. The longest time between two that ` +
      'arrived one after the other, by when they were sent, the longer one of both ways; milliseconds.',
    '',
    '| what happens | trials | p50 | p90 | worst | p50 from the client, from the server | lost | twice |',
    '|---|---:|---:|---:|---:|---:|---:|---:|',
    ...rows,
    '',
  ].join('\n');
}

process.exitCode = await runInLab('bench-switch', async (lab, screen, attach) => {
  const trials = await measure(lab, screen, attach);
  const machine = machineLine();
  const text = report(machine, trials);
  keepResults('switch', text, { machine, trials });
  screen.wide(`\n${text}`);
  return 0;
});
