/** The heart of the demo: every cell tried, first without the wall, then with it. */
import { allAttempts, complaint, type Judged, judge, specKey } from './judge.js';
import { aquilantePicture, slidePicture } from './picture.js';
import type { Screen } from './screen.js';
import { type SiteNet, withDrops } from './site-net.js';

import type { DropWatch } from './wall.js';

/**
 * Tries everything over a plain bridge: what is silent later is then silent because of the wall, and
 * not because a server sleeps. Returns complaints.
 */
export async function controlScene(net: SiteNet, screen: Screen): Promise<string[]> {
  const remove = net.plainBridge();
  const attempts = allAttempts().map((attempt) => ({ ...attempt, expected: 'open' as const }));
  const tried = await net.attemptAll(attempts, (done) =>
    screen.progress(`${done} of ${attempts.length}`),
  );
  remove();
  const judged = tried.map((one) => judge({ ...one, drops: [] }));
  const wrong = judged.filter((j) => !j.ok);
  const text = `${judged.length - wrong.length} of ${judged.length} connections go through`;
  if (wrong.length === 0) screen.good(`${text}: every server answers everybody`);
  else screen.bad(text);
  return wrong.map(complaint);
}

/** Tries everything through the wall and judges it. Prints the pictures; returns complaints. */
export async function matrixScene(
  net: SiteNet,
  watch: DropWatch,
  screen: Screen,
): Promise<string[]> {
  const attempts = allAttempts();
  const tried = await net.attemptAll(attempts, (done) =>
    screen.progress(`${done} of ${attempts.length} tried, ${watch.count} drops in the log`),
  );
  // The log is read in batches; what is missing after this is missing.
  const blocked = tried.filter((one) => one.attempt.expected !== 'open');
  await watch.until(() => blocked.every((one) => watch.of(specKey(one.spec)).length > 0), 3000);
  const judged = withDrops(tried, watch).map(judge);
  showMatrix(judged, screen);
  const wrong = judged.filter((j) => !j.ok);
  const open = judged.filter((j) => j.open).length;
  const summary =
    `${judged.length} connections tried, v4 and v6: ${open} went through, ` +
    `${judged.length - open} were stopped, ${wrong.length} wrong`;
  if (wrong.length === 0) screen.good(`${summary}; each stop is in the log with its reason`);
  else screen.bad(summary);
  return wrong.map(complaint);
}

function showMatrix(judged: readonly Judged[], screen: Screen): void {
  screen.wide('');
  screen.wide('What happened at the wall; a tick where it is what the slide says:');
  screen.wide(slidePicture(judged, screen.paint));
  screen.wide(
    "And aquilante's two files, line by line; blank where a machine does not offer that:",
  );
  for (const direction of ['in', 'out'] as const) {
    screen.wide(aquilantePicture(judged, direction, screen.paint));
  }
}
