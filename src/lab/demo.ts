/**
 * `make demo`: the whole product in two minutes. A site in network namespaces, one bridgewall, the
 * seed's matrix, and every cell of it tried. Exit status 0 when everything was as expected.
 */
import { banScene, changeScene, type Stage } from './live-scenes.js';
import { controlScene, matrixScene } from './matrix-scene.js';
import type { Lab } from './netns.js';
import { runInLab } from './run.js';
import type { Screen } from './screen.js';
import { STATIONS } from './site.js';
import { SiteNet } from './site-net.js';
import { applyPolicy, raiseWall } from './stand.js';
import type { AttachMode, Wall } from './wall.js';
import { countersScene, dropLogScene, explainScene } from './words-scenes.js';

/** Nothing crosses a wall that was never given a policy; also waits until the drop log is being read. */
async function closedScene(stage: Stage): Promise<void> {
  const { net, screen, wrong } = stage;
  const { result } = await net.attempt({
    from: 'extranet',
    to: 'www',
    probe: '80/tcp',
    family: 4,
    expected: 'not-screened',
  });
  if (result.outcome === 'silent') screen.good('without a policy nothing crosses');
  else wrong.push(`without a policy the wall is not closed: ${result.detail}`);
}

/** The drop log must be heard before the matrix is tried: knocks until a drop is told. */
async function waitForLog({ net, watch }: Stage): Promise<void> {
  for (let knock = 0; knock < 10 && watch.count === 0; knock++) {
    await net.attempt({
      from: 'extranet',
      to: 'aquilante',
      probe: '3306/tcp',
      family: 4,
      expected: 'no-in',
    });
  }
  if (watch.count === 0) throw new Error('bwctl watch drops tells nothing');
}

async function scenes(lab: Lab, screen: Screen, attach: AttachMode) {
  const wrong: string[] = [];
  screen.step(`Building a site: ${STATIONS.length} machines, each with a cable to the wall`);
  const net = await SiteNet.build(lab);
  let wall: Wall | null = null;
  try {
    screen.step('First without a wall, over a plain bridge');
    wrong.push(...(await controlScene(net, screen)));

    screen.step(`Now bridgewalld (attach: ${attach})`);
    wall = await raiseWall(net, attach, screen);
    const watch = wall.watchDrops();
    const stage: Stage = { net, wall, watch, screen, wrong };
    await closedScene(stage);
    await applyPolicy(wall, screen);
    await waitForLog(stage);

    screen.step('Every cell of the matrix, allowed or not');
    wrong.push(...(await matrixScene(net, watch, screen)));
    screen.step('An address is banned while it downloads');
    await banScene(stage);
    screen.step('A line is taken out of the policy under a living connection');
    await changeScene(stage);
    screen.step('Why?');
    await explainScene(stage);
    screen.step('The drop log');
    await dropLogScene(stage);
    screen.step('The books');
    await countersScene(stage);
  } catch (error) {
    if (wall && !lab.closing) screen.show(`bridgewalld's last words:\n${wall.lastWords()}`);
    throw error;
  }
  return wrong;
}

process.exitCode = await runInLab('demo', async (lab, screen, attach) => {
  const wrong = await scenes(lab, screen, attach);
  if (wrong.length === 0) {
    screen.step('Everything as it should be. Cleaning up.');
    return 0;
  }
  screen.step(`${wrong.length} wrong:`);
  for (const line of wrong.slice(0, 60)) screen.bad(line);
  if (wrong.length > 60) screen.show(`and ${wrong.length - 60} more`);
  return 1;
});
