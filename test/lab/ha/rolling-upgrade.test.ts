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
  let open = CONNECTIONS;

  beforeAll(async () => {
    lab = new Lab('rolling');
    const daemon = buildOlder(join(lab.directory, 'older'));
    pair = await Pair.build(lab, { attach: 'tc', daemon });
    await pair.start();
    await serveEchoes(pair.net.server);
    crowd = new Crowd(pair.net.client);
    await crowd.open(SERVER.v4, 80, CONNECTIONS);
    await crowd.talk(WORDS);
  }, 240_000);
  afterAll(() => lab.close());

  const tag = (node: NodeName) =>
    new PinSet(join(lab.directory, `${node}-bpf`), node).completeTag();
  const upgrade = async (node: NodeName) => {
    const before = tag(node);
    const wall = pair.walls[node];
    await wall.stop();
    wall.use();
    await wall.start();
    expect(tag(node)).not.toBe(before);
    const said = wall.lastWords(10_000).split('\n');
    expect(said.filter((line) => line.includes('upgraded the running dataplane'))).toHaveLength(1);
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
});
