/**
 * `make demo-ha`: two nodes, ten thousand live connections, and the active node gone in three ways. Exit
 * status 0 when none of the connections was lost.
 */
import { Agent } from '../agent/handle.js';
import type { Lab } from '../netns.js';
import { runInLab } from '../run.js';
import type { Screen } from '../screen.js';
import type { AttachMode } from '../wall.js';
import { Crowd, type CrowdReport, serveEchoes } from './crowd.js';
import { failOver, pulseOf } from './failover.js';
import { FAILURES } from './failures.js';
import { Pair } from './pair.js';
import { SERVER } from './pair-net.js';

const CONNECTIONS = Number(process.env.DEMO_CONNECTIONS ?? 10_000);
/** Words a second over all of them. */
const WORDS = 1500;

const PICTURE = `
                    ┌─ fw1 ─┐
  client ── switch ─┤   │   ├─ switch ── server
                    └─ fw2 ─┘
`;

async function scenes(lab: Lab, screen: Screen, attach: AttachMode) {
  screen.step('Two nodes between two switches, and a link between them');
  screen.wide(PICTURE);
  const pair = await Pair.build(lab, { attach });
  let active = await pair.start();
  screen.good(`${active} is active, the other one knows all that it knows`);

  screen.step(`${CONNECTIONS} TCP connections, and a probe every millisecond`);
  await serveEchoes(pair.net.server);
  const crowd = new Crowd(pair.net.client);
  await crowd.open(SERVER.v4, 80, CONNECTIONS);
  await crowd.talk(WORDS);
  const agent = new Agent(pair.net.client);
  await pair.settled();
  const held = (await pair.status(active)).states.established;
  screen.good(`${held} connections in the table of ${active}, all of them known to its peer`);

  const wrong: string[] = [];
  for (const failure of [...FAILURES, FAILURES[0]!]) {
    screen.step(`${failure.name}: ${failure.what}`);
    const before = await crowd.report();
    const { from, to, pulse, reason } = await failOver(pair, pulseOf(agent), failure);
    const after = await crowd.report();
    active = to;
    const lost = after.ended - before.ended;
    screen.good(`${from} -> ${to}: "${reason}"`);
    screen.show(
      `longest gap of the probe ${pulse.longestGapMs} ms; ${pulse.sent - pulse.received} of ${pulse.sent} ` +
        `datagrams lost, ${pulse.duplicates} twice`,
    );
    if (lost === 0)
      screen.good(`no connection ended; ${after.echoed - before.echoed} words went on`);
    else wrong.push(`${failure.name}: ${lost} connections ended, ${after.resets} by a reset`);
  }

  screen.step('Every connection says one more word');
  const last: CrowdReport = await crowd.ask();
  if (last.owing > 0) wrong.push(`${last.owing} connections do not answer any more`);
  if (last.ended > 0) wrong.push(`${last.ended} connections ended`);
  if (wrong.length === 0) screen.good(`all ${last.open} came back`);
  return wrong;
}

process.exitCode = await runInLab('demo-ha', async (lab, screen, attach) => {
  const wrong = await scenes(lab, screen, attach);
  for (const line of wrong) screen.bad(line);
  if (wrong.length === 0) screen.step('Everything as it should be. Cleaning up.');
  return wrong.length === 0 ? 0 : 1;
});
