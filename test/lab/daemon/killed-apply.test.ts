/** An apply that is killed at any moment leaves one whole policy: the one before, or the new one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from './bench.js';

const TIMES = Number(process.env.KILLED_APPLIES ?? 5);
const PORTS = [8001, 8002] as const;
/** Large enough that an apply takes its time: half of all kills shall hit it on the way. */
const HOSTS = 400;

/** Allows one port of the two; all else is padding. */
function variant(which: 0 | 1, serial: number): string {
  const padding = Array.from({ length: HOSTS }, (_, i) => {
    const address = `10.77.${i >> 8}.${i & 255}`;
    return `  h${i}: {addresses: [${address}], in: {${1000 + which}/tcp: any, ${2000 + i}/udp: local}}`;
  });
  return [
    `# variant ${which}, apply ${serial}`,
    'apiVersion: bridgewall/v1',
    'groups:',
    '  local: [10.9.0.0/24]',
    'hosts:',
    '  server:',
    '    addresses: [10.9.0.2]',
    '    in:',
    '      ping: local',
    `      ${PORTS[which]}/tcp: local`,
    ...padding,
  ].join('\n');
}

/** The variant that a text is. */
function variantOf(text: string): 0 | 1 {
  return text.startsWith('# variant 0') ? 0 : 1;
}

describe('an apply that is killed', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = new Bench();
    await bench.serve(...PORTS);
    await bench.start();
  });
  afterAll(() => bench.close());

  it(`leaves the old policy or the new one, whole, ${TIMES} times`, {
    timeout: 60_000 + TIMES * 20_000,
  }, async () => {
    let installed = variant(0, 0);
    const begun = performance.now();
    await bench.apply(installed);
    const duration = performance.now() - begun;
    let [old, fresh] = [0, 0];
    for (let time = 1; time <= TIMES; time++) {
      const wanted = variant(variantOf(installed) === 0 ? 1 : 0, time);
      const before = await bench.api.status();
      const applying = bench.apply(wanted).then(
        () => true,
        () => false,
      );
      // Anywhere between the first line read and a moment after the switch.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * duration * 1.2));
      await bench.kill();
      const answered = await applying;

      // Before any daemon is there: the packets say what stands.
      const open: boolean[] = [];
      for (const port of PORTS) open.push(await bench.connects(port));
      expect(open.filter((each) => each)).toHaveLength(1);

      await bench.start();
      const { text } = await bench.api.policyText(null);
      expect([installed, wanted]).toContain(text);
      if (answered) expect(text).toBe(wanted);
      expect(open[variantOf(text)]).toBe(true);
      for (const port of PORTS) open.push(await bench.connects(port));
      expect(open.slice(2)).toEqual(open.slice(0, 2));

      const after = await bench.api.status();
      const [current, ...others] = await bench.api.history();
      expect(current).toMatchObject({ generation: after.generation, current: true });
      expect(current!.digest).toBe(after.policy!.digest);
      expect(others.every((each) => !each.current)).toBe(true);
      if (text === installed) {
        old++;
        expect([after.generation, after.policy]).toEqual([before.generation, before.policy]);
      } else {
        fresh++;
        expect(after.generation).toBe(before.generation + 1);
        expect(after.policy!.digest).not.toBe(before.policy!.digest);
      }
      // What was installed is that text: the same again is no difference.
      const again = await bench.apply(text);
      expect(again).toMatchObject({ installed: false, differs: false });
      installed = text;
    }
    process.stdout.write(
      `  killed ${TIMES} times: ${old} times the old policy, ${fresh} the new\n`,
    );
  });
});
