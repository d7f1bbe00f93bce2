/** A random episode as a fixture, for runners that know nothing of episodes. */
import type { Fixture, Step } from '../fixtures/types.js';
import { retold } from '../harness/model.js';
import type { Episode } from './episode.js';
import type { Arrival } from './frames.js';

/**
 * The episode, its expectations taken from the reference model.
 *
 * @param carries says which frames can be sent at all
 */
export function episodeFixture(
  { seed, events, fdbQuota, stp, detour }: Episode,
  hz: number,
  carries: (arrival: Arrival) => boolean,
): Fixture {
  let now = 0;
  let groups = '';
  const steps: Step[] = [];
  for (const event of events) {
    if (event.kind === 'clock') {
      now = event.jiffies / hz;
      steps.push({ kind: 'at', seconds: now });
    } else if (event.kind === 'port') {
      steps.push(event);
    } else if (event.kind === 'lease') {
      steps.push({ kind: 'lease', until: event.jiffies / hz });
    } else if (event.kind === 'expected') {
      const { jiffies, ...expected } = event;
      steps.push({ ...expected, until: jiffies / hz });
    } else if (event.kind === 'policy') {
      groups = event.text;
      steps.push({ kind: 'policy', text: event.text });
    } else if (event.kind === 'member') {
      const { group, address, expires, remove } = event;
      if (!groups.includes(` ${group}: {dynamic`)) continue;
      const ttl = expires === 0 ? {} : { ttl: expires / hz - now };
      steps.push({ kind: 'member', group, address, remove, ...ttl });
    } else if (event.kind === 'sweep') {
      steps.push({ kind: 'sweep' });
    } else if (event.kind === 'frame' && carries(event)) {
      const { port, frame } = event;
      steps.push({ kind: 'frame', port, frame, expect: { action: 'drop', reason: 'none' } });
    }
  }
  const quota = fdbQuota === undefined ? {} : { fdbQuota };
  const node = { detour, bpdu: stp ? ('kernel' as const) : ('forward' as const), ...quota };
  return retold({ name: `seed ${seed}`, steps, node }, (frame) => frame);
}
