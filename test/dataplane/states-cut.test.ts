/** How many live states a policy would cut, counted over as many as a node holds by default. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countCut } from '../../src/control/daemon/states-cut.js';
import { type Dataplane, NO_POLICY_NUMBERS, Sets } from '../../src/control/dataplane/index.js';
import * as layouts from '../../src/generated/layouts.js';
import { wideBytes } from '../packet/index.js';
import { mail, stranger } from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { TestWall } from './harness/wall.js';

const STATES = 262_144;
const BATCH = 65_536;
/** Every fourth state is of SMTP from a stranger, which this policy has no line for. */
const STRICT = CAMPUS.replace('{from: any, id: mail-smtp}', '{from: partners, id: mail-smtp}');

let wall: TestWall;

beforeAll(() => {
  wall = new TestWall(layCables(), { maxStates: STATES });
  wall.reset({}, planOf(CAMPUS));
  fill();
});
afterAll(() => wall.close());

/** Connections of clients in 203.0.0.0/16 to ping, SMTP, SMTP's answers and a web server. */
function fill(): void {
  const { Phase, StateBits } = layouts;
  const to = wideBytes(mail.ip);
  for (let from = 0; from < STATES; from += BATCH) {
    const keys = Buffer.alloc(BATCH * layouts.stateKey.size);
    const values = Buffer.alloc(BATCH * layouts.state.size);
    for (let i = 0; i < BATCH; i++) {
      const n = from + i;
      const client = wideBytes(stranger.ip);
      client[13] = n >>> 16;
      client[14] = (n >>> 8) & 255;
      client[15] = n & 255;
      const smtp = n % 4 === 0;
      const key = {
        ...{ low: { byte: to }, high: { byte: client } },
        ...{ lowPort: smtp ? 25 : 77, highPort: smtp ? 40000 : 8 | 0x100 },
        ...{ tag: [0, 0], proto: smtp ? 6 : 1, family: 4, pad: new Uint8Array(2) },
      };
      const phase = smtp ? Phase.ESTABLISHED : Phase.BOTH_WAYS;
      const word = phase | StateBits.ORIG_HIGH | StateBits.LOW_SCREENED;
      const seen = wall.jiffies(0);
      layouts.stateKey.encode(key, keys, i * layouts.stateKey.size);
      const value = { seen, born: seen, word, epoch: 1, ruleOut: 0, ruleIn: 1 };
      layouts.state.encode(value, values, i * layouts.state.size);
    }
    wall.map('established').updateBatch(keys, values, BATCH);
  }
}

it('counts a quarter million states in slices', async () => {
  const parts = {
    map: (name: string) => wall.map(name),
    program: (name: string) => wall.object.program(name),
    clock: { now: () => wall.jiffies(0) },
  } as unknown as Dataplane;
  const sets = await Sets.open(parts);
  const count = (text: string) => countCut(parts, sets, planOf(text), NO_POLICY_NUMBERS);
  expect(await count(CAMPUS)).toBe(0);
  let [longest, last] = [0, performance.now()];
  const watch = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 0);
  const begun = performance.now();
  expect(await count(STRICT)).toBe(STATES / 4);
  clearInterval(watch);
  const took = Math.round(performance.now() - begun);
  process.stdout.write(
    `  ${STATES} states in ${took} ms, longest pause ${Math.round(longest)} ms\n`,
  );
});
