/** A pair goes from one version to the next, one node at a time, while its connections live. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PinSet } from '../../../src/control/dataplane/index.js';
import { Lab } from '../../../src/lab/netns.js';
import { Crowd, serveEchoes } from '../../../src/lab/pair/crowd.js';
import { Pair } from '../../../src/lab/pair/pair.js';
import { type NodeName, otherOf, SERVER } from '../../../src/lab/pair/pair-net.js';
import { buildOlder } from './older-product.js';

const CONNECTIONS = Number(process.env.UPGRADE_CONNECTIONS ?? 500);
const WORDS = 1000;
const NEWCOMERS = 20;

describe(`a pair of an older version, with ${CONNECTIONS} connections`, () => {
  let lab: Lab;
  let pair: Pair;
  let crowd: Crowd;
  let older: string;
  let open = CONNECTIONS;

  beforeAll(async () => {
    lab = new Lab('rolling');
    older = buildOlder(join(lab.directory, 'older'));
    pair = await Pair.build(lab, { attach: 'tc', daemon: older });
    Object.assign(runs, { fw1: older, fw2: older });
    await pair.start();
    await serveEchoes(pair.net.server);
    crowd = new Crowd(pair.net.client);
    await crowd.open(SERVER.v4, 80, CONNECTIONS);
    await crowd.talk(WORDS);
  }, 240_000);
  afterAll(() => lab.close());

  const tag = (node: NodeName) =>
    new PinSet(join(lab.directory, `${node}-bpf`), node).completeTag();
  /** Which version a node runs; undefined: today's. */
  const runs: Record<NodeName, string | undefined> = { fw1: undefined, fw2: undefined };
  /** To today's version, or to that one. */
  const upgrade = async (node: NodeName, program?: string) => {
    const wall = pair.walls[node];
    const upgrades = () =>
      wall
        .lastWords(10_000)
        .split('\n')
        .filter((line) => line.includes('upgraded the running dataplane')).length;
    const before = { tag: tag(node), upgrades: upgrades() };
    await wall.stop();
    wall.use(program);
    await wall.start(120_000);
    expect(tag(node)).not.toBe(before.tag);
    expect(upgrades()).toBe(before.upgrades + 1);
    runs[node] = program;
  };
  /** All connections live, and some more can be opened. */
  const isWhole = async () => {
    expect(await crowd.ask(60_000)).toMatchObject({ open, ended: 0, resets: 0, owing: 0 });
    await crowd.open(SERVER.v4, 80, NEWCOMERS);
    open += NEWCOMERS;
    await crowd.talk(WORDS);
  };

  it('is upgraded one node at a time, and loses none', { timeout: 400_000 }, async () => {
    const first = await pair.settled(60_000);
    const second = otherOf(first);
    expect(tag(first)).toBe(tag(second));
    await isWhole();

    await upgrade(second);
    expect(await pair.settled(60_000)).toBe(first);
    expect(tag(first)).not.toBe(tag(second));
    await isWhole();
    await pair.settled(60_000);

    // From the older to the newer, which has all that it knew.
    await pair.walls[second].run(['ha', 'takeover']);
    expect(await pair.settled(60_000)).toBe(second);
    await isWhole();
    // Back, as one would do that does not like what he sees.
    await pair.settled(60_000);
    await pair.walls[first].run(['ha', 'takeover']);
    expect(await pair.settled(60_000)).toBe(first);
    await isWhole();

    // Again to the newer one, and now the other one follows it.
    await pair.settled(60_000);
    await pair.walls[second].run(['ha', 'takeover']);
    expect(await pair.settled(60_000)).toBe(second);
    await isWhole();
    await upgrade(first);
    expect(await pair.settled(60_000)).toBe(second);
    expect(tag(first)).toBe(tag(second));
    await isWhole();
    await pair.settled(60_000);
    await pair.walls[first].run(['ha', 'takeover']);
    expect(await pair.settled(60_000)).toBe(first);
    await isWhole();
  });

  // Loading its programs keeps the kernel of this machine busy for longer than a silence lasts: nodes share it here.
  it('keeps its active node, and all connections, when that is upgraded in place', {
    timeout: 400_000,
  }, async () => {
    const active = await pair.settled(60_000);
    const { epoch } = await pair.walls[active].json<{ epoch: number }>('ha', 'status');
    for (let turn = 0; turn < 4; turn++) {
      await upgrade(active, runs[active] === undefined ? older : undefined);
      expect(await pair.settled(60_000)).toBe(active);
      await isWhole();
    }
    expect(await pair.walls[active].json('ha', 'status')).toMatchObject({ epoch });
  });
});
