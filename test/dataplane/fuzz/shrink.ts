/** Makes a failing episode as short as it gets within a number of tries. */
import type { Comparison, Disagreement } from './compare.js';
import { describeEvent } from './compare.js';
import type { Episode } from './episode.js';

const TRIES = 200;

/** The shortest episode found that still fails, and how. */
export function shrink(
  comparison: Comparison,
  episode: Episode,
  failure: Disagreement,
): { episode: Episode; failure: Disagreement } {
  let best = { episode: cutAfter(episode, failure), failure };
  let tries = 0;
  for (
    let size = Math.ceil(best.episode.events.length / 2);
    size >= 1;
    size = Math.floor(size / 2)
  ) {
    for (let at = best.episode.events.length - size; at >= 0 && tries < TRIES; at -= size) {
      const events = best.episode.events.toSpliced(at, size);
      const shorter = { ...best.episode, events };
      const still = comparison.run(shorter);
      tries++;
      if (still !== undefined) best = { episode: cutAfter(shorter, still), failure: still };
    }
  }
  return best;
}

function cutAfter(episode: Episode, failure: Disagreement): Episode {
  return { ...episode, events: episode.events.slice(0, failure.at + 1) };
}

/** A failing episode in words. */
export function report(episode: Episode, failure: Disagreement, hz: number): string {
  const events = episode.events.map((event, at) => `  ${at + 1}. ${describeEvent(event, hz)}`);
  return [
    `seed ${episode.seed}: dataplane and model disagree at event ${failure.at + 1}`,
    ...failure.words.map((words) => `  ${words}`),
    `shortest failing episode found${episode.fdbQuota === undefined ? '' : ` (quota ${episode.fdbQuota})`}:`,
    ...events,
  ].join('\n');
}
