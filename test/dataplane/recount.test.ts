/** Who holds how many states, when what was counted is wrong, and with all states of a full table. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Dataplane } from '../../src/control/dataplane/object.js';
import { Recount } from '../../src/control/dataplane/recount.js';
import * as layouts from '../../src/generated/layouts.js';
import { wideBytes } from '../packet/index.js';
import { dropped, handshake, known, mail, partner, segment, stranger } from './fixtures/actors.js';
import type { FrameStep } from './fixtures/types.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { held } from './harness/states.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

const LIMITED = `
apiVersion: bridgewall/v1
hosts:
  mail:
    addresses: [192.0.2.25]
    in: {all: {from: any, id: mail-in}}
defaults: {log: {drops: none}, limits: {perSource: {states: 3}, perHost: {states: 100000}}}
`;
const MANY = 65_536;

let wall: TestWall;
let runner: TestRuns;
let recount: Recount;

beforeAll(() => {
  wall = new TestWall(layCables(), { maxStates: MANY });
  runner = new TestRuns(wall, 'xdp');
  recount = new Recount(wall as unknown as Dataplane);
});
afterAll(() => {
  runner.close();
  wall.close();
});
beforeEach(() => wall.reset({}, planOf(LIMITED)));

const send = (...steps: FrameStep[]) =>
  expect(steps.flatMap((step) => runner.send(step))).toEqual([]);
const SOURCE = '203.0.113.5';
const PARTNER = '198.51.100.7';
const HOST = '192.0.2.25';

function setHolder(kind: number, address: string, states: [number, number]): void {
  const key = layouts.holderKey.encode({ address: { byte: wideBytes(address) }, kind });
  wall.map('holders').update(key, layouts.holder.encode({ fullAt: 0n, states }));
}

describe('what is held', () => {
  it('is counted as it comes and goes, and a recount changes nothing', async () => {
    send(...known(stranger, partner, mail));
    send(...handshake(stranger, mail, 1, 25), ...handshake(stranger, mail, 2, 25));
    send(...handshake(partner, mail, 1, 25));
    const counts = { [`source ${SOURCE}`]: 2, [`source ${PARTNER}`]: 1, [`host ${HOST}`]: 3 };
    for (let pass = 0; pass < 3; pass++) {
      expect(held(wall)).toEqual(counts);
      await recount.count();
    }
    expect(held(wall)).toEqual(counts);
  });

  it('is right again after two recounts, whatever was wrong', async () => {
    const { SOURCE: source, HOST: host } = layouts.HolderKind;
    send(...known(stranger, partner, mail));
    send(...handshake(stranger, mail, 1, 25), ...handshake(partner, mail, 1, 25));
    setHolder(source, stranger.ip, [500, -7]);
    setHolder(source, partner.ip, [0, 0]);
    setHolder(source, '203.0.113.99', [0, 3]);
    setHolder(host, mail.ip, [-3, -3]);
    send(dropped(segment(stranger, mail, 2, 25, 'S'), 'limit'));
    await recount.count();
    await recount.count();
    const counts = { [`source ${SOURCE}`]: 1, [`source ${PARTNER}`]: 1, [`host ${HOST}`]: 2 };
    expect(held(wall)).toEqual(counts);
    send(...handshake(stranger, mail, 2, 25));
  });

  it('is forgotten with the limits', async () => {
    send(...known(stranger, mail), ...handshake(stranger, mail, 1, 25));
    wall.install(planOf(LIMITED.replace(/, limits.*/, '}')));
    await recount.turn();
    expect(wall.map('holders').entries().next().done).toBe(true);
    wall.install(planOf(LIMITED));
    await recount.turn();
    expect(held(wall)).toEqual({ [`source ${SOURCE}`]: 1, [`host ${HOST}`]: 1 });
  });

  it('is counted among as many states as the table holds, in slices', async () => {
    const { Phase, StateBits } = layouts;
    const side = { end: 0, limit: 0, window: 0, acked: 0 };
    const keys = Buffer.alloc(MANY * layouts.stateKey.size);
    const values = Buffer.alloc(MANY * layouts.state.size);
    const seen = wall.jiffies(0);
    const word = Phase.BOTH_WAYS | StateBits.ORIG_HIGH | StateBits.LOW_SCREENED;
    for (let n = 0; n < MANY; n++) {
      const client = wideBytes(stranger.ip);
      client[15] = n % 200;
      const key = {
        ...{ low: { byte: wideBytes(mail.ip) }, high: { byte: client } },
        ...{ lowPort: 53, highPort: Math.floor(n / 200) + 1, tag: [0, 0], proto: 17, family: 4 },
        pad: new Uint8Array(2),
      };
      layouts.stateKey.encode(key, keys, n * layouts.stateKey.size);
      const rules = { epoch: 1, ruleOut: 0, ruleIn: 1 };
      const value = { seen, born: seen, word, ...rules, tcp: [side, side] };
      layouts.state.encode(value, values, n * layouts.state.size);
    }
    wall.map('established').updateBatch(keys, values, MANY);
    await recount.count();
    const begun = performance.now();
    await recount.count();
    const took = Math.round(performance.now() - begun);
    process.stdout.write(`  counted ${MANY} states of 200 sources anew in ${took} ms\n`);
    const counts = held(wall);
    expect(counts[`host ${HOST}`]).toBe(MANY);
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(2 * MANY);
  });
});
