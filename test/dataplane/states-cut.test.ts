/** Passes over as many live states as a node holds by default. */
import { afterAll, beforeAll, expect, it } from 'vitest';
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
      const side = { end: 0, limit: 0, window: 0, acked: 0 };
      const rules = { epoch: 1, ruleOut: 0, ruleIn: 1 };
      const value = { seen, born: seen, word, ...rules, tcp: [side, side] };
      layouts.state.encode(value, values, i * layouts.state.size);
    }
    wall.map('established').updateBatch(keys, values, BATCH);
  }
}

/** What `work` came to, with its time and the longest pause of the event loop told. */
async function timed(what: string, work: () => Promise<number>): Promise<number> {
  let [longest, last] = [0, performance.now()];
  const watch = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 0);
  const begun = performance.now();
  const result = await work();
  clearInterval(watch);
  const took = Math.round(performance.now() - begun);
  const pause = `longest pause ${Math.round(longest)} ms`;
  process.stdout.write(`  ${what} ${STATES} states in ${took} ms, ${pause}\n`);
  return result;
}

const live = () => wall.passes.kill({ either: { port: 0 } });

it('counts, cuts and kills among a quarter million states in slices', async () => {
  const count = (text: string) => () => wall.countCut(planOf(text));
  expect(await timed('counted', count(CAMPUS))).toBe(0);
  expect(await timed('counted', count(STRICT))).toBe(STATES / 4);
  const cut = () => wall.passes.cut();
  expect(await timed('judged', cut)).toBe(0);
  wall.install(planOf(STRICT));
  expect(await timed('cut', cut)).toBe(STATES / 4);
  expect(await timed('found nothing to cut', cut)).toBe(0);
  expect(await timed('killed nothing of', live)).toBe(0);
  expect(await timed('killed', () => wall.passes.kill({ proto: 1, either: { port: 77 } }))).toBe(
    (STATES / 4) * 3,
  );
  expect(await wall.passes.kill({})).toBe(0);
});
