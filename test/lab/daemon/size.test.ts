/** A policy at its full size is installed while the daemon goes on guarding its wall, and answering. */
import { afterEach, expect, it } from 'vitest';
import { policyText } from '../../../bench/policy.js';
import { Bench, policy } from './bench.js';

const RULES = 65_000;

let bench: Bench;

afterEach(() => bench.close());

it('an apply of 65,000 rules holds up neither repairs nor answers', async () => {
  bench = new Bench();
  await bench.start();
  await bench.apply(policy([]));
  let applying = true;
  const begun = performance.now();
  const applied = bench.apply(policyText(RULES)).finally(() => {
    applying = false;
  });
  const repaired = (async () => {
    let repairs = 0;
    while (applying) {
      await bench.wall.run(['nft', 'delete', 'table', 'bridge', 'bridgewall_fw_1']);
      for (;;) {
        const args = ['nft', 'list', 'table', 'bridge', 'bridgewall_fw_1'];
        if ((await bench.wall.run(args)).status === 0) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (applying) repairs++;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    return repairs;
  })();
  const answered = (async () => {
    let [longest, last] = [0, performance.now()];
    while (applying) {
      await bench.api.status();
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return longest;
  })();
  expect(await applied).toMatchObject({ installed: true, rules: RULES, generation: 2 });
  const whole = performance.now() - begun;
  const [repairs, longest] = [await repaired, await answered];
  process.stdout.write(
    `  65,000 rules in ${whole.toFixed(0)} ms, ${repairs} repairs meanwhile, the longest answer ${longest.toFixed(0)} ms\n`,
  );
  expect(repairs).toBeGreaterThan(2);
  // In one thread, reading the text alone took more than half of the time.
  expect(longest / whole).toBeLessThan(0.3);
  // It is kept with its plan: the next daemon knows it at once.
  await bench.restart('SIGKILL');
  expect(await bench.api.status()).toMatchObject({ generation: 2, policy: { rules: RULES } });
}, 180_000);
